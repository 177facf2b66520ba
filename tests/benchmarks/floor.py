"""The least that the same telemetry can cost: a span and its records written by hand, by the SDK alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry import context as otel
from opentelemetry import trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

START = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4.1-mini",
    "server.address": "api.openai.com",
    "server.port": 443,
    "gen_ai.request.temperature": 0.5,
}
END = {
    "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.response.model": "gpt-4.1-mini",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.usage.input_tokens": 24,
    "gen_ai.usage.output_tokens": 9,
    "callspan.outcome": "completed",
}
SERIES = {name: value for name, value in START.items() if name != "gen_ai.request.temperature"}
SERIES["gen_ai.response.model"] = "gpt-4.1-mini"
RECORDS = {"released": 3, "latest": 5, "both": 8}
"""How many records of metrics a plain call has in each dialect of the conventions."""


class Sdk:
    """Providers that keep everything in memory and export nothing."""

    def __init__(self, sampled: bool) -> None:
        self.tracer_provider = TracerProvider(sampler=ALWAYS_ON if sampled else ALWAYS_OFF)
        self.meter_provider = MeterProvider(metric_readers=[InMemoryMetricReader()])
        self.logger_provider = LoggerProvider()

    def providers(self) -> dict[str, Any]:
        """As arguments of `instrument()`."""
        return dict(vars(self))


def record(sdk: Sdk) -> Callable[[], None]:
    """One histogram record."""
    histogram = sdk.meter_provider.get_meter("floor").create_histogram("tokens")
    series = {**SERIES, "gen_ai.token.type": "input"}
    return lambda: histogram.record(24, series)


def by_hand(sdk: Sdk, records: int = 3) -> Callable[[], None]:
    """One span of twelve attributes made current, and as many histogram records, with the attributes that ours have."""
    tracer = sdk.tracer_provider.get_tracer("floor")
    meter = sdk.meter_provider.get_meter("floor")
    duration, tokens = meter.create_histogram("duration"), meter.create_histogram("tokens")

    def call() -> None:
        span = tracer.start_span("chat gpt-4.1-mini", kind=trace.SpanKind.CLIENT, attributes=START)
        context = trace.set_span_in_context(span)
        otel.detach(otel.attach(context))
        if span.is_recording():
            span.set_attributes(END)
        if records:
            duration.record(0.1, SERIES, context=context)
        for _ in range(records - 1):
            tokens.record(24, {**SERIES, "gen_ai.token.type": "input"}, context=context)
        span.end()

    return call


def span_alone(sdk: Sdk) -> Callable[[], None]:
    """The span without the records."""
    return by_hand(sdk, 0)
