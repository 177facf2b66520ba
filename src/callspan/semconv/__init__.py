"""The names of OpenTelemetry's conventions for generative AI, and ours; they stand only here."""
