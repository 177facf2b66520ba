"""Counts of what was recorded and has not arrived, in one way for every destination."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from callspan.runtime import process

NOUNS = {"traces": "span", "metrics": "metric", "logs": "event"}


@dataclass(frozen=True, slots=True)
class Loss:
    """The number of items of one signal that a destination did not confirm.

    Attributes:
        destination: The name of the destination.
        signal: `traces`, `metrics` or `logs`.
        lost: Items that have not arrived and never will.
        unconfirmed: Items that were sent and got no answer, because the destination was closed or
            broke off: they may have arrived.
    """

    destination: str
    signal: str
    lost: int
    unconfirmed: int = 0


class ItemCount:
    """Counts the spans, or the events, of one destination.

    `accept` and `drop` may be called in any thread and in a finalizer, so they take no lock. All other
    methods belong to the thread that sends.
    """

    def __init__(self) -> None:
        self._accepted = _LockFreeCounter()
        self._dropped = _LockFreeCounter()
        self._delivered = 0
        self._failed = 0
        self._unanswered = 0
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

    def unanswered(self) -> None:
        """Note that the request was sent, and that the connection ended without an answer."""
        self._in_flight.doubt()

    def withdraw(self) -> None:
        """Note that the request has failed and is kept, to be sent again."""
        self._in_flight.withdraw()

    def end(self, delivered: int, failed: int) -> None:
        """Note how a request, or the writing of a line, has ended."""
        unanswered = self._in_flight.end(failed)
        self._delivered += delivered
        self._unanswered += unanswered
        self._failed += failed - unanswered

    @property
    def accepted(self) -> int:
        """How many items there were up to now."""
        return self._accepted.value

    def expect(self, accepted: int) -> None:
        """Count as dropped the items that are missing of those accepted, as none waits any more."""
        finished = self._dropped.value + self._delivered + self._failed + self._unanswered
        missing = accepted - finished
        if missing > 0:
            self._dropped.add(missing)

    def close(self) -> None:
        """Note that nothing is sent any more: items that still wait are lost."""
        self._closed = True

    @property
    def unconfirmed(self) -> int:
        """How many items were sent, with no answer."""
        return self._in_flight.number + self._unanswered

    @property
    def lost(self) -> int:
        """How many items have not arrived and will not."""
        # what was accepted and neither delivered nor sent was still in a queue
        if self._closed:
            return max(0, self.accepted - self._delivered - self.unconfirmed)
        return self._dropped.value + self._failed

    def news(self) -> bool:
        """Whether items were lost, or are not confirmed for good, since this was asked last."""
        reported = self._reported
        self._reported = self.lost + self._unanswered
        return self._reported > reported


class MetricsCount:
    """Counts the metrics of one destination.

    Metrics are sums since the start of the process, so those of the last request stand for all before.
    Where they are differences (`delta`), each request that fails is a loss of its own.
    """

    def __init__(self) -> None:
        self._lost = 0
        self._unanswered = 0
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

    def unanswered(self) -> None:
        """Note that the request was sent, and that the connection ended without an answer."""
        self._in_flight.doubt()

    def end(self, delivered: int, failed: int, delta: bool = False) -> None:
        """Note how a request has ended."""
        unanswered = self._in_flight.end(failed)
        self._waiting = 0
        self._delta = delta
        # this request had all sums, so losses before it are made good
        if not delta:
            self._lost = self._unanswered = 0
        self._unanswered += unanswered
        self._lost += failed - unanswered

    def close(self) -> None:
        """Note that nothing is sent any more."""
        self._closed = True

    @property
    def unconfirmed(self) -> int:
        """How many metrics were sent, with no answer."""
        before = 0 if self._is_replaced else self._unanswered
        return self._in_flight.number + before

    @property
    def lost(self) -> int:
        """How many metrics the destination does not have."""
        if not self._closed:
            return self._lost
        before = 0 if self._is_replaced else self._lost
        return before + self._unsent

    @property
    def _unsent(self) -> int:
        return self._waiting or max(0, self._in_flight.held - self._in_flight.number)

    @property
    def _is_replaced(self) -> bool:
        """Whether the sums of the request before stand in one that waits or is on its way."""
        has_newer = self._unsent > 0 or self._in_flight.held > 0
        return has_newer and not self._delta

    def news(self) -> bool:
        """Whether the destination lacks metrics now."""
        return self.lost + self._unanswered > 0


Count = ItemCount | MetricsCount


class _InFlight:
    """The number of items in the request that is on its way; none between two tries.

    `held` is the number in either state. Once a try has got no answer, its items stay in doubt
    until another try is successful.
    """

    def __init__(self) -> None:
        self.held = 0
        self._doubtful = 0
        self._paused_until = 0.0

    def begin(self, number: int) -> None:
        # doubt stays: an earlier try may have arrived, whatever comes of this one
        self.held, self._paused_until = number, 0.0

    def pause(self, seconds: float) -> None:
        self._paused_until = time.monotonic() + seconds

    def doubt(self) -> None:
        self._doubtful = self.held

    def withdraw(self) -> None:
        self.held = 0

    def end(self, failed: int) -> int:
        """End for good; return how many of those that failed may have arrived."""
        doubtful = min(self._doubtful, failed)
        self.held = self._doubtful = 0
        return doubtful

    @property
    def number(self) -> int:
        is_paused = time.monotonic() < self._paused_until
        return self._doubtful if is_paused else max(self.held, self._doubtful)


class _LockFreeCounter:
    """A number that any thread raises without a lock; only those who read it take one.

    `next` of `itertools.count` is one step for CPython, and also the only way to read it.
    """

    def __init__(self) -> None:
        self._steps = itertools.count()
        self._reads = 0
        self._lock = process.own_lock(self)

    def add(self, number: int) -> None:
        # one step each, as `count` knows no larger ones; most numbers are 1
        for _ in range(number):
            next(self._steps)

    @property
    def value(self) -> int:
        with self._lock:
            value = next(self._steps) - self._reads
            self._reads += 1
            return value


def losses_of(destination: str, counts: Mapping[str, Count]) -> list[Loss]:
    """Return the losses of a destination, without the signals of which it lost nothing."""
    rows: list[Loss] = []
    for signal, count in counts.items():
        loss = Loss(destination, signal, count.lost, count.unconfirmed)
        if loss.lost or loss.unconfirmed:
            rows.append(loss)
    return rows


def describe_losses(rows: Iterable[Loss], failure: str) -> str:
    """Return a line about one destination, or "" if it lost nothing.

    Args:
        rows: The losses of the destination.
        failure: The words that follow the number of lost items, such as `could not be sent to ...`.
    """
    rows = list(rows)
    lost = _enumerate({row.signal: row.lost for row in rows})
    unconfirmed = _enumerate({row.signal: row.unconfirmed for row in rows})
    if not unconfirmed:
        return f"{lost} {failure}" if lost else ""
    if not lost:
        return f"not confirmed by {rows[0].destination}: {unconfirmed}"
    return f"{lost} {failure}; not confirmed: {unconfirmed}"


def _enumerate(numbers: dict[str, int]) -> str:
    """Return numbers by signal in words, such as `3 spans, 1 metric and 2 events`."""
    parts: list[str] = []
    for signal in NOUNS:
        number = numbers.get(signal, 0)
        if number:
            parts.append(f"{number} {_noun(signal, number)}")
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def _noun(signal: str, number: int) -> str:
    return NOUNS[signal] if number == 1 else f"{NOUNS[signal]}s"
