"""What `instrument()` puts together: clients, frameworks, handlers and providers."""
