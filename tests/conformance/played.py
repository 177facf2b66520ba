"""What tests emit under one choice, checked; what a test itself asserts is not looked at."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import pytest

from .choices import Choice

HEADING = "against the conventions:"
"""What the fixture `telemetry` says first of telemetry that breaks a rule."""


class Play:
    """A plugin of pytest that plays tests under a choice, and counts what the fixture `telemetry` says.

    Attributes:
        spans: How many spans were checked.
        violations: Each violation with the first test in which it was.
        declared: The exceptions that files of tests declare: file and rule.
        occurred: Those of them that occurred in a test which declares them.
    """

    def __init__(self, choice: Choice) -> None:
        self._choice = choice
        self._exceptions: defaultdict[str, set[str]] = defaultdict(set)
        self.declared: set[tuple[str, str]] = set()
        self.occurred: set[tuple[str, str]] = set()
        self._ends: Counter[str] = Counter()
        self.spans = 0
        self.violations: dict[str, str] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Set the choice, and note what the tests declare."""
        from telemetry import Telemetry

        Telemetry.choice = self._choice.settings
        for item in items:
            for marker in item.iter_markers("breaks"):
                self._exceptions[item.nodeid].add(marker.args[0])
                self.declared.add((_file(item.nodeid), marker.args[0]))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a test ended, and what the fixture says after it."""
        if report.when == "call":
            self._ends[report.outcome] += 1
        if report.when != "teardown":
            return
        noted: dict[str, Any] = dict(report.user_properties)
        self.spans += noted.get("checked spans", 0)
        rules = noted.get("broken rules", set()) & self._exceptions[report.nodeid]
        self.occurred |= {(_file(report.nodeid), rule) for rule in rules}
        lines = str(report.longrepr).splitlines() if report.failed else []
        for line in lines:
            text = line.removeprefix("E").strip()
            if text.startswith("violation: "):
                self.violations.setdefault(text, report.nodeid)

    @property
    def summary(self) -> str:
        """One line: tests, spans, and what was found."""
        tests = sum(self._ends.values())
        return (
            f"{self._choice!s:14} {tests:6,} tests {self.spans:7,} spans "
            f"{len(self.violations):4} violations {len(self.occurred):3} declared exceptions"
        )


def _file(test: str) -> str:
    return test.partition("::")[0]
