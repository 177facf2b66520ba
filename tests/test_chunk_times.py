"""The times between the chunks of a stream, as a metric of its own."""

from __future__ import annotations

from typing import Any

import pytest

import callspan
from callspan.testing.modelserver import ModelServer, Reply
from program import Program
from telemetry import Telemetry

METRICS = {
    "released": "gen_ai.client.operation.time_per_output_chunk",
    "latest": "gen_ai.client.inference.time_per_output_chunk",
}


class Times:
    """Keeps when the chunks of each call came, in seconds since it began."""

    def __init__(self) -> None:
        self.calls: list[list[float]] = []

    def on_end(self, _call: Any, response: callspan.Response) -> None:
        """Take down the times of one call."""
        assert response.first_chunk is not None
        self.calls.append([response.first_chunk, *(response.chunk_times or [])])


@pytest.mark.parametrize("semconv", METRICS)
def test_gaps_are_measured_from_chunk_to_chunk(
    telemetry: Telemetry, program: Program, model_server: ModelServer, semconv: str
) -> None:
    """There is one gap fewer than there are chunks, and the wait for the first chunk is in none of them."""
    times = Times()
    telemetry.instrument(chunk_metrics=True, handlers=[times], semconv=semconv)
    model_server.enqueue(Reply(text="Roses last longest of all."))
    chunks = program.stream()
    assert callspan.flush()
    [[first, *_, last]] = times.calls
    [point] = telemetry.points(METRICS[semconv])
    assert point["count"] == len(chunks) - 1
    assert point["sum"] == pytest.approx(last - first, rel=1e-6)
    assert first > 0


@pytest.mark.instrument(chunk_metrics=True)
def test_one_chunk_has_no_gap(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """A stream that is left at its first chunk records nothing."""
    program.stream(take=1)
    assert callspan.flush()
    assert telemetry.points(METRICS["released"]) == []
