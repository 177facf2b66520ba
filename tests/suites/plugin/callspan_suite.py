"""A plugin of pytest's: instrument the tests of another package, and write down how each of them ended.

It stands in a folder of its own, which is put on the path of modules, for the suites have packages named `tests` too.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

REPORT = Path(os.environ["CALLSPAN_SUITE_REPORT"])
IS_ON = os.environ["CALLSPAN_SUITE_MODE"] == "on"
_WORST_FIRST = ("failed", "error", "skipped", "passed")

_outcomes: dict[str, str] = {}
_warnings: list[str] = []
_spans: list[Any] = []


class _Warnings(logging.Handler):
    """Keep what callspan's guard reports: in the tests of others nothing may fail within us."""

    def emit(self, record: logging.LogRecord) -> None:
        _warnings.append(record.getMessage())


def pytest_configure(config: pytest.Config) -> None:
    """Instrument, with everything on that a user may switch on, before the suite imports its package."""
    if not IS_ON:
        return
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    import callspan

    exporter = InMemorySpanExporter()
    traces = TracerProvider(shutdown_on_exit=False)
    traces.add_span_processor(SimpleSpanProcessor(exporter))
    meters = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    logging.getLogger("callspan").addHandler(_Warnings(logging.WARNING))
    callspan.instrument(
        tracer_provider=traces,
        meter_provider=meters,
        capture="span",
        redact="common",
        token_events="all",
        cost=True,
    )
    _spans.append(exporter)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep the worst outcome of a test's three phases."""
    outcome = "error" if report.failed and report.when != "call" else report.outcome
    before = _outcomes.get(report.nodeid, "passed")
    _outcomes[report.nodeid] = min(before, outcome, key=_WORST_FIRST.index)


def pytest_sessionfinish() -> None:
    """Write the report."""
    calls = 0
    if IS_ON:
        import callspan

        callspan.flush()
        calls = len(_spans[0].get_finished_spans())
    REPORT.write_text(
        json.dumps({"outcomes": _outcomes, "warnings": _warnings, "spans": calls}), encoding="utf-8"
    )
