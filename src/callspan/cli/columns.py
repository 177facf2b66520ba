"""Rows of text as aligned columns, for people and for Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def align(rows: Iterable[Sequence[str]], indent: str = "") -> str:
    """Return the rows as lines, each column as wide as its widest cell."""
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines: list[str] = []
    for row in table:
        cells = map(str.ljust, row, widths)
        line = indent + "  ".join(cells)
        lines.append(line.rstrip())
    return "\n".join(lines)


def to_markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return the rows as a Markdown table."""
    rule = ["---"] * len(header)
    lines = [f"| {' | '.join(cells)} |" for cells in (header, rule, *rows)]
    return "\n".join(lines)
