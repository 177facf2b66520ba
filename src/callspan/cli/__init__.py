"""The command `callspan`: run, demo, clients, tokens, doctor."""

from callspan.cli.entry import main

__all__ = ["main"]
