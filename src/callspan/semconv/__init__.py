"""The names of the OpenTelemetry conventions for generative AI, and of our own; nowhere else are they written."""
