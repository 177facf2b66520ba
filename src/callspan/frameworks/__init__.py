"""Frameworks that have callbacks of their own."""
