"""A call told by hand, right in every point, from which a test takes away or changes one thing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from .rules import BUCKETS, DETAILS, INFERENCE_EXCEPTION, SCHEMA_URLS

START, SECOND = 1_790_000_000_000_000_000, 1_000_000_000
SCOPE = InstrumentationScope("callspan", "1", SCHEMA_URLS["latest"])
IDENTITY: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4.1",
    "gen_ai.response.model": "gpt-4.1",
    "server.address": "api.openai.com",
    "server.port": 443,
}
ATTRIBUTES: dict[str, Any] = {
    **IDENTITY,
    "gen_ai.request.stream": True,
    "gen_ai.request.temperature": 0.5,
    "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.response.finish_reasons": ("stop",),
    "gen_ai.response.time_to_first_chunk": 0.25,
    "gen_ai.usage.input_tokens": 30,
    "gen_ai.usage.output_tokens": 9,
    "gen_ai.usage.cache_read.input_tokens": 20,
    "callspan.outcome": "completed",
    "callspan.stream.chunks": 3,
}
MESSAGES = [{"role": "user", "parts": [{"type": "text", "content": "Hello"}]}]
ANSWERS = [
    {"role": "assistant", "parts": [{"type": "text", "content": "Hi"}], "finish_reason": "stop"}
]
RETRY = {"callspan.retry.attempt": 1, "callspan.retry.wait": 0.5, "callspan.retry.cause": "429"}


@dataclass(frozen=True, slots=True)
class Told:
    """One call in three signals; every field is one that a test may change. `None` takes an attribute away."""

    name: str = "chat gpt-4.1"
    kind: SpanKind = SpanKind.CLIENT
    attributes: Mapping[str, Any] = field(default_factory=dict)
    status: Status = field(default_factory=Status)
    span_events: tuple[tuple[str, Mapping[str, Any], float], ...] = (
        ("callspan.retry", RETRY, 0.1),
    )
    seconds: float = 1.0
    scope: InstrumentationScope = SCOPE
    points: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """For each metric, what is other than right: `attributes`, `value`, `unit`, `bounds`, `kind`, `missing`, `base`."""
    events: tuple[Mapping[str, Any], ...] = ({},)
    """For each log event, what is other than right: `name`, `severity`, `attributes`, `body`, `span_id`."""
    semconv: str = "latest"
    capture: str | None = None

    def span(self) -> Any:
        """The finished span."""
        events = [
            Event(name, attributes, START + int(at * SECOND))
            for name, attributes, at in self.span_events
        ]
        return ReadableSpan(
            self.name,
            context=SpanContext(1, 2, False, TraceFlags(1)),
            attributes=_without_none({**ATTRIBUTES, **self.attributes}),
            events=events,
            kind=self.kind,
            status=self.status,
            start_time=START,
            end_time=START + int(self.seconds * SECOND),
            instrumentation_scope=self.scope,
        )

    def metrics(self) -> MetricsData:
        """What a reader collected."""
        names = [*_METRICS, *(name for name in self.points if name not in _METRICS)]
        made = [_metric(name, self.points.get(name, {})) for name in names]
        present = [metric for metric in made if metric is not None]
        scoped = ScopeMetrics(self.scope, present, self.scope.schema_url or "")
        return MetricsData([ResourceMetrics(Resource({}), [scoped], "")])

    def logs(self) -> list[Any]:
        """The log records."""
        return [self._log(changes) for changes in self.events]

    def _log(self, changes: Mapping[str, Any]) -> Any:
        name = changes.get("name", DETAILS)
        usual = {**ATTRIBUTES, **self.attributes} if name == DETAILS else {}
        record = LogRecord(
            timestamp=START,
            trace_id=1,
            span_id=changes.get("span_id", 2),
            severity_number=changes.get(
                "severity", SeverityNumber.DEBUG if name == DETAILS else SeverityNumber.WARN
            ),
            event_name=name,
            body=changes.get("body"),
            attributes=_without_none({**usual, **changes.get("attributes", {})}),
        )
        return ReadableLogRecord(record, Resource({}), self.scope)

    def but(self, **changes: Any) -> Told:
        """The same with some fields changed."""
        return replace(self, **changes)


FAILED = Told(
    attributes={
        "error.type": "timeout",
        "callspan.outcome": "error",
        "gen_ai.response.finish_reasons": ("error",),
    },
    status=Status(StatusCode.ERROR),
    points={
        "gen_ai.client.inference.duration": {"attributes": {"error.type": "timeout"}},
        "gen_ai.client.inference.operation.input_tokens": {"attributes": {"error.type": "timeout"}},
        "gen_ai.client.inference.operation.output_tokens": {
            "attributes": {"error.type": "timeout"}
        },
    },
    events=({"name": INFERENCE_EXCEPTION, "attributes": {"exception.type": "TimeoutError"}},),
)
"""The same call, failed, with its exception event in place of the details."""

CONTENT = {
    "gen_ai.input.messages": json.dumps(MESSAGES),
    "gen_ai.output.messages": json.dumps(ANSWERS),
}
STRUCTURED = {"gen_ai.input.messages": MESSAGES, "gen_ai.output.messages": ANSWERS}

_MODALITY = {"gen_ai.token.modality": "unknown"}
_PREFIX = "gen_ai.client.inference."
_METRICS: dict[str, tuple[str, str, list[float], dict[str, str]]] = {
    f"{_PREFIX}duration": ("histogram", "s", [1.0], {}),
    f"{_PREFIX}time_to_first_chunk": ("histogram", "s", [0.25], {}),
    f"{_PREFIX}time_per_output_chunk": ("histogram", "s", [0.25, 0.25], {}),
    f"{_PREFIX}usage.input_tokens": ("counter", "{token}", [30], _MODALITY),
    f"{_PREFIX}usage.output_tokens": ("counter", "{token}", [9], _MODALITY),
    f"{_PREFIX}usage.cache_read.input_tokens": ("counter", "{token}", [20], _MODALITY),
    f"{_PREFIX}operation.input_tokens": ("histogram", "{token}", [30], {}),
    f"{_PREFIX}operation.output_tokens": ("histogram", "{token}", [9], {}),
}


def _without_none(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in attributes.items() if value is not None}


def _metric(name: str, changes: Mapping[str, Any]) -> Metric | None:
    if changes.get("missing"):
        return None
    kind, unit, values, more = _METRICS.get(name, ("histogram", "s", [1.0], {}))
    kind, values = changes.get("kind", kind), changes.get("values", values)
    attributes = _without_none({**IDENTITY, **more, **changes.get("attributes", {})})
    bounds = changes.get("bounds", BUCKETS.get(name, ()))
    return Metric(name, "", changes.get("unit", unit), _data(kind, attributes, values, bounds))


def _data(kind: str, attributes: dict[str, Any], values: list[float], bounds: Any) -> Any:
    if kind != "histogram":
        point = NumberDataPoint(attributes, START, START, sum(values))
        return Sum([point], AggregationTemporality.CUMULATIVE, kind == "counter")
    point = HistogramDataPoint(
        attributes,
        START,
        START,
        len(values),
        sum(values),
        [0] * (len(bounds) + 1),
        bounds,
        min(values),
        max(values),
    )
    return Histogram([point], AggregationTemporality.CUMULATIVE)
