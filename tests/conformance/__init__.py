"""What callspan emits, checked against the OpenTelemetry conventions for generative AI and against our own registry."""
