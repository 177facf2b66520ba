"""Telemetry that was written as lines is checked as that in memory is."""

from __future__ import annotations

from pathlib import Path

from callspan.export.otlp_json import log_lines, metric_lines, span_lines
from callspan.testing.modelserver import ModelServer

from .choices import CHOICES, Choice
from .collect import check_all
from .finding import Finding
from .lines import Emitted, read_lines
from .recording import Recording
from .scenarios import SCENARIOS, play


def _findings(emitted: Emitted, choice: Choice) -> list[Finding]:
    return check_all(
        emitted.spans, emitted.metrics, emitted.logs, choice.semconv, capture=choice.capture
    )


def test_lines_say_what_was_emitted(tmp_path: Path) -> None:
    """A stream and a failure: nothing is broken under their choice, and something under another."""
    file = tmp_path / "telemetry.jsonl"
    choice = next(choice for choice in CHOICES if str(choice) == "latest-both")
    names = ("chat_stream_usage", "chat_error_429")
    with ModelServer() as server, Recording(**choice.settings) as recording:
        for scenario in SCENARIOS:
            if scenario.name in names:
                play(scenario, server)
    lines = [*span_lines(recording.spans), *log_lines(recording.logs)]
    lines += [line for line, _number in metric_lines(recording.metrics)]
    file.write_text("".join(lines), encoding="utf-8")
    emitted = read_lines(file)
    assert [span.name for span in emitted.spans] == [span.name for span in recording.spans]
    assert len(emitted.logs) == len(recording.logs)
    assert not _findings(emitted, choice)
    rules = {finding.rule for finding in _findings(emitted, Choice("released", "off"))}
    assert {"scope.schema", "metric.dialect", "name.dialect"} <= rules
