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
    stderr = result.stderr.decode()
    assert result.returncode == 0, stderr
    assert "Traceback" not in stderr
    totals = re.search(
        r"^server handed out: (\d+) calls, (\d+) input, (\d+) output tokens.*: equal$",
        stderr,
        re.MULTILINE,
    )
    assert totals
    assert all(int(count) > 0 for count in totals.groups())
    # The table, which people see, must have the same totals as the file, by which they were compared;
    # and besides, marked, what is estimated of the one call for which the server states nothing.
    total = next(line for line in stderr.splitlines() if line.strip().lower().startswith("total"))
    estimate = re.search(r"~(\d+) → ~(\d+) tokens", stderr)
    assert estimate
    for count, addition in zip(totals.groups()[1:], estimate.groups(), strict=True):
        assert f" ~{int(count) + int(addition)} " in total


def test_the_programs_output_alone_is_on_stdout(callspan: Command) -> None:
    stdout = callspan("demo").stdout.decode()
    assert stdout.startswith("Florist: ")
    assert "callspan" not in stdout


def test_usage_that_the_server_did_not_send_is_unknown() -> None:
    ledger = Ledger()
    ledger.book_generated("m", Counts(5, 7))
    ledger.book_generated("m", Counts(3, 2))
    ledger.book_told("m", Counts(5, 7))
    assert server_totals(ledger) == Totals(calls=1, input=5, output=7, unknown=1)
