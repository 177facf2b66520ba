"""The traces that run, below the program's output on a terminal, until their trees take their place."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TextIO

from callspan.export.text.arrangement import Line, arrange
from callspan.export.text.drawing import boxes_for, plain_texts, with_signs_for
from callspan.export.text.width import one_line
from callspan.export.trace_buffer import RunningTrace, TraceBuffer
from callspan.runtime import process
from callspan.runtime.background import Worker
from callspan.runtime.output_line import OUTPUT
from callspan.runtime.terminal import can_show
from callspan.settings.environment import is_first_process

TICK_SECONDS = 0.25
"""The pause between two looks: a step that begins is seen so late at most, in a program that is quiet."""
QUICK_NANOSECONDS = 1_000_000_000
"""How long a trace runs before it is shown: most are over by then."""
_MOST_LINES = 12


class LiveTrees:
    """Shows the traces of a buffer that run, on stderr, from a thread of its own.

    Args:
        buffer: The spans that are open, and those that wait for them.
    """

    def __init__(self, buffer: TraceBuffer) -> None:
        self._buffer = buffer
        self._worker = Worker("callspan-live")
        # the end waits for what is being shown, or it would come after the last text
        self._lock = process.own_lock(self)
        self._is_following = False
        self._is_closed = False

    @classmethod
    def of(cls, buffer: TraceBuffer) -> LiveTrees | None:
        """Return an object that shows a buffer's traces; `None` where there is no terminal for it.

        Of several processes with one terminal only the first shows them, as two would disturb each other.
        """
        return cls(buffer) if can_show(sys.stderr) and is_first_process() else None

    def wake(self) -> None:
        """Follow the open spans from now on, as one has started."""
        if self._is_following:
            return
        self._is_following = True
        if self._worker.try_start():
            self._worker.put(self._follow)

    def close(self) -> None:
        """Show nothing more; the lines go with the next text, or at the end of the output."""
        with self._lock:
            self._is_closed = True

    def _follow(self) -> None:
        """Show the open spans until there is none."""
        while self._is_following:
            # before the first look too, as most traces are over by then
            time.sleep(TICK_SECONDS)
            with self._lock:
                if not self._is_closed:
                    self._show(sys.stderr)
            if not self._runs():
                self._is_following = False
                # a span that has started just before that line has found us following
                self._is_following = self._runs()

    def _runs(self) -> bool:
        return self._buffer.has_open and not self._is_closed

    def _show(self, stream: TextIO | None) -> None:
        size = OUTPUT.room_below(stream)
        if stream is None or size is None:
            OUTPUT.show_below(stream, [])
            return
        now = time.time_ns()
        traces = self._buffer.running(now - QUICK_NANOSECONDS)
        columns, rows = size
        # a row for the program's line, and one that shows that the lines are no part of its text
        texts = running_texts(traces, now, stream, min(_MOST_LINES, rows - 2))
        # the last column stays free, as terminals differ in where the cursor is behind it
        OUTPUT.show_below(stream, [one_line(text, columns - 1) for text in texts])


def running_texts(
    traces: Sequence[RunningTrace], now: int, stream: TextIO, most: int
) -> Iterator[str]:
    """Yield the lines of traces that run, of any width.

    Args:
        traces: The traces.
        now: The time, in nanoseconds since 1970.
        stream: The terminal.
        most: How many lines there may be; the last says how many more there are.
    """
    lines: list[Line] = []
    for trace in traces:
        lines += _lines(trace, now, stream)
    shown = _most_telling(lines, most)
    for text in plain_texts(shown):
        yield with_signs_for(stream, text)
    if len(shown) < len(lines):
        yield with_signs_for(stream, f"… and {len(lines) - len(shown)} more")


def _lines(trace: RunningTrace, now: int, stream: TextIO) -> Iterator[Line]:
    for line in arrange(trace.spans, boxes_for(stream), has_servers=False, now=now):
        # sums of a part of the calls would be wrong
        sums = line.sums if trace.is_whole else ()
        yield replace(line, sums=sums, quotes=(), trace="")


def _most_telling(lines: list[Line], most: int) -> list[Line]:
    """Return so many lines at most, in their order: the spans that run, and the newest of the others."""
    if len(lines) <= most:
        return lines
    # a line says how many are missing
    room = most - 1
    running = [index for index, line in enumerate(lines) if line.is_open]
    ended = [index for index, line in enumerate(lines) if not line.is_open]
    # those that stand last have begun last
    indices = running[:room]
    indices += ended[len(ended) - (room - len(indices)) :]
    return [lines[index] for index in sorted(indices)]
