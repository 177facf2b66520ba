"""For the fixtures of all tests: one call that checks whatever a test has produced."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .checker import Checker
from .finding import VIOLATION, Finding
from .rules import SCOPE


def check_all(
    spans: Iterable[Any],
    metrics_data: Any = None,
    logs: Iterable[Any] | None = None,
    semconv: str = "released",
    *,
    capture: str | None = None,
    whole: bool = True,
    declared: Iterable[str] = (),
) -> list[Finding]:
    """The violations in all that was emitted.

    What other scopes emitted is left out. `metrics_data` is what a reader collected once, `logs` the log records.
    With `capture`, content must stand only where it was asked for. `whole` is false when spans were not sampled,
    were cleared or are still open, so that the signals cannot be held against each other. `declared` names rules
    that are known to be broken here.
    """
    checker, ours = Checker(semconv, capture), [span for span in spans if _is_ours(span)]
    records = None if logs is None else [record for record in logs if _is_ours(record)]
    found = [*checker.spans(ours), *checker.metrics(metrics_data), *checker.events(records or ())]
    if whole:
        found += checker.together(ours, metrics_data, records)
    excused = set(declared)
    return [
        finding for finding in found if finding.level == VIOLATION and finding.rule not in excused
    ]


def _is_ours(emitted: Any) -> bool:
    return emitted.instrumentation_scope is not None and emitted.instrumentation_scope.name == SCOPE


def report(findings: Iterable[Finding]) -> str:
    """Findings as lines, for an assertion's message."""
    return "\n".join(str(finding) for finding in findings)


__all__ = ["check_all", "report"]
