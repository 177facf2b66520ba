"""What is told of calls: spans, metrics, log events, a token counter, and lines for people."""
