"""The console as a destination: a tree of each trace on stderr."""

from __future__ import annotations

from typing import Any

from callspan.export.exporter import Exporter
from callspan.export.losses import ItemCount
from callspan.export.text.tree import TreePrinter


class Console(Exporter):
    """Prints trees. The table of tokens is printed at exit by `providers`, as it counts calls, not spans.

    Args:
        has_content: Whether to print messages too, in short, where they are captured.
    """

    name = "console"
    failure = "could not be printed on stderr"

    def __init__(self, has_content: bool = False) -> None:
        self._has_content = has_content
        count = ItemCount()
        self.counts = {"traces": count}
        self._tree = TreePrinter(count=count, has_quotes=has_content)

    def span_processors(self) -> tuple[Any, ...]:
        """Return the printer of trees."""
        return (self._tree,)

    def wants(self, signal: str) -> bool:
        """Whether it is traces; tokens are counted by a handler."""
        return signal == "traces"

    def describe(self) -> list[str]:
        """Return one line that says where it prints."""
        content = ", with what was said," if self._has_content else ""
        return [f"console: a tree a trace{content} and a table of tokens at exit, on stderr"]

    def flush(self, signal: str, deadline: float) -> bool:
        """Print the spans that wait for an open one."""
        return signal != "traces" or self._tree.force_flush()

    def close(self, deadline: float) -> None:
        """Print the spans that wait for an open one."""
        self._tree.shutdown()

    def in_child(self) -> Console:
        """Return a console without any trace."""
        return Console(self._has_content)
