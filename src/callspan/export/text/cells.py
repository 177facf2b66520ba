"""Cells put together to lines that fit into a terminal, with no break inside a number."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

from callspan.export.text.colour import Paint, is_terminal
from callspan.export.text.width import one_line, pad, width

GAP = "   "
_NARROWEST = 20
"""Columns below which a terminal's width is not believed."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A piece of a line.

    Attributes:
        text: Its text; a cell without text is left out where it is not aligned.
        colour: The colour's escape sequence, or an empty text.
        width: The columns to which it is filled up in an aligned line.
        is_number: Whether it is aligned to the right.
        gap: The blanks before it, unless it is the first of a line.
    """

    text: str
    colour: str = ""
    width: int = 0
    is_number: bool = False
    gap: str = GAP

    def aligned(self, paint: Paint) -> str:
        """Return the text with its colour and its blanks."""
        blanks = " " * (self.width - width(self.text))
        coloured = paint(self.colour, self.text)
        return blanks + coloured if self.is_number else coloured + blanks


def columns_of(stream: TextIO) -> int | None:
    """Return the columns of the terminal in which a stream ends; `None` where there is none."""
    if not is_terminal(stream):
        return None
    # the user's word wins over the terminal's, as in `shutil.get_terminal_size`
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) >= _NARROWEST:
        return int(columns)
    try:
        size = os.get_terminal_size(stream.fileno()).columns
    except (AttributeError, OSError, ValueError):
        return None
    return size if size >= _NARROWEST else None


def fit(cells: Sequence[Cell], indent: str, columns: int | None, paint: Paint) -> list[str]:
    """Return the lines of a row of cells: one aligned line, or several where that is too wide.

    Args:
        cells: The cells; the first is a name, which is cut rather than broken.
        indent: The text before the second line and those after it.
        columns: The columns of the terminal; `None` for any number.
        paint: Puts colours round text.
    """
    # an aligned cell without text keeps its place, so that the columns below each other stay
    present = [cell for cell in cells if cell.text or cell.width]
    first, *others = present
    aligned = first.aligned(paint)
    total = max(first.width, width(first.text))
    for cell in others:
        aligned += cell.gap + cell.aligned(paint)
        total += len(cell.gap) + max(cell.width, width(cell.text))
    last = present[-1]
    if not last.is_number:  # the blanks behind the last text are not printed
        total -= max(0, last.width - width(last.text))
    if columns is None or total <= columns:
        return [aligned.rstrip()]
    return list(_flow(present, indent, columns, paint))


def _flow(cells: Sequence[Cell], indent: str, columns: int, paint: Paint) -> Iterator[str]:
    """Yield lines in which each cell stands as far left as it can."""
    name = one_line(cells[0].text, columns)
    line, used = paint(cells[0].colour, name), width(name)
    for cell in _pieces(cells[1:], columns - width(indent)):
        needed = len(cell.gap) + width(cell.text)
        if used + needed > columns:
            yield line
            line = indent + paint(cell.colour, cell.text)
            used = width(indent) + width(cell.text)
        else:
            line += cell.gap + paint(cell.colour, cell.text)
            used += needed
    yield line


def _pieces(cells: Sequence[Cell], columns: int) -> Iterator[Cell]:
    """Yield the parts of cells that stay together; one that is wider than a line by its words."""
    for cell in cells:
        # aligned cells hold several texts with gaps between, which may stand in lines of their own
        for part in filter(None, cell.text.split(GAP)):
            text = part.strip()
            if width(text) <= columns:
                yield Cell(text, cell.colour)
                continue
            first, *others = text.split()
            yield Cell(one_line(first, columns), cell.colour)
            for word in others:
                yield Cell(one_line(word, columns), cell.colour, gap=" ")


def align(column: Sequence[str], is_number: bool) -> list[str]:
    """Return the texts of a column in one width, numbers to the right."""
    columns = max(map(width, column))
    if is_number:
        return [" " * (columns - width(text)) + text for text in column]
    return [pad(text, columns) for text in column]
