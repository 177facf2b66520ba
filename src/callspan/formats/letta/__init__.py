"""Letta's format."""
