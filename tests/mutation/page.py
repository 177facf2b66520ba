"""The tables of what came of the changes, in a page that has a place for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from .results import EQUAL, STATES, SURVIVED, Module

_START, _END = "<!-- mutation -->", "<!-- /mutation -->"
_HEAD = (
    "| module | changes | killed | equal in meaning | survive | day |",
    "| --- | --- | --- | --- | --- | --- |",
)
_ROW = re.compile(r"\| (?P<name>\S+\.py) \| (?P<numbers>.+) \| (?P<day>\S*) \|")
_CHANGE = re.compile(r"- (?P<name>\S+\.py): ")
_OPEN = "Seen by no test yet:"

Changes = Mapping[tuple[str, str], str]
"""Changes that are equal in meaning, a line as it was and as it became, each with its reason."""


def write(page: Path, modules: Mapping[str, Module], names: Sequence[str], equal: Changes) -> None:
    """Put the table and the lists of changes between their two comments in a page.

    The prose of the page stays, and so does all about modules that are not in `modules`.
    """
    before, _, rest = page.read_text(encoding="utf-8").partition(_START)
    earlier, end, after = rest.partition(_END)
    if not end:
        raise SystemExit(
            f"{page} has no place for the table: put {_START} and {_END} into it, each on a line"
        )
    rows = {**_rows_of(earlier), **{name: _cells(module) for name, module in modules.items()}}
    rows = {name: rows[name] for name in names if name in rows}
    others = rows.keys() - modules.keys()
    earlier_equal, _, earlier_open = earlier.partition(_OPEN)
    equal_lines, open_lines = _kept(earlier_equal, others), _kept(earlier_open, others)
    for name in rows.keys() & modules.keys():
        equal_lines[name] = [
            f"{_change(name, change)} {equal[change]}"
            for change in sorted(modules[name].changes(EQUAL))
        ]
        open_lines[name] = [
            _change(name, change) for change in sorted(modules[name].changes(SURVIVED))
        ]
    lines = [*_HEAD, *(_row(name, *cells) for name, cells in rows.items()), _total(rows.values())]
    lines += ["", "Equal in meaning:", "", *_in_order(names, equal_lines)]
    still_open = _in_order(names, open_lines)
    if still_open:
        lines += ["", _OPEN, "", *still_open]
    text = "\n".join(lines)
    page.write_text(f"{before}{_START}\n{text}\n{_END}{after}", encoding="utf-8")


Cells = tuple[list[int], str]
"""Numbers of changes (all, killed, equal, survived) and the day."""


def _rows_of(table: str) -> dict[str, Cells]:
    """Return the cells of a table by the names of the modules."""
    rows: dict[str, Cells] = {}
    for match in _ROW.finditer(table):
        numbers = [int(number) for number in match["numbers"].split(" | ")]
        rows[match["name"]] = numbers, match["day"]
    return rows


def _cells(module: Module) -> Cells:
    counts = [len(module.changes(state)) for state in STATES]
    return [len(module.outcomes), *counts], module.day


def _row(name: str, numbers: Iterable[int], day: str) -> str:
    return f"| {' | '.join([name, *map(str, numbers), day])} |"


def _total(rows: Iterable[Cells]) -> str:
    columns = zip(*(numbers for numbers, _ in rows), strict=True)
    return _row("all", [sum(column) for column in columns], "")


def _kept(lists: str, names: Iterable[str]) -> dict[str, list[str]]:
    """Return the lines of a list by their modules, of these modules alone."""
    lines: dict[str, list[str]] = {name: [] for name in names}
    for line in lists.splitlines():
        match = _CHANGE.match(line)
        if match and match["name"] in lines:
            lines[match["name"]].append(line)
    return lines


def _change(name: str, change: tuple[str, str]) -> str:
    was, becomes = change
    return f"- {name}: `{was}` became `{becomes}`."


def _in_order(names: Iterable[str], lines: Mapping[str, list[str]]) -> list[str]:
    return [line for name in names for line in lines.get(name, ())]
