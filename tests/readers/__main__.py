"""Shows what readers make of our spans: `python -m tests.readers`.

python -m tests.readers [--only NAME]... [--misses]

A trace of all clients that the tests have is recorded in each version of the conventions, without
`readers=` and with it. Each reader's own code, in an environment of its own which uv makes in a
cache folder, converts it. A line of the table says which facts are shown right of all spans that
have them, and of how many spans the others are. What is wrong without `readers=` is no failure. Of
readers whose code comes in no package a rule in our own words is tried in its place.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.frameworks.spans import Span, read_spans
from tests.matrix import rows as matrix
from tests.matrix.environment import ROOT, Environment, cache, find_uv
from tests.readers.expectations import FACTS, View, score, sum_of_tokens
from tests.readers.rows import ROWS, Row, in_our_words

PROGRAMS = Path(__file__).with_name("programs")
SECONDS = 600
_TITLES = ("reader", "conventions", "shown right", "right of all that have it", "all tokens")
STEMS = ("released", "latest", "both", "released+{0}", "latest+{0}")
"""The names of the files of a reader, as `tests/readers/traces.py` writes them."""


def main() -> int:
    """Print the table of the rows that are asked for; return 1 if something is shown wrong."""
    parser = argparse.ArgumentParser("python -m tests.readers", description=__doc__)
    parser.add_argument("--only", action="append", metavar="NAME", help="can be repeated")
    parser.add_argument("--misses", action="store_true", help="tell what is shown wrong")
    options = parser.parse_args()
    rows = [row for row in ROWS if not options.only or row.name in options.only]
    with tempfile.TemporaryDirectory() as folder:
        _record(Path(folder), rows)
        print(_line(*_TITLES))
        print(_line(*["---"] * len(_TITLES)))
        misses: list[str] = []
        for row in rows:
            for file, views in _convert(row, _files(Path(folder), row)).items():
                print(_line(*_cells(row, Path(file), views, misses)), flush=True)
    if options.misses:
        print("\n".join(misses))
    return 1 if any(f"+{row.name}," in miss for miss in misses for row in rows) else 0


def _record(folder: Path, rows: Iterable[Row]) -> None:
    """Record the traces, in a process that ends with its clients."""
    names = ",".join(row.name for row in rows)
    subprocess.run(
        [sys.executable, "-m", "readers.traces", folder, names],
        cwd=ROOT / "tests",
        check=True,
        timeout=SECONDS,
    )


def _files(folder: Path, row: Row) -> list[Path]:
    """Return the files of a reader: without `readers=`, and with it."""
    return [folder / f"{stem.format(row.name)}.jsonl" for stem in STEMS]


def _convert(row: Row, files: list[Path]) -> dict[str, dict[str, View]]:
    """Return what a reader shows of each span, by file and by the span's id."""
    if row.rule is not None:
        return {
            str(file): in_our_words(row, map(row.rule.view, read_spans(file))) for file in files
        }
    wanted = matrix.Row(row.name, row.requirements, (), extra="")
    environment = Environment(wanted, find_uv(), cache().with_name("readers"))
    environment.make(sys.executable)
    program = subprocess.run(
        [environment.python, PROGRAMS / row.program, *files],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=SECONDS,
        env={**os.environ, "PYTHONPATH": ""},
    )
    # whatever the reader prints itself stands before
    views = json.loads(program.stdout.splitlines()[-1])
    return {file: in_our_words(row, views[file]) for file in views}


def _cells(row: Row, file: Path, views: dict[str, View], misses: list[str]) -> Iterator[str]:
    """Yield the cells of a row of the table, and add what is shown wrong."""
    spans = read_spans(file)
    yield f"{row.name} (rule)" if row.rule else row.requirements[0]
    yield file.stem.replace(f"+{row.name}", " + readers")
    right: list[str] = []
    wrong: list[str] = []
    for fact in FACTS:
        if fact.name in row.blank:
            continue
        result = score(spans, views, fact)
        if result.miss:
            misses.append(f"{row.name}, {file.stem}, {fact.title}: {result.miss}")
            wrong.append(f"{fact.title} {result.right}/{result.spans}")
        else:
            right.append(fact.title)
    yield ", ".join(right)
    yield ", ".join(wrong)
    yield _all_tokens(spans, views)


def _all_tokens(spans: list[Span], views: dict[str, View]) -> str:
    """Return the sum of all tokens that a reader shows, and that of those that were used."""
    shown = sum(
        view.get("input_tokens", 0) + view.get("output_tokens", 0) for view in views.values()
    )
    return f"{shown}/{sum_of_tokens(spans)}"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
