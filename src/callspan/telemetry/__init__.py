"""Handlers that make OpenTelemetry spans, metrics and log events of calls."""
