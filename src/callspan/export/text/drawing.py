"""Spans drawn as an aligned tree, with colours on a terminal, and plain signs where needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

from callspan.export.call_sums import CallSums, sums_below
from callspan.export.quotes import Quote
from callspan.export.span_summary import SpanSummary
from callspan.export.text.cells import GAP, Cell, columns_of, fit
from callspan.export.text.colour import BOLD, CYAN, DIM, RED, YELLOW, Paint, is_coloured
from callspan.export.text.row import Row, row_of, sums_text
from callspan.export.text.width import encodable, one_line, pad, width

_BOXES = ("├─ ", "└─ ", "│  ", "   ")
_PLAIN_BOXES = ("|- ", "`- ", "|  ", "   ")
"""What stands before a child, before the last child, and before all that is below either."""
_SHORT_ID = 8
"""Digits of a trace's id: enough to find it among those of a day."""
_PAGE_COLUMNS = 120
"""The columns of a quote where there is no terminal."""
_ROLE_COLUMNS = 12
_NARROWEST_QUOTE = 20
"""The columns that are left to a quote in a very deep tree."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A row with the boxes that stand before it and before its further lines."""

    row: Row
    boxes: str
    below: str
    trace: str = ""
    sums: tuple[str, ...] = ()
    quotes: tuple[Quote, ...] = ()
    quotes_indent: str = ""

    @property
    def label(self) -> str:
        return self.boxes + self.row.name


def draw(spans: Sequence[SpanSummary], stream: TextIO, *, has_servers: bool = True) -> str:
    """Return spans as a tree, or several trees, in characters that the stream can show.

    Args:
        spans: The spans, in any order.
        stream: Where the text will be printed.
        has_servers: Whether to name the servers that a provider's name does not tell.
    """
    encoding = getattr(stream, "encoding", None)
    # a Windows console or a C locale may have no such characters
    boxes = _BOXES if encodable("├└│─", encoding) else _PLAIN_BOXES
    lines = _Lines(_arrange(spans, boxes, has_servers), Paint(is_coloured(stream)))
    text = "\n".join(lines.render(columns_of(stream))) + "\n"
    if encodable("→", encoding):
        return text
    # our own signs only: what names hold is left to `write_text`
    return text.replace("→", "->").replace("…", "...")


def _arrange(
    spans: Sequence[SpanSummary], boxes: tuple[str, str, str, str], has_servers: bool
) -> list[_Line]:
    """Return spans in the order of a tree, children by their start."""
    children = _children(spans)
    order = list(_in_order(children, boxes))
    spans_in_order = [span for span, _, _ in order]
    sums = sums_below(spans_in_order, children)
    shown = _shown_sums(spans_in_order, sums)
    lines: list[_Line] = []
    for span, before, below in order:
        # only at the root: it is the same for all below
        trace = "" if before else f"trace {span.trace_id:032x}"[: len("trace ") + _SHORT_ID]
        text = sums_text(sums[span.span_id]) if span.span_id in shown else ()
        under = children.get(span.span_id)
        # the line that leads to the first span below goes past the quotes
        indent = below + (boxes[2] if under else boxes[3])
        # an agent was asked and has answered what the calls below it have
        quotes = () if span.is_agent and under else span.quotes
        row = row_of(span, has_servers)
        lines.append(_Line(row, before, below, trace, text, quotes, indent))
    return lines


def _in_order(
    children: dict[int | None, list[SpanSummary]], boxes: tuple[str, str, str, str]
) -> Iterator[tuple[SpanSummary, str, str]]:
    """Yield the spans of a tree from the top, each with what stands before it, and below it."""
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


class _Lines:
    """The lines of one drawing: the columns of calls to models are aligned, other spans have none."""

    def __init__(self, lines: list[_Line], paint: Paint) -> None:
        self._lines = lines
        self._paint = paint
        calls = [line for line in lines if line.row.is_model_call]
        self._tokens_width = _widest([line.row.tokens for line in calls])
        self._first_chunk_width = _widest([line.row.first_chunk for line in calls])
        self._label_width = self._answer_width = self._duration_width = 0
        if len(lines) > 1:  # a line by itself has nothing to be aligned with
            self._label_width = _widest([line.label for line in calls])
            self._answer_width = _widest([self._answer(line.row) for line in calls])
            self._duration_width = _widest([line.row.duration for line in calls])

    def render(self, columns: int | None) -> list[str]:
        """Return the text of each line; a terminal has so many columns."""
        texts: list[str] = []
        for line in self._lines:
            cells = self._call(line) if line.row.is_model_call else self._other(line)
            cells += [Cell(note, _note_colour(note)) for note in line.row.notes]
            cells.append(Cell(line.trace, DIM))
            indent = line.below + "  "
            # in a very deep tree nothing would be left of the names
            has_room = columns is not None and 2 * width(indent) <= columns
            texts += fit(cells, indent, columns if has_room else None, self._paint)
            texts += self._quotes(line, columns or _PAGE_COLUMNS)
        return texts

    def _quotes(self, line: _Line, columns: int) -> Iterator[str]:
        """Yield a line for each quote, cut where the terminal ends."""
        roles = [one_line(quote.role, _ROLE_COLUMNS) for quote in line.quotes]
        for role, quote in zip(roles, line.quotes, strict=True):
            before = f"{line.quotes_indent}{pad(role, _widest(roles))}  "
            room = max(columns - width(before), _NARROWEST_QUOTE)
            yield before + self._paint(DIM, one_line(quote.text, room))

    def _answer(self, row: Row) -> str:
        """Return tokens and time to the first chunk, aligned.

        A call that failed before it had either has its error across both columns.
        """
        if not row.tokens and not row.first_chunk:
            return row.error
        cells: list[str] = []
        if self._tokens_width:
            cells.append(pad(row.tokens, self._tokens_width))
        if self._first_chunk_width:
            cells.append(pad(row.first_chunk, self._first_chunk_width))
        return GAP.join(cells).rstrip()

    def _call(self, line: _Line) -> list[Cell]:
        row = line.row
        answer = self._answer(row)
        is_error = bool(row.error) and answer == row.error
        return [
            Cell(line.label, CYAN, self._label_width),
            Cell(answer, RED if is_error else "", self._answer_width),
            Cell(row.duration, DIM, self._duration_width, is_number=True),
            Cell("" if is_error else row.error, RED),
        ]

    def _other(self, line: _Line) -> list[Cell]:
        row = line.row
        return [
            Cell(line.label, "" if line.boxes else BOLD),
            Cell(row.duration, DIM, gap="  "),
            *[Cell(text) for text in line.sums],
            Cell(row.error, RED),
        ]


def _note_colour(note: str) -> str:
    return YELLOW if note in ("abandoned", "cancelled") else ""


def _widest(texts: Sequence[str]) -> int:
    return max(map(width, texts), default=0)
