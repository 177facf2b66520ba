"""The exporters of this process: opened, flushed, closed and counted together."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Mapping

from callspan.export.endpoints import SIGNALS
from callspan.export.exporter import Exporter
from callspan.export.losses import Loss, describe_losses, losses_of
from callspan.runtime import guard

Openers = dict[Hashable, Callable[[], Exporter]]
"""How each destination is opened, by a key that is equal for the same destination."""
_UNDO_SECONDS = 1.0
"""How long closing may take where another destination could not be opened."""


class ExporterSet:
    """The exporters that are open.

    A forked child inherits those of its parent, whose threads it does not have and whose files and
    connections it must not share. It opens its own when it has something to record, so a child that
    never calls a model costs nothing.
    """

    def __init__(self) -> None:
        self._open: dict[Hashable, Exporter] = {}
        self._closed: list[Exporter] = []  # for what they lost
        # kept, because SDKs before 1.34 print an error in every child when a processor is gone
        self._retired: list[Exporter] = []
        # when a flush began that was not in time, by signal; the exit takes that time off its own
        self._first_waits: dict[str, float] = {}
        self.is_inherited = False

    def __bool__(self) -> bool:
        return bool(self._open)

    @property
    def keys(self) -> frozenset[Hashable]:
        """The keys of the destinations that are open."""
        return frozenset(self._open)

    @property
    def all(self) -> list[Exporter]:
        """The exporters that are open, in a child those of its parent until it has its own."""
        return list(self._open.values())

    @property
    def usable(self) -> list[Exporter]:
        """The exporters that this process may use; none in a child that has not recorded anything."""
        return [] if self.is_inherited else self.all

    def replace(self, openers: Openers, strict: bool) -> list[Exporter]:
        """Open the destinations that are not open yet; return the exporters that are not wanted any more.

        If one cannot be opened, the new ones are closed again and it raises; with `strict` false,
        the others are used without it.
        """
        old = self._open
        opened: dict[Hashable, Exporter] = {}
        try:
            for key, opener in openers.items():
                exporter = old.get(key) or _opened(opener, strict)
                if exporter is not None:
                    opened[key] = exporter
        except BaseException:
            for key in opened.keys() - old.keys():
                # those that were open before stay open: they are still in use
                opened[key].close(time.monotonic() + _UNDO_SECONDS)
            raise
        self._open = opened
        return [exporter for key, exporter in old.items() if opened.get(key) is not exporter]

    def retire(self, exporters: Iterable[Exporter], seconds: float) -> None:
        """Flush and close exporters that are not in use any more, each within so many seconds."""
        for exporter in exporters:
            deadline = time.monotonic() + seconds
            # no new items come by now, so this is the last flush of each
            for signal in SIGNALS:
                if exporter.wants(signal):
                    exporter.flush(signal, deadline)
            self._close(exporter, deadline)
            self._retired.append(exporter)

    def begin_flush(self, seconds: float) -> None:
        """Begin to send all signals beside each other; `flush` waits for them."""
        for exporter in self.usable:
            try:
                exporter.begin_flush(time.monotonic() + seconds)
            except Exception as error:  # noqa: BLE001  `flush` tries again, and says that it failed
                guard.report("beginning to flush a destination", error)

    def flush(self, signal: str, seconds: float) -> bool:
        """Send one signal; return false if `seconds` were too short, or if something was lost."""
        if self.is_inherited:
            return True  # nothing has been recorded in this child
        began = time.monotonic()
        try:
            # the losses are looked up after the flush, which may have found some
            is_in_time = self._flush(signal, began + seconds)
            has_losses = self._has_new_losses(signal)
        except Exception as error:  # noqa: BLE001  a destination's fault must not stop the app
            guard.report(f"flushing {signal}", error)
            return False
        if is_in_time:
            self._first_waits.pop(signal, None)
        else:
            self._first_waits.setdefault(signal, began)
        return is_in_time and not has_losses

    def _flush(self, signal: str, deadline: float) -> bool:
        is_in_time = True
        for exporter in _local_first(self.all):
            if exporter.wants(signal) and not exporter.flush(signal, deadline):
                is_in_time = False
        return is_in_time

    def _has_new_losses(self, signal: str) -> bool:
        """Whether anything was lost since this was asked last. Each count is asked, as it remembers that."""
        has_losses = False
        for exporter in self.all:
            count = exporter.counts.get(signal)
            if exporter.wants(signal) and count is not None and count.news():
                has_losses = True
        return has_losses

    def exit_deadline(self, seconds: float) -> float:
        """Return when an exit must be over that may take `seconds`.

        Time that a flush just before has spent in vain counts, so that a dead collector is waited
        for once.
        """
        now = time.monotonic()
        # a wait long ago says nothing about the collector of now
        recent = [since for since in self._first_waits.values() if now - since < 2 * seconds]
        began = min(recent, default=now)
        # never in the past, though other destinations are still to be closed
        return max(now, began + seconds)

    def give_up_absent(self) -> None:
        """Wait no more for destinations that are not there, as the process is to end by a signal."""
        for exporter in self.usable:
            exporter.give_up_absent()

    def close(self, deadline: float) -> None:
        """Close all exporters of this process."""
        for exporter in _local_first(self.usable):
            self._close(exporter, deadline)
        if not self.is_inherited:
            self._open = {}

    def _close(self, exporter: Exporter, deadline: float) -> None:
        """Close an exporter, and print a line if it has lost something."""
        try:
            exporter.close(deadline)
        except Exception as error:  # noqa: BLE001  the exit goes on
            guard.report("closing a destination", error)
        self._closed.append(exporter)
        problem = _problem(exporter)
        if problem:
            guard.say_once(problem)

    def losses(self) -> list[Loss]:
        """Return the losses of this process, a row for each destination and signal."""
        rows: list[Loss] = []
        for exporter in (*self._closed, *self.usable):
            rows += losses_of(exporter.name, exporter.counts)
        return rows

    def problems(self) -> list[str]:
        """Return a line for each destination that has lost something."""
        lines = map(_problem, (*self._closed, *self.usable))
        return [line for line in lines if line]

    def after_fork(self) -> None:
        """Note in a forked child that exporters have to be opened anew.

        This runs inside the app's fork, where little is safe: locks may be held for ever.
        """
        # the parent's waits, and what the parent has lost
        self._first_waits.clear()
        self._closed.clear()
        self.is_inherited = bool(self._open)
        for exporter in self._open.values():
            exporter.forked()

    def replace_inherited(self) -> None:
        """Open exporters of a child's own in place of its parent's; what cannot be opened is left out."""
        # a child that recorded nothing leaves the exporters to its parent
        if not self.is_inherited:
            return
        self.is_inherited = False
        inherited = self._open
        self._retired.extend(inherited.values())
        opened: dict[Hashable, Exporter] = {}
        for key, exporter in inherited.items():
            child = _opened_in_child(exporter)
            if child is not None:
                opened[key] = child
        self._open = opened


def merge_openers(sides: Mapping[str, Openers]) -> Openers:
    """Return the openers of program and operator, each destination once.

    There is one console, with content if either asks for it. Both may name the same collector: the
    one that is named in code is opened then, because the app's own provider cannot be sending there
    already.
    """
    merged: Openers = {}
    for openers in sides.values():
        merged.update(openers)
    for key in list(merged):
        match key:
            # the third says that it was named in code (see `openers_of`)
            case ("otlp", targets, True):
                merged.pop(("otlp", targets, False), None)
            case ("console", True):
                merged.pop(("console", False), None)
            case _:
                continue
    return merged


def _opened(opener: Callable[[], Exporter], strict: bool) -> Exporter | None:
    try:
        return opener()
    except Exception as error:
        if strict:
            raise
        guard.say_once(f"{error}; nothing goes there")
        return None


def _opened_in_child(exporter: Exporter) -> Exporter | None:
    # never strict: this runs in the first span that the app ends in the child
    try:
        return exporter.in_child()
    except Exception as error:  # noqa: BLE001  the others go on
        guard.say_once(f"{exporter.name}: {error}; nothing goes there from this process")
        return None


def _local_first(exporters: Iterable[Exporter]) -> list[Exporter]:
    """Return exporters with those last that use the network, which may take all the time that there is."""
    # the sort is stable: among equals the order of their opening stays
    return sorted(exporters, key=lambda exporter: exporter.remote)


def _problem(exporter: Exporter) -> str:
    return describe_losses(losses_of(exporter.name, exporter.counts), exporter.failure)
