"""How the tests of a suite ended without callspan and with it, test by test."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Report:
    """What the plugin wrote: each test's outcome, what callspan's guard said, and how many spans were made."""

    outcomes: dict[str, str]
    warnings: list[str]
    spans: int

    @classmethod
    def read(cls, file: Path) -> Report:
        """Read a report; a run that died before its end has left an empty one."""
        return (
            cls(**json.loads(file.read_text(encoding="utf-8"))) if file.exists() else cls({}, [], 0)
        )

    @property
    def passed(self) -> int:
        """The number of tests that passed."""
        return sum(outcome == "passed" for outcome in self.outcomes.values())


def differences(bare: Report, on: Report) -> dict[str, tuple[str, str]]:
    """Return the tests that did not end alike, with both outcomes; a test that one run lacks is `missing` there."""
    names = dict.fromkeys((*bare.outcomes, *on.outcomes))
    pairs = {
        name: (bare.outcomes.get(name, "missing"), on.outcomes.get(name, "missing"))
        for name in names
    }
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
