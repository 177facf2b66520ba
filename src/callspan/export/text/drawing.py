"""Rows drawn as a tree, aligned, with colours where a person sees them and plain signs where no others can be shown."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from callspan.export.text.row import Row
from callspan.export.text.width import encodable, padded, width

_BOXES = ("├─ ", "└─ ", "│  ", "   ")
_PLAIN = ("|- ", "`- ", "|  ", "   ")
_RED, _DIM, _BOLD, _OFF = "\x1b[31m", "\x1b[2m", "\x1b[1m", "\x1b[0m"
_GAP = "   "


@dataclass(slots=True)
class _Line:
    row: Row
    before: str
    depth: int

    @property
    def label(self) -> str:
        return self.before + self.row.name


def drawn(rows: Sequence[Row], stream: Any) -> str:
    """The rows as a tree, or as several when they have no root in common, each line ended."""
    encoding = getattr(stream, "encoding", None)
    boxes = _BOXES if encodable("├└│─", encoding) else _PLAIN
    arrow = "→" if encodable("→", encoding) else "->"
    lines = _arranged(rows, boxes)
    text = "\n".join(_text(lines, Paint(coloured(stream)))) + "\n"
    return text if arrow == "→" else text.replace("→", arrow).replace("…", "...")


def coloured(stream: Any) -> bool:
    """Whether to colour: only for a terminal, and never against NO_COLOR."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):
        return False


class Paint:
    """Puts colours round text, or does not."""

    def __init__(self, on: bool) -> None:
        self._on = on

    def __call__(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_OFF}" if self._on and text else text


def _arranged(rows: Sequence[Row], boxes: tuple[str, str, str, str]) -> list[_Line]:
    """Rows in the order of a tree, children by their start, each with the boxes that stand before it."""
    ids = {row.id for row in rows}
    children: dict[int | None, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row.start):
        children.setdefault(row.parent if row.parent in ids else None, []).append(row)
    lines: list[_Line] = []
    waiting = [(row, "", "", 0) for row in reversed(children.get(None, []))]
    while waiting:
        row, before, below, depth = waiting.pop()
        lines.append(_Line(row, before, depth))
        under = children.get(row.id, [])
        for position, child in enumerate(reversed(under)):
            mark, rest = (boxes[1], boxes[3]) if position == 0 else (boxes[0], boxes[2])
            waiting.append((child, below + mark, below + rest, depth + 1))
    return lines


def _text(lines: list[_Line], paint: Paint) -> list[str]:
    calls = [line for line in lines if line.row.calls_model]
    alone = len(lines) == 1
    labels = max((width(line.label) for line in calls), default=0)
    tokens = max((width(line.row.tokens) for line in calls), default=0)
    first = max((width(line.row.first) for line in calls), default=0)
    middles = [_middle(line.row, tokens, first) for line in calls]
    middle = max((width(text) for text in middles), default=0)
    durations = max((width(line.row.duration) for line in calls), default=0)
    columns = (0, 0, 0) if alone else (labels, middle, durations)
    told = iter(middles)
    return [
        _call(line, next(told), columns, paint) if line.row.calls_model else _plain(line, paint)
        for line in lines
    ]


def _middle(row: Row, tokens: int, first: int) -> str:
    """Tokens and time to the first chunk in columns; for a call that failed before either, the error across both."""
    if not row.tokens and not row.first:
        return row.error
    cells = [padded(row.tokens, tokens)] if tokens else []
    if first:
        cells.append(padded(row.first, first))
    return _GAP.join(cells).rstrip()


def _call(line: _Line, middle: str, columns: tuple[int, int, int], paint: Paint) -> str:
    row = line.row
    labels, wide, durations = columns
    failed = row.error and middle == row.error
    shown = padded(middle, wide)
    cells = [padded(line.label, labels), paint(_RED, shown) if failed else shown]
    cells.append(paint(_DIM, row.duration.rjust(durations)))
    ending = [] if failed or not row.error else [paint(_RED, row.error)]
    ending += [*row.notes, *_marks(row)]
    text = _GAP.join([cell for cell in cells if cell] + ending)
    return text.rstrip()


def _plain(line: _Line, paint: Paint) -> str:
    row = line.row
    name = line.before + (paint(_BOLD, row.name) if line.depth == 0 else row.name)
    text = f"{name}  {paint(_DIM, row.duration)}"
    return _GAP.join(
        [text, *([paint(_RED, row.error)] if row.error else []), *row.notes, *_marks(row)]
    )


def _marks(row: Row) -> list[str]:
    return ["(late)"] if row.late else []
