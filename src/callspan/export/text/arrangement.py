"""The spans of a trace put in order: the lines of a tree, with all that a drawing of it needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from callspan.export.call_sums import CallSums, sums_below
from callspan.export.quotes import Quote
from callspan.export.span_summary import SpanSummary
from callspan.export.text.row import Row, row_of, sums_text

BOXES = ("├─ ", "└─ ", "│  ", "   ")
PLAIN_BOXES = ("|- ", "`- ", "|  ", "   ")
"""What stands before a child, before the last child, and before all that is below either."""
_SHORT_ID = 8
"""Digits of a trace's id: enough to find it among those of a day."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row with the text around it.

    Attributes:
        row: The cells of the span.
        boxes: The lines of the tree before it.
        below: The lines of the tree before its further lines.
        trace: The beginning of the trace's id, at a root.
        sums: The sums of the calls below it, where they are shown.
        quotes: Its messages, in short.
        quotes_indent: The text before the quotes.
        is_open: Whether the span has not ended.
    """

    row: Row
    boxes: str
    below: str
    trace: str = ""
    sums: tuple[str, ...] = ()
    quotes: tuple[Quote, ...] = ()
    quotes_indent: str = ""
    is_open: bool = False

    @property
    def label(self) -> str:
        """The name after the lines of the tree."""
        return self.boxes + self.row.name


def arrange(
    spans: Sequence[SpanSummary],
    boxes: tuple[str, str, str, str],
    has_servers: bool,
    now: int | None = None,
) -> list[Line]:
    """Return spans in the order of a tree, or of several trees, children by their start.

    Args:
        spans: The spans, in any order.
        boxes: `BOXES` or `PLAIN_BOXES`.
        has_servers: Whether to name the servers that a provider's name does not tell.
        now: The time, in nanoseconds since 1970, if open spans are told how long they have run.
    """
    children = _children(spans)
    order = list(_in_order(children, boxes))
    spans_in_order = [span for span, _, _ in order]
    sums = sums_below(spans_in_order, children)
    shown = _shown_sums(spans_in_order, sums)
    lines: list[Line] = []
    for span, before, below in order:
        # only at the root: it is the same for all below
        trace = "" if before else f"trace {span.trace_id:032x}"[: len("trace ") + _SHORT_ID]
        text = sums_text(sums[span.span_id]) if span.span_id in shown else ()
        under = children.get(span.span_id)
        # the line that leads to the first span below goes past the quotes
        indent = below + (boxes[2] if under else boxes[3])
        # an agent was asked and has answered what the calls below it have
        quotes = () if span.is_agent and under else span.quotes
        row = row_of(span, has_servers, now)
        is_open = span.end is None
        lines.append(Line(row, before, below, trace, text, quotes, indent, is_open))
    return lines


def _in_order(
    children: dict[int | None, list[SpanSummary]], boxes: tuple[str, str, str, str]
) -> Iterator[tuple[SpanSummary, str, str]]:
    """Yield the spans of a tree from the top, each with the lines of the tree before it, and below it."""
    child, last_child, below_child, below_last = boxes
    # a stack and no recursion: a tree may be deeper than Python recurses; reversed, as the last
    # one that is put there is the first to leave it
    stack = [(span, "", "") for span in reversed(children.get(None, []))]
    while stack:
        span, before, below = stack.pop()
        yield span, before, below
        is_last = True
        for under in reversed(children.get(span.span_id, [])):
            if is_last:
                stack.append((under, below + last_child, below + below_last))
            else:
                stack.append((under, below + child, below + below_child))
            is_last = False


def _children(spans: Sequence[SpanSummary]) -> dict[int | None, list[SpanSummary]]:
    """Return the spans below each id; below `None`, those whose parent is not among them."""
    ids = {span.span_id for span in spans}
    children: dict[int | None, list[SpanSummary]] = {}
    for span in sorted(spans, key=lambda span: span.start):
        # a parent in another process, or one that is printed already, makes a root here
        parent = span.parent_id if span.parent_id in ids else None
        children.setdefault(parent, []).append(span)
    return children


def _shown_sums(spans: Sequence[SpanSummary], sums: dict[int, CallSums]) -> set[int]:
    """Return the spans whose sums are shown: agents, and where a parent's sums are divided.

    A span with one call has the sums of that call, which stand below it already.
    """
    shown: set[int] = set()
    for span in spans:
        calls = sums[span.span_id].calls
        if span.model_call is not None or calls < 2:
            continue
        above = sums.get(span.parent_id) if span.parent_id is not None else None
        # a parent with the same calls has the same sums, so they would stand there twice
        is_divided = above is None or above.calls != calls
        if span.is_agent or is_divided:
            shown.add(span.span_id)
    return shown
