"""The console tree: every trace that ends in this process, printed on stderr as one compact tree."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, TextIO

from opentelemetry.sdk.trace import SpanProcessor

from callspan.export.losses import ItemCount
from callspan.export.text.drawing import drawn
from callspan.export.text.row import Row, row_of
from callspan.export.text.width import one_line
from callspan.runtime import guard, process

MAX_TRACES = 1_000
MAX_SPANS = 10_000


class _Trace:
    """The spans of one trace that are open, or ended and not yet printed."""

    __slots__ = ("done", "open", "printed")

    def __init__(self) -> None:
        self.open: dict[int, Any] = {}
        self.done: dict[int, Row] = {}
        self.printed: set[int] = set()

    @property
    def size(self) -> int:
        return len(self.open) + len(self.done) + len(self.printed)

    def end(self, row: Row) -> list[Row]:
        """Take in an ended span; give the rows of a tree if it was the root of one."""
        known = self.open.pop(row.id, None) is not None
        self.done[row.id] = row
        if row.parent in self.open or row.parent in self.done:
            return []
        row.late = known and row.parent in self.printed
        return self._take_below(row)

    def _take_below(self, root: Row) -> list[Row]:
        """The root and what has ended under it; what hangs on an open span waits for that one."""
        taken, children = [], self._children()
        waiting = [root]
        while waiting:
            row = waiting.pop()
            if self.done.pop(row.id, None) is None:
                continue
            taken.append(row)
            waiting.extend(children.get(row.id, ()))
        self.printed.update(row.id for row in taken)
        return taken

    def _children(self) -> dict[int | None, list[Row]]:
        children: dict[int | None, list[Row]] = {}
        for row in self.done.values():
            children.setdefault(row.parent, []).append(row)
        return children

    def leftovers(self) -> list[Row]:
        """What has ended but waits for an open span, under the open spans that it waits for."""
        rows = list(self.done.values())
        above = {row.parent for row in rows}
        while waited := [
            self.open[id] for id in above if id in self.open and id not in {row.id for row in rows}
        ]:
            rows += [_open_row(span) for span in waited]
            above = {row.parent for row in rows}
        self.printed.update(self.done)
        self.done.clear()
        return rows


def _open_row(span: Any) -> Row:
    parent = span.parent.span_id if span.parent is not None else None
    return Row(
        span.context.span_id, parent, one_line(span.name), span.start_time or 0, 0, open=True
    )


class TreePrinter(SpanProcessor):
    """A span processor that prints a trace when its root in this process has ended.

    A span that ends after its root is printed by itself as `(late)`, what still waits at a flush is printed under the
    spans that it waits for, and at most `MAX_SPANS` spans are remembered: the oldest trace is printed early.
    """

    def __init__(self, stream: TextIO | None = None, lost: ItemCount | None = None) -> None:
        self._stream = stream
        self._lost = lost or ItemCount()
        self._lock = process.own_lock(self)
        self._traces: dict[int, _Trace] = {}
        self._spans = 0

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Remember that a span is open."""
        if not span.context.trace_flags.sampled:
            return
        with self._lock:
            trace = self._traces.get(span.context.trace_id)
            if trace is None:
                trace = self._traces[span.context.trace_id] = _Trace()
            trace.open[span.context.span_id] = span
            self._spans += 1
            crowded = self._evicted()
        self._print(crowded)

    def on_end(self, span: Any) -> None:
        """Take in an ended span; if it is a root here, print its tree."""
        if not span.context.trace_flags.sampled:
            return
        row = row_of(span)
        with self._lock:
            trace = self._traces.get(span.context.trace_id)
            if trace is None:  # its trace was printed early
                rows = [row]
            else:
                rows = trace.end(row)
                if rows and not trace.open and not trace.done:
                    self._spans = max(0, self._spans - trace.size)
                    del self._traces[span.context.trace_id]
        self._print([rows])

    def _evicted(self) -> list[list[Row]]:
        """Let the oldest traces go while there are too many."""
        gone = []
        while len(self._traces) > MAX_TRACES or (
            self._spans > MAX_SPANS and self._recount() > MAX_SPANS
        ):
            trace = self._traces.pop(next(iter(self._traces)))
            self._spans -= trace.size
            gone.append(trace.leftovers())
        return gone

    def _recount(self) -> int:
        self._spans = sum(trace.size for trace in self._traces.values())
        return self._spans

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Print what still waits for an open span."""
        with self._lock:
            waiting = [trace.leftovers() for trace in self._traces.values() if trace.done]
        self._print(waiting)
        return True

    def shutdown(self) -> None:
        """Print what is left."""
        self.force_flush()

    def _print(self, trees: Iterable[list[Row]]) -> None:
        stream = self._stream or sys.stderr
        for rows in trees:
            if rows and not (stream is not None and write(stream, drawn(rows, stream))):
                # only these are counted: what was printed waits for nothing
                self._lost.accept(len(rows))
                self._lost.drop(len(rows))


def write(stream: TextIO, text: str) -> bool:
    """Write a text at once and return whether that could be done: a broken stream is nobody's concern but ours."""
    try:
        encoding = getattr(stream, "encoding", None) or "utf-8"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
        return True
    except Exception as error:  # noqa: BLE001  it may be an object of the app's, and spans end in the app's code
        guard.say_once(f"the console cannot be written to: {error}")
        return False
