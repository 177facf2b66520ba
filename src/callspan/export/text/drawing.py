"""Spans drawn as an aligned tree, with colours on a terminal, and plain signs where needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TextIO

from callspan.export.span_summary import SpanSummary
from callspan.export.text.arrangement import BOXES, PLAIN_BOXES, Line, arrange
from callspan.export.text.cells import GAP, Cell, columns_of, fit
from callspan.export.text.colour import BOLD, CYAN, DIM, RED, YELLOW, Paint, is_coloured
from callspan.export.text.row import Row
from callspan.export.text.width import encodable, one_line, pad, width

_PAGE_COLUMNS = 120
"""The columns of a quote where there is no terminal."""
_ROLE_COLUMNS = 12
_NARROWEST_QUOTE = 20
"""The columns that are left to a quote in a very deep tree."""


def draw(spans: Sequence[SpanSummary], stream: TextIO, *, has_servers: bool = True) -> str:
    """Return spans as a tree, or several trees, in characters that the stream can show.

    Args:
        spans: The spans, in any order.
        stream: Where the text will be printed.
        has_servers: Whether to name the servers that a provider's name does not tell.
    """
    lines = _Lines(arrange(spans, boxes_for(stream), has_servers), Paint(is_coloured(stream)))
    text = "\n".join(lines.render(columns_of(stream))) + "\n"
    return with_signs_for(stream, text)


def boxes_for(stream: TextIO) -> tuple[str, str, str, str]:
    """Return the lines of a tree that the stream can show: a C locale may have no such characters."""
    return BOXES if encodable("├└│─", getattr(stream, "encoding", None)) else PLAIN_BOXES


def with_signs_for(stream: TextIO, text: str) -> str:
    """Return a text with plain signs for arrows and dots, if the stream cannot show ours."""
    if encodable("→", getattr(stream, "encoding", None)):
        return text
    # our own signs only: what names hold is left to `write_text`
    return text.replace("→", "->").replace("…", "...")


def plain_texts(lines: list[Line]) -> list[str]:
    """Return the text of each line, of any width and without colours."""
    return _Lines(lines, Paint(False)).render(None)


class _Lines:
    """The lines of one drawing: the columns of calls to models are aligned, other spans have none."""

    def __init__(self, lines: list[Line], paint: Paint) -> None:
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

    def _quotes(self, line: Line, columns: int) -> Iterator[str]:
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

    def _call(self, line: Line) -> list[Cell]:
        row = line.row
        answer = self._answer(row)
        is_error = bool(row.error) and answer == row.error
        return [
            Cell(line.label, CYAN, self._label_width),
            Cell(answer, RED if is_error else "", self._answer_width),
            Cell(row.duration, DIM, self._duration_width, is_number=True),
            Cell("" if is_error else row.error, RED),
        ]

    def _other(self, line: Line) -> list[Cell]:
        row = line.row
        return [
            Cell(line.label, "" if line.boxes else BOLD),
            Cell(row.duration, DIM, gap="  "),
            *[Cell(text) for text in line.sums],
            Cell(row.error, RED),
        ]


def _note_colour(note: str) -> str:
    return YELLOW if note in ("abandoned", "interrupted", "cancelled") else ""


def _widest(texts: Sequence[str]) -> int:
    return max(map(width, texts), default=0)
