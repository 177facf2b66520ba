"""Handlers that turn calls into OpenTelemetry spans, metrics and log events."""
