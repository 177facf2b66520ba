"""Put clients, frameworks, handlers and providers together: `instrument()` and its kin."""
