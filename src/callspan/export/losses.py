"""Counts of what was recorded and has not arrived: one way of counting for every destination."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from callspan.runtime import process

NOUNS = {"traces": "span", "metrics": "metric", "logs": "event"}


@dataclass(frozen=True, slots=True)
class Loss:
    """What a destination did not get of one signal: `traces`, `metrics` or `logs`.

    `lost` has not arrived and never will. `unconfirmed` was on its way when the destination was closed: it may have
    arrived, for only the answer is missing.
    """

    destination: str
    signal: str
    lost: int
    unconfirmed: int = 0


class ItemCount:
    """Counts the spans, or the events, of one destination.

    `accept` and `drop` may be called in any thread and in a finalizer, so they take no lock. All other methods belong
    to the thread that sends.
    """

    def __init__(self) -> None:
        self._accepted = _Steps()
        self._dropped = _Steps()
        self._delivered = 0
        self._failed = 0
        self._reported = 0
        self._in_flight = _InFlight()
        self._closed = False

    def accept(self, number: int = 1) -> None:
        """Count items that are to be delivered."""
        self._accepted.add(number)

    def drop(self, number: int = 1) -> None:
        """Count accepted items that were given up before anybody tried to send them."""
        self._dropped.add(number)

    def begin(self, number: int) -> None:
        """Note that a request with so many items is on its way."""
        self._in_flight.begin(number)

    def refused(self, seconds: float) -> None:
        """Note that the request was refused, and goes out once more in so many seconds."""
        self._in_flight.pause(seconds)

    def withdraw(self) -> None:
        """Note that the request has failed and is kept, to be sent again."""
        self._in_flight.end()

    def end(self, delivered: int, failed: int) -> None:
        """Note how a request, or the writing of a line, has ended."""
        self._in_flight.end()
        self._delivered += delivered
        self._failed += failed

    @property
    def accepted(self) -> int:
        """How many items there were up to now."""
        return self._accepted.value

    def expect(self, accepted: int) -> None:
        """Count as dropped what is neither delivered nor failed of so many items: nothing waits any more."""
        missing = accepted - self._dropped.value - self._delivered - self._failed
        if missing > 0:
            self._dropped.add(missing)

    def close(self) -> None:
        """Note that nothing is sent any more: what waits is lost."""
        self._closed = True

    @property
    def unconfirmed(self) -> int:
        """How many items are on their way, with no answer."""
        return self._in_flight.number

    @property
    def lost(self) -> int:
        """How many items have not arrived and will not."""
        if self._closed:
            return max(0, self.accepted - self._delivered - self.unconfirmed)
        return self._dropped.value + self._failed

    def news(self) -> bool:
        """Whether items were lost since this was asked last."""
        lost, before = self.lost, self._reported
        self._reported = lost
        return lost > before


class MetricsCount:
    """Counts the metrics of one destination.

    Metrics are sums since the start of the process, so those of the last request stand for all before. Where they are
    differences (`delta`) each request that fails is lost for itself.
    """

    def __init__(self) -> None:
        self._lost = 0
        self._waiting = 0
        self._delta = False
        self._in_flight = _InFlight()
        self._closed = False

    def accept(self, number: int = 1) -> None:
        """Note that so many metrics are to be delivered."""
        self._waiting = number

    def drop(self, number: int = 1) -> None:
        """Note that metrics were given up before anybody tried to send them."""
        self.end(0, number)

    def begin(self, number: int) -> None:
        """Note that a request with so many metrics is on its way."""
        self._in_flight.begin(number)

    def refused(self, seconds: float) -> None:
        """Note that the request was refused, and goes out once more in so many seconds."""
        self._in_flight.pause(seconds)

    def end(self, delivered: int, failed: int, delta: bool = False) -> None:
        """Note how a request has ended."""
        self._in_flight.end()
        self._waiting = 0
        self._delta = delta
        before = self._lost if delta else 0
        self._lost = before + failed

    def close(self) -> None:
        """Note that nothing is sent any more."""
        self._closed = True

    @property
    def unconfirmed(self) -> int:
        """How many metrics are on their way, with no answer."""
        return self._in_flight.number

    @property
    def lost(self) -> int:
        """How many metrics the destination does not have."""
        if not self._closed:
            return self._lost
        unsent = self._waiting or self._in_flight.held - self.unconfirmed
        is_replaced = bool(unsent or self._in_flight.held) and not self._delta
        before = 0 if is_replaced else self._lost
        return before + unsent

    def news(self) -> bool:
        """Whether the destination lacks metrics now."""
        return self.lost > 0


Count = ItemCount | MetricsCount


class _InFlight:
    """The number of items in the request that is on its way; none while the exporter waits between two tries.

    `held` is the number in either state.
    """

    def __init__(self) -> None:
        self.held = 0
        self._paused_until = 0.0

    def begin(self, number: int) -> None:
        self.held, self._paused_until = number, 0.0

    def pause(self, seconds: float) -> None:
        self._paused_until = time.monotonic() + seconds

    def end(self) -> None:
        self.held = 0

    @property
    def number(self) -> int:
        return self.held if time.monotonic() >= self._paused_until else 0


class _Steps:
    """A number that any thread raises without a lock; only those who read it take one."""

    def __init__(self) -> None:
        self._steps = itertools.count()
        self._reads = 0
        self._lock = process.own_lock(self)

    def add(self, number: int) -> None:
        for _ in range(number):
            next(self._steps)

    @property
    def value(self) -> int:
        with self._lock:
            value = next(self._steps) - self._reads
            self._reads += 1
            return value


def losses(destination: str, counts: Mapping[str, Count]) -> list[Loss]:
    """Return what a destination has lost of each signal, without the signals of which it lost nothing."""
    rows = [
        Loss(destination, signal, count.lost, count.unconfirmed) for signal, count in counts.items()
    ]
    return [row for row in rows if row.lost or row.unconfirmed]


def sentence(rows: Iterable[Loss], failure: str) -> str:
    """Return a line about one destination, or "" if it lost nothing; `failure` says what could not be done."""
    rows = list(rows)
    lost = _sum({row.signal: row.lost for row in rows})
    unconfirmed = _sum({row.signal: row.unconfirmed for row in rows})
    if lost and unconfirmed:
        return f"{lost} {failure}; not confirmed: {unconfirmed}"
    if lost:
        return f"{lost} {failure}"
    return f"not confirmed by {rows[0].destination}: {unconfirmed}" if unconfirmed else ""


def _sum(numbers: dict[str, int]) -> str:
    """Return numbers in words, such as `3 spans, 1 metric and 2 events`."""
    parts = [
        f"{numbers[signal]} {_noun(signal, numbers[signal])}"
        for signal in NOUNS
        if numbers.get(signal)
    ]
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def _noun(signal: str, number: int) -> str:
    return NOUNS[signal] if number == 1 else f"{NOUNS[signal]}s"
