"""Run the test suites of clients and frameworks without callspan and with it.

python -m tests.suites [--list] [--only PACKAGE]... [--write PAGE]

A test that ends differently is run again, both ways, up to three times: some suites have tests that depend on time.
Exits with 1 where a test still differs, and where no test of a suite was run.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.matrix.environment import cache, find_uv

from .comparison import Report, differences
from .page import write
from .rows import SUITES
from .server import empty_answers
from .source import Source

TRIES = 3
SECONDS = 1800
"""The most that one run of a suite may take."""


@dataclass(frozen=True)
class Result:
    """What came of a suite: its version, how many tests there are and pass, which differ, and the calls seen."""

    day: str
    version: str
    tests: int
    passed: int
    differing: list[str]
    spans: int
    warnings: list[str]


def main() -> int:
    """Run the suites that are asked for."""
    parser = argparse.ArgumentParser(
        "python -m tests.suites",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--list", action="store_true", help="print the suites and run none")
    parser.add_argument(
        "--only", action="append", metavar="PACKAGE", help="a suite by its package; can be repeated"
    )
    parser.add_argument(
        "--write", type=Path, metavar="PAGE", help="write the last result of each suite into a page"
    )
    parser.add_argument(
        "--uv", help="the program that makes environments, if it is not on the path"
    )
    options = parser.parse_args()
    suites = [suite for suite in SUITES if not options.only or suite.package in options.only]
    if not suites:
        names = ", ".join(suite.package for suite in SUITES)
        parser.error(f"no suite of {' or '.join(options.only)}: there are {names}")
    if options.list:
        print("\n".join(suite.package for suite in suites))
        return 0
    kept = cache().with_name("suites") / "results.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    results = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    is_equal = True
    with empty_answers() as server:
        for suite in suites:
            source = Source(suite, options.uv or find_uv(), kept.parent)
            result = _result(source, server, kept.parent)
            if result is None:
                is_equal = False
                continue
            is_equal = is_equal and not result.differing
            results[suite.package] = asdict(result)
            kept.write_text(json.dumps(results, indent=1), encoding="utf-8")
    if options.write:
        write(options.write, results)
    return 0 if is_equal else 1


def _result(source: Source, server: str, base: Path) -> Result | None:
    """Run one suite both ways, print what differs, and return what came of it; None where no test was run."""
    suite = source.suite
    _say(f"{suite.package}: installing")
    source.make(sys.executable)
    version = source.version()
    bare, on = (_report(source, mode, list(suite.tests), server, base) for mode in ("bare", "on"))
    if not bare.outcomes or not on.outcomes:
        _say(f"{suite.package} {version}: no test was run")
        return None
    different = differences(bare, on)
    for _ in range(TRIES):
        if not different:
            break
        names = list(different)
        again = (_report(source, mode, names, server, base) for mode in ("bare", "on"))
        still = differences(*again)
        different = {name: pair for name, pair in still.items() if name in different}
    for name, (without, with_us) in different.items():
        print(f"  {name}: {without} without callspan, {with_us} with it")
    for warning in on.warnings:
        print(f"  reported: {warning}")
    _say(
        f"{suite.package} {version}: {len(bare.outcomes)} tests, {bare.passed} pass, {len(different)} differ"
    )
    day = datetime.date.today().isoformat()
    return Result(
        day, version, len(bare.outcomes), bare.passed, list(different), on.spans, on.warnings
    )


def _report(source: Source, mode: str, tests: list[str], server: str, base: Path) -> Report:
    file = base / f"{source.suite.package}-{mode}.json"
    file.unlink(missing_ok=True)
    _say(f"{source.suite.package}: {mode}")
    output = source.run(mode, tests, file, server, SECONDS)
    report = Report.read(file)
    if not report.outcomes:
        print(output[-2000:])
    return report


def _say(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
