"""Spans drawn as an aligned tree, with colours on a terminal, and plain signs where needed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO

from callspan.export.span_summary import SpanSummary
from callspan.export.text.row import Row, row_of
from callspan.export.text.width import encodable, pad, width

_BOXES = ("├─ ", "└─ ", "│  ", "   ")
_PLAIN_BOXES = ("|- ", "`- ", "|  ", "   ")
"""What stands before a child, before the last child, and before all that is below either."""
_RED, _DIM, _BOLD, _OFF = "\x1b[31m", "\x1b[2m", "\x1b[1m", "\x1b[0m"
_GAP = "   "


@dataclass(frozen=True, slots=True)
class _Line:
    """A row with the boxes that stand before it."""

    row: Row
    boxes: str
    depth: int

    @property
    def label(self) -> str:
        return self.boxes + self.row.name


def draw(spans: Sequence[SpanSummary], stream: TextIO) -> str:
    """Return spans as a tree, or several trees, in characters that the stream can show."""
    encoding = getattr(stream, "encoding", None)
    boxes = _BOXES if encodable("├└│─", encoding) else _PLAIN_BOXES
    lines = _Lines(_arrange(spans, boxes), Paint(is_coloured(stream)))
    text = "\n".join(lines.render()) + "\n"
    if encodable("→", encoding):
        return text
    return text.replace("→", "->").replace("…", "...")


def is_coloured(stream: TextIO) -> bool:
    """Whether to colour: only for a terminal, and never against NO_COLOR (https://no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):  # not quite a stream, or a closed one
        return False


class Paint:
    """Puts colours round text, or does not."""

    def __init__(self, on: bool) -> None:
        self._on = on

    def __call__(self, colour: str, text: str) -> str:
        """Return a text in a colour; as it is if colours are off or it is empty."""
        return f"{colour}{text}{_OFF}" if self._on and text else text


def _arrange(spans: Sequence[SpanSummary], boxes: tuple[str, str, str, str]) -> list[_Line]:
    """Return spans in the order of a tree, children by their start."""
    child, last_child, below_child, below_last = boxes
    children = _children(spans)
    lines: list[_Line] = []
    # a stack and no recursion: a tree may be deeper than Python recurses
    stack = [(span, "", "", 0) for span in reversed(children.get(None, []))]
    while stack:
        span, before, below, depth = stack.pop()
        lines.append(_Line(row_of(span), before, depth))
        is_last = True
        for under in reversed(children.get(span.span_id, [])):
            if is_last:
                stack.append((under, below + last_child, below + below_last, depth + 1))
            else:
                stack.append((under, below + child, below + below_child, depth + 1))
            is_last = False
    return lines


def _children(spans: Sequence[SpanSummary]) -> dict[int | None, list[SpanSummary]]:
    """Return the spans below each id; below `None`, those whose parent is not among them."""
    ids = {span.span_id for span in spans}
    children: dict[int | None, list[SpanSummary]] = {}
    for span in sorted(spans, key=lambda span: span.start):
        parent = span.parent_id if span.parent_id in ids else None
        children.setdefault(parent, []).append(span)
    return children


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

    def render(self) -> list[str]:
        """Return the text of each line."""
        texts: list[str] = []
        for line in self._lines:
            texts.append(self._call(line) if line.row.is_model_call else self._other(line))
        return texts

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
        return _GAP.join(cells).rstrip()

    def _call(self, line: _Line) -> str:
        row = line.row
        answer = self._answer(row)
        is_error = bool(row.error) and answer == row.error
        answer = pad(answer, self._answer_width)
        cells = [
            pad(line.label, self._label_width),
            self._paint(_RED, answer) if is_error else answer,
            self._paint(_DIM, row.duration.rjust(self._duration_width)),
        ]
        text = _GAP.join(filter(None, cells))
        error = "" if is_error else row.error
        return self._with_ending(text, error, row.notes).rstrip()

    def _other(self, line: _Line) -> str:
        row = line.row
        name = self._paint(_BOLD, row.name) if line.depth == 0 else row.name
        text = f"{line.boxes}{name}  {self._paint(_DIM, row.duration)}"
        return self._with_ending(text, row.error, row.notes)

    def _with_ending(self, text: str, error: str, notes: Sequence[str]) -> str:
        cells = [text]
        if error:
            cells.append(self._paint(_RED, error))
        return _GAP.join([*cells, *notes])


def _widest(texts: Sequence[str]) -> int:
    return max(map(width, texts), default=0)
