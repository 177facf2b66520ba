"""One destination that is open: what it wants of each signal, and how it is flushed and closed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from callspan.export.losses import Count


class Exporter:
    """A destination with nothing in it; each kind of destination fills in what it has.

    `joins` says that it may be added to a provider of the app's own, because what goes there goes there once.
    `remote` says that flushing may take all the time that there is.
    `counts` has the number of what was lost of each signal, and `failure` says in words what could not be done with it.
    """

    joins = True
    remote = False
    name = ""
    failure = "could not be delivered"
    counts: Mapping[str, Count] = MappingProxyType({})

    def span_processors(self) -> tuple[Any, ...]:
        """What spans are passed on to."""
        return ()

    def log_processors(self) -> tuple[Any, ...]:
        """What log records are passed on to."""
        return ()

    def metric_reader(self) -> Any:
        """A new metric reader, in place of the one given before; `None` when metrics are not wanted."""
        return None

    def wants(self, signal: str) -> bool:
        """Whether it takes a signal."""
        return False

    def describe(self) -> list[str]:
        """A line for each place to which something goes."""
        return []

    def begin_flush(self, deadline: float) -> None:
        """Begin to bring out all signals beside each other; `flush` waits for that."""

    def flush(self, signal: str, deadline: float) -> bool:
        """Bring out what was recorded of a signal; false if it could not be done by then."""
        return True

    def give_up_absent(self) -> None:
        """Wait no more for a destination that is not there."""

    def close(self, deadline: float) -> None:
        """Let go of everything; called once."""

    def forked(self) -> None:
        """We are in a forked child: let go of what must not be shared, doing as little as can be."""

    def in_child(self) -> Exporter | None:
        """What takes its place in a forked child."""
        return None


def seconds_left(deadline: float) -> float:
    """Seconds until a deadline, never below 0."""
    return max(0.0, deadline - time.monotonic())
