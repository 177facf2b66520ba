"""What a back end relies on, as far as none is needed to show it; section H of the list of what must be survived."""

from __future__ import annotations

import threading
from typing import Any

import openai
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.trace import SpanKind

import callspan
from callspan.testing.modelserver import ModelServer, Reply
from program import Program
from telemetry import Telemetry

TOKENS, DURATION = "gen_ai.client.token.usage", "gen_ai.client.operation.duration"


def buckets(telemetry: Telemetry, *views: View) -> dict[str, tuple[str, tuple[float, ...]]]:
    """Unit and buckets of the histograms, of one call of whose metrics the app has views of its own."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], views=views, shutdown_on_exit=False)
    telemetry.instrument(meter_provider=provider)
    with ModelServer() as server:
        Program(server.url, False).chat()
    data: Any = reader.get_metrics_data()
    provider.shutdown()
    metrics = [
        metric for scope in data.resource_metrics[0].scope_metrics for metric in scope.metrics
    ]
    return {
        metric.name: (metric.unit, tuple(metric.data.data_points[0].explicit_bounds))
        for metric in metrics
    }


def test_buckets_of_histograms(telemetry: Telemetry) -> None:
    """Tokens have powers of four, durations go as far as the conventions do; a view of the app's can go further."""
    found = buckets(telemetry)
    assert found[TOKENS] == ("{token}", tuple(float(4**power) for power in range(14)))
    unit, bounds = found[DURATION]
    assert unit == "s"
    assert max(bounds) == 81.92


def test_views_of_the_app(telemetry: Telemetry) -> None:
    """Views of the app's own are in force, each for its metric and for no other."""
    mine = {TOKENS: (1.0, 10.0), DURATION: (0.5, 600.0)}
    views = [
        View(instrument_name=n, aggregation=ExplicitBucketHistogramAggregation(b))
        for n, b in mine.items()
    ]
    found = buckets(telemetry, *views)
    assert {name: found[name][1] for name in mine} == mine


def failing(program: Program, how: str, gate: threading.Event, server: ModelServer) -> None:
    """One call that is refused, cut, or not answered in time."""
    server.enqueue(
        {"refused": Reply(status=400), "cut": Reply(cut_after=0), "late": Reply(gate=gate)}[how]
    )
    timeout = {"timeout": 0.2} if how == "late" else {}
    with pytest.raises(openai.APIError):
        program.chat(**timeout)


@pytest.mark.parametrize("how", ["refused", "cut", "late"])
def test_failures_of_exporters_say_where(
    telemetry: Telemetry, program: Program, model_server: ModelServer, how: str
) -> None:
    """A failed call, one that ran out of time too, has name, kind, address and port as any other."""
    gate = threading.Event()
    try:
        failing(program, how, gate, model_server)
    finally:
        gate.set()
    attributes = telemetry.attributes
    assert (telemetry.span.name, telemetry.span.kind) == ("chat gpt-4.1-mini", SpanKind.CLIENT)
    assert (attributes["server.address"], attributes["server.port"]) == (
        "127.0.0.1",
        model_server.port,
    )
    assert attributes["callspan.outcome"] == "error"
    [point] = telemetry.points(DURATION)
    assert point["attributes"]["server.address"] == "127.0.0.1"


def test_the_number_of_series_is_bounded(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """Ever new users, sessions and prompts make no further series."""
    telemetry.instrument(
        semconv="both", extra_metrics=["calls", "active", "retries", "output_rate"]
    )

    def ask(number: int) -> dict[str, int]:
        with callspan.attributes(user_id=f"user-{number}", session_id=f"session-{number}"):
            client.chat.completions.create(
                model="gpt-4.1-mini",
                messages=[{"role": "user", "content": f"prompt-{number}"}],
                user=f"user-{number}",
            )
        return {name: len(points) for name, points in telemetry.metrics.items()}

    first = ask(0)
    *_, last = [ask(number) for number in range(1, 200)]
    assert last == first
    assert len(first) > 5
    assert not [
        word for word in ("user-", "session-", "prompt-") if word in repr(telemetry.metrics)
    ]
