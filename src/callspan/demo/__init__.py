"""`callspan demo`: run a small program against a model server on this machine."""

from callspan.demo.show import main

__all__ = ["main"]
