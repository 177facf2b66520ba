"""The table of tokens by model that stands at the end of a program's output."""

from __future__ import annotations

from collections.abc import Mapping

from callspan.accounting.prices.cost_sum import CostSum
from callspan.export.text.cells import Cell, align, fit
from callspan.export.text.colour import Paint
from callspan.export.text.row import dollars
from callspan.export.text.width import one_line, width
from callspan.export.token_sums import COUNTS, ModelSums

_HEADS = (
    "model",
    "calls",
    "input",
    "cached",
    "output",
    "reasoning",
    "total",
    "unknown",
    "errors",
    "cost",
)
_ALWAYS = ("model", "calls", "input", "output", "total")
"""Columns that are there even if nothing stands in them."""


def render(models: Mapping[str, ModelSums], terminal_columns: int | None = None) -> str:
    """Return a table with a line for each model and one for all; empty when there was no call.

    Where it is wider than a terminal's columns, each model's numbers stand below its name.
    """
    if not models:
        return ""
    table = columns(models)
    lines = ["  ".join(cells).rstrip() for cells in zip(*map(_aligned, table), strict=True)]
    if terminal_columns is not None and max(map(width, lines)) > terminal_columns:
        lines = _narrow(table, terminal_columns)
    return "\n".join(lines) + "\n"


def columns(models: Mapping[str, ModelSums]) -> list[list[str]]:
    """Return the columns of the table, each with its head, without those in which nothing stands."""
    rows: list[list[str]] = [list(_HEADS)]
    everything = ModelSums()
    for name, sums in models.items():
        rows.append(_cells(one_line(name), sums))
        everything.add(sums)
    # of one model the total would be the same line once more
    if len(models) > 1:
        rows.append(_cells("total", everything))
    # most programs have no cached tokens and no errors, and a narrow table is read more easily
    return _present_columns(rows)


def _cells(name: str, sums: ModelSums) -> list[str]:
    estimates = {
        "input": sums.estimated_input,
        "output": sums.estimated_output,
        "total": sums.estimated_input + sums.estimated_output,
    }
    counts = [_count(getattr(sums, name), estimates.get(name, 0)) for name in COUNTS]
    others = [str(sums.unknown or ""), str(sums.errors or ""), _cost(sums.costs)]
    return [name, str(sums.calls), *counts, *others]


def _cost(costs: CostSum) -> str:
    """Return US dollars, with the number of calls whose cost is in no sum."""
    if not costs.calls:
        return ""
    usd = costs.usd
    if usd is None:
        return "?"
    if costs.unknown:
        return f"{dollars(usd)} ({costs.unknown} unknown)"
    return dollars(usd)


def _count(value: int | None, estimate: int) -> str:
    """Return a count for people; `~` marks one that is estimated, or is so in part."""
    if estimate:
        return f"~{(value or 0) + estimate:,}"
    # nobody stated it, which is not the same as 0
    return "?" if value is None else f"{value:,}"


def _present_columns(rows: list[list[str]]) -> list[list[str]]:
    """Return the columns, each with its head, without empty ones."""
    table: list[list[str]] = []
    for head, *cells in zip(*rows, strict=True):
        is_empty = not any(cell.strip("?") for cell in cells)
        if head in _ALWAYS or not is_empty:
            table.append([head, *cells])
    return table


def _aligned(column: list[str]) -> list[str]:
    """Return names to the left and numbers to the right, all in one width."""
    return align(column, is_number=column[0] != "model")


def _narrow(table: list[list[str]], columns: int) -> list[str]:
    """Return a line with the name of each model, and its numbers below."""
    heads, *rows = zip(*table, strict=True)
    lines: list[str] = []
    for name, *numbers in rows:
        lines.append(one_line(name, columns))
        numbers_with_heads = [
            Cell(f"{head} {number}")
            for head, number in zip(heads[1:], numbers, strict=True)
            if number
        ]
        lines += fit([Cell(" "), *numbers_with_heads], " ", columns, Paint(False))
    return lines
