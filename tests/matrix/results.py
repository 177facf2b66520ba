"""What came of the rows: kept beside the environments, and written into a page as a dated table."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from .rows import CLIENTS, Row

_START, _END = "<!-- matrix -->", "<!-- /matrix -->"
_BESIDE = ("opentelemetry-sdk", "wrapt", "protobuf", "tiktoken")
_PACKAGES = (*(client.package for client in CLIENTS), "langchain-core", "langgraph")
_COLUMNS = ("row", "Python", "clients", "beside", "tests", "day")


@dataclass(frozen=True)
class Result:
    """The last run of a row: when, on what, and how the tests ended."""

    day: str
    python: str
    versions: dict[str, str]
    passed: bool
    summary: str


def closing(output: str) -> str:
    """What the test runner says at its end: how many tests passed, failed or were left out."""
    lines = [
        line.strip("= ")
        for line in output.splitlines()
        if re.search(r"\d+ (passed|failed|error)", line)
    ]
    return (
        re.sub(r" in [\d.]+s.*|, \d+ (deselected|warnings?)", "", lines[-1])
        if lines
        else "no tests ran"
    )


def load(file: Path) -> dict[str, Result]:
    """The results so far, by the name of their row."""
    told = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return {name: Result(**result) for name, result in told.items()}


def save(file: Path, results: dict[str, Result]) -> None:
    """Keep the results."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        json.dumps({name: asdict(result) for name, result in results.items()}, indent=1),
        encoding="utf-8",
    )


def write(page: Path, rows: tuple[Row, ...], results: dict[str, Result]) -> None:
    """Put the table between its two comments in a page, whose prose stays."""
    before, _, rest = page.read_text(encoding="utf-8").partition(_START)
    _, end, after = rest.partition(_END)
    if not end:
        raise SystemExit(
            f"{page} has no place for the table: put {_START} and {_END} into it, each on a line"
        )
    lines = [_line(row, results[row.name]) for row in rows if row.name in results]
    table = "\n".join(
        [
            "| row | Python | clients | beside | tests | day |",
            "| --- | --- | --- | --- | --- | --- |",
            *lines,
        ]
    )
    page.write_text(f"{before}{_START}\n{table}\n{_END}{after}", encoding="utf-8")


def _line(row: Row, result: Result) -> str:
    clients = _PACKAGES if row.package is None else (row.package,)
    cells = (
        row.name,
        result.python,
        _named(clients, result),
        _named(_BESIDE, result),
        result.summary,
        result.day,
    )
    return _joined(cells)


def _joined(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _named(names: Iterable[str], result: Result) -> str:
    known = [name for name in names if name in result.versions]
    return ", ".join(f"{name.removesuffix('-sdk')} {result.versions[name]}" for name in known)
