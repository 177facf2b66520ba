"""Handlers for people: a token counter, and lines on the console or in a file."""
