"""A destination that is open: which signals it takes, and how it is flushed and closed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from callspan.export.losses import Count


class Exporter:
    """A destination that takes nothing; each kind of destination overrides the methods that it needs.

    Attributes:
        joins: Whether it may be added to a provider of the app's own, as nothing is sent there twice.
        remote: Whether flushing may take all the time that there is.
        name: The destination, in words for the user.
        failure: The words for what was lost, after its number: `could not be sent to ...`.
        counts: Counts of delivered and lost items, by signal.
    """

    # a collector of the environment is the one exception: the app may send there already
    joins = True
    remote = False
    name = ""
    failure = "could not be delivered"
    # shared by all classes, so it must not be written to
    counts: Mapping[str, Count] = MappingProxyType({})

    def span_processors(self) -> tuple[Any, ...]:
        """Return the processors to which spans are passed on."""
        return ()

    def log_processors(self) -> tuple[Any, ...]:
        """Return the processors to which log records are passed on."""
        return ()

    def metric_reader(self) -> Any:
        """Return a new metric reader in place of the one before; `None` where metrics are not taken."""
        return None

    def wants(self, signal: str) -> bool:
        """Whether it takes a signal."""
        return False

    def describe(self) -> list[str]:
        """Return a line for each place to which something goes."""
        return []

    def begin_flush(self, deadline: float) -> None:
        """Begin to send all signals beside each other; `flush` waits for that."""

    def flush(self, signal: str, deadline: float) -> bool:
        """Send everything that was recorded of a signal; return false if that was not done in time."""
        return True

    def give_up_absent(self) -> None:
        """Wait no more for a destination that is not there."""

    def close(self, deadline: float) -> None:
        """Let go of everything; called once."""

    def forked(self) -> None:
        """In a forked child, let go of sockets and the like; this must not wait for any lock."""

    def in_child(self) -> Exporter | None:
        """Return the exporter that takes its place in a forked child, or `None`."""
        return None


def seconds_left(deadline: float) -> float:
    """Return the seconds until a deadline (`time.monotonic`), never below 0."""
    return max(0.0, deadline - time.monotonic())
