"""One thing that a check found, said so that it can be read without the telemetry at hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

VIOLATION = "violation"
EXPECTED = "expected"
INFORMATION = "information"
"""How much a finding weighs: a rule is broken; something recommended is absent; worth knowing."""

_LONGEST = 160


@dataclass(frozen=True, slots=True)
class Finding:
    """A signal (`span chat gpt-4`), a name in it, the rule by its id and in words, and the value found."""

    level: str
    signal: str
    name: str
    rule: str
    says: str
    value: Any = None

    def __str__(self) -> str:
        shown = repr(self.value)
        shown = shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."
        return f"{self.level}: {self.signal}: {self.name}: {self.says} [{self.rule}]; found {shown}"
