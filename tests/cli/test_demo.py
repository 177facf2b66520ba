"""`callspan demo`: the main job, with no key and no network."""

from __future__ import annotations

import re

from callspan.demo.totals import Totals, server_totals
from callspan.testing.modelserver import Counts, Ledger

from .conftest import Command


def test_the_demo_shows_the_calls_and_the_counts_are_equal(callspan: Command) -> None:
    result = callspan(
        "demo",
        env={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "HTTP_PROXY": "http://x.invalid"},
    )
    said = result.stderr.decode()
    assert result.returncode == 0, said
    assert "Traceback" not in said
    found = re.search(
        r"^server handed out: (\d+) calls, (\d+) input, (\d+) output tokens.*: equal$",
        said,
        re.MULTILINE,
    )
    assert found
    assert all(int(count) > 0 for count in found.groups())
    # The table, which people see, must have the same totals as the file, by which they were compared.
    total = next(line for line in said.splitlines() if line.strip().lower().startswith("total"))
    assert {int(found[2]), int(found[3])} <= {
        int(number) for number in re.findall(r"\d+", total.replace(",", ""))
    }


def test_the_programs_output_alone_is_on_stdout(callspan: Command) -> None:
    said = callspan("demo").stdout.decode()
    assert said.startswith("Florist: ")
    assert "callspan" not in said


def test_what_the_server_never_told_is_unknown() -> None:
    ledger = Ledger()
    ledger.book_generated("m", Counts(5, 7))
    ledger.book_generated("m", Counts(3, 2))
    ledger.book_told("m", Counts(5, 7))
    assert server_totals(ledger) == Totals(calls=1, input=5, output=7, unknown=1)
