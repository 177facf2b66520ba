"""How each wire format reads: pure functions from a request or an answer to plain data."""
