"""Tries callspan with old and new versions of its clients; exits with 1 when a row fails.

python -m tests.matrix [--list] [--only NAME]... [--landing] [--write PAGE]
"""

from __future__ import annotations

import argparse
import datetime
import subprocess
import sys
import time
from pathlib import Path

from . import results
from .environment import ROOT, Environment, cache, find_python, find_uv
from .rows import ROWS, Row


def main() -> int:
    """Run the rows that are asked for."""
    parser = argparse.ArgumentParser("python -m tests.matrix", description=__doc__)
    parser.add_argument("--list", action="store_true", help="print the rows and run none")
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="rows whose name begins so; can be repeated"
    )
    parser.add_argument(
        "--landing",
        action="store_true",
        help="the rows of the landing check, with all that tests print",
    )
    parser.add_argument(
        "--write", type=Path, metavar="PAGE", help="write the last result of each row into a page"
    )
    parser.add_argument(
        "--uv", help="the program that makes environments, if it is not on the path"
    )
    parser.add_argument(
        "--into", type=Path, help="a folder for the environments, in place of the cache"
    )
    options = parser.parse_args()
    rows = [row for row in ROWS if _is_asked_for(row, options.only, options.landing)]
    if not rows:
        parser.error(f"no row begins with {' or '.join(options.only or ())}")
    if options.list:
        print(
            "\n".join(
                f"{row.name:18} Python {row.python}  {' '.join(row.requires) or 'the newest'}"
                for row in rows
            )
        )
        return 0
    failed = _run_all(rows, options.uv or find_uv(), options.into or cache(), options.landing)
    if options.write:
        results.write(options.write, ROWS, results.load(cache() / "results.json"))
    return 1 if failed else 0


def _is_asked_for(row: Row, names: list[str] | None, landing: bool) -> bool:
    return (row.lands or not landing) and (not names or row.name.startswith(tuple(names)))


def _run_all(rows: list[Row], uv: str, base: Path, landing: bool) -> list[str]:
    """Run rows one after the other; the landing check stops at the first that fails. Gives the names of those."""
    failed: list[str] = []
    for number, row in enumerate(rows, 1):
        interpreter = find_python(row.python)
        print(
            f"\n== [{time.strftime('%H:%M:%S')}] {row.name} ({number} of {len(rows)})", flush=True
        )
        if interpreter is None:
            print(f"python {row.python}: not on this machine", flush=True)
        elif not _run(row, Environment(row, uv, base), interpreter, landing):
            failed.append(row.name)
            if landing:
                break
    return failed


def _run(row: Row, environment: Environment, interpreter: str, landing: bool) -> bool:
    environment.make(interpreter)
    passed, said = _tried(environment.command(), landing)
    if not landing:
        print(results.closing(said) if passed else said, flush=True)
    known = results.load(cache() / "results.json")
    told = (
        datetime.date.today().isoformat(),
        row.python,
        environment.versions(),
        passed,
        results.closing(said),
    )
    known[row.name] = results.Result(*told)
    results.save(cache() / "results.json", known)
    return passed


def _tried(command: list[str], shown: bool) -> tuple[bool, str]:
    """Whether a command did well, and what it printed, which is shown as it comes if that is wanted."""
    lines = []
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        for line in running.stdout or ():
            lines.append(line)
            if shown:
                print(line, end="", flush=True)
    return running.returncode == 0, "".join(lines)


if __name__ == "__main__":
    sys.exit(main())
