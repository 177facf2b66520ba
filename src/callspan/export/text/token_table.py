"""The table of tokens by model that stands at the end of a program's output."""

from __future__ import annotations

from collections.abc import Mapping

from callspan.export.text.width import one_line, pad, width
from callspan.export.token_sums import COUNTS, ModelSums

_HEADS = ("model", "calls", "input", "cached", "output", "reasoning", "total", "unknown", "errors")
_ALWAYS = ("model", "calls", "input", "output", "total")
"""Columns that are there even if nothing stands in them."""


def render(models: Mapping[str, ModelSums]) -> str:
    """Return a table with a line for each model and one for all; empty when there was no call."""
    if not models:
        return ""
    rows: list[list[str]] = [list(_HEADS)]
    everything = ModelSums()
    for name, sums in models.items():
        rows.append(_cells(one_line(name), sums))
        everything.add(sums)
    if len(models) > 1:
        rows.append(_cells("total", everything))
    return _align(rows)


def _cells(name: str, sums: ModelSums) -> list[str]:
    counts = [_count(getattr(sums, count)) for count in COUNTS]
    return [name, str(sums.calls), *counts, str(sums.unknown or ""), str(sums.errors or "")]


def _count(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"


def _align(rows: list[list[str]]) -> str:
    """Return rows in columns, names to the left, numbers to the right, without empty columns."""
    columns: list[list[str]] = []
    for head, *cells in zip(*rows, strict=True):
        is_empty = not any(cell.strip("?") for cell in cells)
        if head in _ALWAYS or not is_empty:
            columns.append(_column(head, cells))
    lines = ["  ".join(cells).rstrip() for cells in zip(*columns, strict=True)]
    return "\n".join(lines) + "\n"


def _column(head: str, cells: list[str]) -> list[str]:
    column = [head, *cells]
    columns = max(map(width, column))
    if head == "model":
        return [pad(cell, columns) for cell in column]
    return [" " * (columns - width(cell)) + cell for cell in column]
