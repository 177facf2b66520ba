"""Spans of traces that are not complete yet: collected until the root of a trace in this process has ended."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from callspan.export.span_estimates import ESTIMATES
from callspan.export.span_summary import SpanSummary, summary_of, summary_of_open
from callspan.runtime import process

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan, Span

# for programs whose roots stay open for long, such as one span for a whole worker
MAX_TRACES = 1_000
MAX_SPANS = 10_000

# a look at what runs takes no longer, so that nobody waits for the lock
MOST_TRACES_SEEN = 20
MOST_SPANS_SEEN = 100

Tree = list[SpanSummary]
"""The spans of a trace, or of a part of it, in any order."""


@dataclass(frozen=True, slots=True)
class RunningTrace:
    """A trace that has not ended.

    Attributes:
        spans: Its spans, the open ones and those that wait for them, in any order.
        is_whole: Whether these are all of them.
    """

    spans: Tree
    is_whole: bool


class TraceBuffer:
    """Collects spans, and returns each tree once: when its root has ended, or when it has to make room.

    At most `MAX_TRACES` traces and about `MAX_SPANS` spans are remembered; the oldest trace goes
    first. Any thread may call any method.

    Args:
        has_quotes: Whether to keep messages, in short.
    """

    def __init__(self, has_quotes: bool = False) -> None:
        self._has_quotes = has_quotes
        self._lock = process.own_lock(self)
        self._traces: dict[int, _Trace] = {}
        # raised at each start, and counted anew only where it is over the limit: counting takes long
        self._span_count = 0

    def add_open(self, span: Span) -> list[Tree]:
        """Remember a span that has started; return the trees that had to make room."""
        context = span.get_span_context()
        with self._lock:
            trace = self._traces.get(context.trace_id)
            if trace is None:
                trace = self._traces[context.trace_id] = _Trace()
            trace.open[context.span_id] = span
            self._span_count += 1
            return self._evict()

    def end(self, span: ReadableSpan) -> Tree:
        """Take a span that has ended; return the tree below it if it is a root in this process."""
        summary = summary_of(span, self._has_quotes)
        trace_id = summary.trace_id
        with self._lock:
            trace = self._traces.get(trace_id)
            if trace is None:  # it had to make room before this span ended
                return [summary]
            # by the span object: the one that ends is a copy of the one that had started
            summary = ESTIMATES.complete(summary, trace.open.get(summary.span_id))
            tree = trace.end(summary)
            is_complete = not trace.open and not trace.waiting
            if tree and is_complete:
                # never below 0: the number is about right, and is counted anew over the limit
                self._span_count = max(0, self._span_count - trace.size)
                del self._traces[trace_id]
            return tree

    def take_waiting(self) -> list[Tree]:
        """Return the spans that wait for an open one, each tree with the open spans above them."""
        with self._lock:
            return [trace.take_waiting() for trace in self._traces.values() if trace.waiting]

    @property
    def has_open(self) -> bool:
        """Whether a span is open."""
        return any(trace.open for trace in list(self._traces.values()))

    def running(self, started_before: int) -> list[RunningTrace]:
        """Return the traces with an open span that has started before a time, in nanoseconds; the oldest first.

        Not more than `MOST_TRACES_SEEN` traces are looked at, and of each about `MOST_SPANS_SEEN` spans are
        taken, the newest ones.
        """
        with self._lock:
            oldest = islice(self._traces.values(), MOST_TRACES_SEEN)
            return [trace.now() for trace in oldest if trace.runs_since(started_before)]

    def _evict(self) -> list[Tree]:
        """Let the oldest traces go while there are too many."""
        trees: list[Tree] = []
        while self._is_over_limit():
            # dictionaries keep the order in which traces began
            oldest = next(iter(self._traces))
            trace = self._traces.pop(oldest)
            self._span_count -= trace.size
            trees.append(trace.take_waiting())
        return trees

    def _is_over_limit(self) -> bool:
        if len(self._traces) > MAX_TRACES:
            return True
        if self._span_count <= MAX_SPANS:
            return False
        self._span_count = sum(trace.size for trace in self._traces.values())
        return self._span_count > MAX_SPANS


class _Trace:
    """The spans of one trace, by their ids: open, waiting for an open one, or already in a tree."""

    __slots__ = ("open", "taken", "waiting")

    def __init__(self) -> None:
        self.open: dict[int, Span] = {}
        self.waiting: dict[int, SpanSummary] = {}
        # by these a span that ends after its root is known as late
        self.taken: set[int] = set()

    @property
    def size(self) -> int:
        """How many spans are remembered."""
        return len(self.open) + len(self.waiting) + len(self.taken)

    def runs_since(self, time: int) -> bool:
        """Whether a span is open that has started before a time; it is the one that was opened first."""
        first = next(iter(self.open.values()), None)
        return first is not None and (first.start_time or 0) <= time

    def now(self) -> RunningTrace:
        """Return the spans that are open, and those that wait for them."""
        tree = [summary_of_open(span) for span in islice(self.open.values(), MOST_SPANS_SEEN)]
        tree += islice(reversed(self.waiting.values()), MOST_SPANS_SEEN)
        return RunningTrace(tree, len(tree) == len(self.open) + len(self.waiting))

    def end(self, summary: SpanSummary) -> Tree:
        """Take a span that has ended; return the tree below it if nothing above it is to come."""
        was_open = self.open.pop(summary.span_id, None) is not None
        parent = summary.parent_id
        self.waiting[summary.span_id] = summary
        if parent in self.open or parent in self.waiting:
            return []
        if was_open and parent in self.taken:
            self.waiting[summary.span_id] = replace(summary, ended_after_root=True)
        return self._take_below(summary.span_id)

    def _take_below(self, root: int) -> Tree:
        """Take the root and the spans below it, but for those below an open span, which wait for it."""
        children: dict[int | None, list[int]] = {}
        for summary in self.waiting.values():
            children.setdefault(summary.parent_id, []).append(summary.span_id)
        tree: Tree = []
        span_ids = [root]
        # a list and no recursion: a trace may be deeper than Python recurses
        while span_ids:
            span_id = span_ids.pop()
            summary = self.waiting.pop(span_id, None)
            if summary is not None:
                tree.append(summary)
                span_ids.extend(children.get(span_id, ()))
        self.taken.update(summary.span_id for summary in tree)
        return tree

    def take_waiting(self) -> Tree:
        """Take the spans that wait for open ones; the tree has the open ones too, which stay open."""
        tree = dict(self.waiting)
        for summary in self.waiting.values():
            above = self._open_parent(summary)
            # up to the first span that is drawn already, as a path is drawn once
            while above is not None and above.get_span_context().span_id not in tree:
                open_summary = summary_of_open(above)
                tree[open_summary.span_id] = open_summary
                above = self._open_parent(open_summary)
        self.taken.update(self.waiting)
        self.waiting.clear()
        return list(tree.values())

    def _open_parent(self, summary: SpanSummary) -> Span | None:
        if summary.parent_id is None:
            return None
        return self.open.get(summary.parent_id)
