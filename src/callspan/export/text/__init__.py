"""Spans as text for a terminal: the tree of a trace and the table of tokens."""
