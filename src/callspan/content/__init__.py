"""The content of calls as it may leave the process: captured fields, redacted, cut to a size."""
