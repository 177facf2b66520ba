"""The table of the suites' last results, in a page that has a place for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .rows import SUITES, Suite

_START, _END = "<!-- suites -->", "<!-- /suites -->"
_HEAD = (
    "| suite | part | tests | pass without callspan | differ with it | calls seen | day |",
    "| --- | --- | --- | --- | --- | --- | --- |",
)


def write(page: Path, results: Mapping[str, Mapping[str, object]]) -> None:
    """Put the table between its two comments in a page; its prose stays, and the rows of what was not run here."""
    before, _, rest = page.read_text(encoding="utf-8").partition(_START)
    table, end, after = rest.partition(_END)
    if not end:
        raise SystemExit(
            f"{page} has no place for the table: put {_START} and {_END} into it, each on a line"
        )
    lines = list(_HEAD)
    for suite in SUITES:
        if suite.package in results:
            lines.append(_row(suite, results[suite.package]))
        else:
            lines.extend(
                line for line in table.splitlines() if line.startswith(f"| {suite.package} ")
            )
    text = "\n".join(lines)
    page.write_text(f"{before}{_START}\n{text}\n{_END}{after}", encoding="utf-8")


def _row(suite: Suite, result: Mapping[str, object]) -> str:
    """Return the row of a suite's result."""
    differing = result["differing"]
    count = len(differing) if isinstance(differing, list) else 0
    cells = (
        f"{suite.package} {result['version']}",
        suite.part or "all",
        result["tests"],
        result["passed"],
        count,
        result["spans"],
        result["day"],
    )
    return f"| {' | '.join(map(str, cells))} |"
