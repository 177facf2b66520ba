"""The command `callspan`: run, demo, clients, doctor. It uses the public API of the package only."""

from callspan.cli.entry import main

__all__ = ["main"]
