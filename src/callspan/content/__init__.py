"""What was said, as far as it may leave the process: chosen fields, redacted, in sizes that back ends take."""
