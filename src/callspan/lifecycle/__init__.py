"""The life of one call: its observation, streams, and who is told."""
