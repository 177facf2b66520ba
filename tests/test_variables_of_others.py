"""Variables that other instrumentations of models read: obeyed, or told by name."""

from __future__ import annotations

from typing import Any

import pytest

from callspan.settings import others
from callspan.settings.resolution import resolve
from telemetry import Telemetry

OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN"


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("gen_ai_latest_experimental", "latest"),
        ("http/dup, GEN_AI_latest_experimental ", "latest"),
        ("http", "released"),
        ("", "released"),
    ],
)
def test_the_opt_in_chooses_the_newest_text(text: str, version: str) -> None:
    """The word may stand among those of other conventions."""
    assert resolve({}, {OPT_IN: text}).semconv == version


def test_what_is_said_to_callspan_counts_first() -> None:
    """An argument and our own variable are said of callspan alone."""
    environ = {OPT_IN: "gen_ai_latest_experimental", "CALLSPAN_SEMCONV": "both"}
    assert resolve({}, environ).semconv == "both"
    assert resolve({"semconv": "released"}, environ).semconv == "released"


@pytest.mark.guard_acts("each variable is told by its name")
def test_a_variable_that_is_not_read_is_told(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch, guard_reports: Any
) -> None:
    """Once each, with what callspan does instead, however often it is instrumented."""
    told = {
        "OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT": "true",
        "OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN": "logs/dup",
        "TRACELOOP_TRACE_CONTENT": "false",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    telemetry.instrument()
    telemetry.instrument()
    lines = guard_reports.messages
    assert len(lines) == len(told)
    for name in told:
        assert [line for line in lines if f"{name} is not read" in line]


def test_what_is_obeyed_anyhow_is_not_told() -> None:
    """Exceptions are log events, so whoever wants them as such has nothing to hear."""
    assert not others.lines_about({"OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN": "logs"})
    assert not others.lines_about({OPT_IN: "gen_ai_latest_experimental"})
