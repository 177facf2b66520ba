"""A trace as rows of a tree: depth, place on the time axis, and sums of what is inside."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from callspan.export.call_sums import sum_of_known
from callspan.semconv import names
from callspan.view.spans import NANOSECONDS, SpanRecord


@dataclass(slots=True)
class Sums:
    """Sums over the calls of a part of the tree; None where no call has the number.

    Attributes:
        has_output: Whether there is a call whose answer has tokens, as those of embeddings have not.
    """

    calls: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None
    errors: int = 0
    has_output: bool = False

    def add(self, span: SpanRecord) -> None:
        """Add one call."""
        self.calls += 1
        self.has_output |= span.has_output
        self.errors += bool(span.error)
        self.input_tokens = sum_of_known(self.input_tokens, span.input_tokens)
        self.output_tokens = sum_of_known(self.output_tokens, span.output_tokens)
        self.cost = sum_of_known(self.cost, span.cost)

    def merge(self, other: Sums) -> None:
        """Add the sums of another part."""
        self.calls += other.calls
        self.has_output |= other.has_output
        self.errors += other.errors
        self.input_tokens = sum_of_known(self.input_tokens, other.input_tokens)
        self.output_tokens = sum_of_known(self.output_tokens, other.output_tokens)
        self.cost = sum_of_known(self.cost, other.cost)


@dataclass(slots=True)
class Mark:
    """A moment within a span: `first token` or `retry`.

    Attributes:
        percent: Where it is on the time axis of the trace.
        label: A name for it.
    """

    percent: float
    label: str


@dataclass(slots=True)
class TreeRow:
    """One span of a trace, as the page draws it.

    Attributes:
        depth: 0 for a root.
        left: Where its bar begins, in percent of the trace's time.
        width: How long its bar is, likewise.
        sums: What it and all within it add up to.
        has_lost_parent: Whether the span around it is not there (yet).
    """

    span: SpanRecord
    depth: int
    left: float
    width: float
    sums: Sums
    marks: list[Mark] = field(default_factory=list)
    has_lost_parent: bool = False
    children: int = 0


@dataclass(slots=True)
class _Node:
    span: SpanRecord
    sums: Sums = field(default_factory=Sums)
    children: list[_Node] = field(default_factory=list)


def outermost_calls(parents: Mapping[str, str], calls: Container[str]) -> set[str]:
    """Return the ids of the calls that are within no other call: of a call seen twice one counts.

    Args:
        parents: The id of the span around each span of a trace, by the span's id.
        calls: The ids of the calls.
    """
    outermost: set[str] = set()
    # by the spans on the way up, so that a deep trace is not climbed once for each call
    is_within: dict[str, bool] = {}
    for span_id in parents:
        if span_id not in calls:
            continue
        way: set[str] = set()
        current = parents[span_id]
        while _goes_up(current, parents, calls) and current not in is_within:
            # a circle of ids from outside would never end
            if current in way:
                break
            way.add(current)
            current = parents[current]
        is_nested = is_within.get(current, current in calls and current in parents)
        is_within.update(dict.fromkeys(way, is_nested))
        if not is_nested:
            outermost.add(span_id)
    return outermost


def _goes_up(span_id: str, parents: Mapping[str, str], calls: Container[str]) -> bool:
    """Whether the way up to a call goes on above a span: it is there, and is no call itself."""
    return span_id in parents and span_id not in calls


class Tree:
    """The spans of one trace, in the order of a tree.

    Args:
        spans: All spans of the trace, by their start.
    """

    def __init__(self, spans: Sequence[SpanRecord]) -> None:
        self.start = min((span.start for span in spans), default=0)
        self.end = max((span.end for span in spans), default=0)
        self._nodes = {span.span_id: _Node(span) for span in spans}
        self._roots: list[_Node] = []
        self._link()
        self.sums = Sums()
        for root in self._roots:
            self._add_up(root)
            self.sums.merge(root.sums)

    @property
    def seconds(self) -> float:
        """How long the trace took."""
        return (self.end - self.start) / NANOSECONDS

    def rows(self) -> Iterator[TreeRow]:
        """Yield the rows from top to bottom."""
        # a list and no recursion: a trace may be deeper than Python recurses
        waiting = [(root, 0) for root in reversed(self._roots)]
        while waiting:
            node, depth = waiting.pop()
            yield self._row(node, depth)
            waiting.extend((child, depth + 1) for child in reversed(node.children))

    def _link(self) -> None:
        for node in self._nodes.values():
            parent = self._nodes.get(node.span.parent_id)
            # a circle of ids from outside would hide its spans, and never end
            if parent is None or self._is_within(parent, node):
                self._roots.append(node)
            else:
                parent.children.append(node)

    def _is_within(self, node: _Node, ancestor: _Node) -> bool:
        """Whether a node is the ancestor or lies below it; wrong ids may make a circle of both."""
        seen = set()
        current: _Node | None = node
        while current is not None and current.span.span_id not in seen:
            if current is ancestor:
                return True
            seen.add(current.span.span_id)
            current = self._nodes.get(current.span.parent_id)
        return False

    def _add_up(self, root: _Node) -> None:
        order = [root]
        for node in order:  # which grows meanwhile: parents come before their children
            order.extend(node.children)
        for node in reversed(order):
            if node.span.is_call:
                # what another instrumentation has put below is the same call once more
                node.sums.add(node.span)
                continue
            for child in node.children:
                node.sums.merge(child.sums)

    def _row(self, node: _Node, depth: int) -> TreeRow:
        span = node.span
        left, right = self._percent(span.start), self._percent(span.end)
        return TreeRow(
            span=span,
            depth=depth,
            left=left,
            # a bar that can be seen, however short the span
            width=max(0.2, right - left),
            sums=node.sums,
            marks=list(self._marks(span)),
            has_lost_parent=bool(span.parent_id) and span.parent_id not in self._nodes,
            children=len(node.children),
        )

    def _marks(self, span: SpanRecord) -> Iterator[Mark]:
        if span.first_token is not None:
            moment = span.start + int(span.first_token * NANOSECONDS)
            yield Mark(self._percent(moment), "first token")
        for event in span.events:
            if event.name == names.RETRY_EVENT:
                yield Mark(self._percent(event.time), "retry")

    def _percent(self, moment: int) -> float:
        whole = self.end - self.start
        if whole <= 0:
            return 0.0
        # clocks of several machines may differ, so a child may begin before its trace
        return min(100.0, max(0.0, 100 * (moment - self.start) / whole))
