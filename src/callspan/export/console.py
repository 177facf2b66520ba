"""The console as a destination: the tree of each trace, and the table of tokens at exit."""

from __future__ import annotations

from typing import Any

from callspan.export.exporter import Exporter
from callspan.export.losses import ItemCount
from callspan.export.text.tree import TreePrinter


class Console(Exporter):
    """Prints trees on stderr."""

    name = "console"
    failure = "could not be printed on stderr"

    def __init__(self) -> None:
        count = ItemCount()
        self.counts = {"traces": count}
        self._tree = TreePrinter(count=count)

    def span_processors(self) -> tuple[Any, ...]:
        """The tree."""
        return (self._tree,)

    def wants(self, signal: str) -> bool:
        """Spans only; tokens are counted by a handler."""
        return signal == "traces"

    def describe(self) -> list[str]:
        """Where it prints."""
        return ["console: a tree a trace and a table of tokens at exit, on stderr"]

    def flush(self, signal: str, deadline: float) -> bool:
        """Print what still waits."""
        return self._tree.force_flush() if signal == "traces" else True

    def close(self, deadline: float) -> None:
        """Print what is left."""
        self._tree.shutdown()

    def in_child(self) -> Console:
        """A child begins with no trace."""
        return Console()
