"""`callspan demo`: a look at what callspan shows, with a real client and a model server on this machine."""

from callspan.demo.show import main

__all__ = ["main"]
