"""Telemetry that a program has written as lines of OTLP's JSON, as the SDK's objects, which the checker reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
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
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode

Data = Mapping[str, Any]


@dataclass
class Emitted:
    """What one process has emitted; of metrics, the last state."""

    spans: list[ReadableSpan] = field(default_factory=list)
    logs: list[Any] = field(default_factory=list)
    metrics: MetricsData | None = None


def read_lines(file: Path) -> Emitted:
    """Read the file of one process."""
    emitted = Emitted()
    for line in file.read_text(encoding="utf-8").splitlines():
        request = json.loads(line)
        emitted.spans += [_span(*each) for each in _items(request, "Spans", "spans")]
        emitted.logs += [_log(*each) for each in _items(request, "Logs", "logRecords")]
        if "resourceMetrics" in request:
            # cumulative: a later state has all that an earlier one has
            emitted.metrics = _metrics(request)
    return emitted


def _items(request: Data, signal: str, items: str) -> Iterator[tuple[InstrumentationScope, Data]]:
    for resource in request.get(f"resource{signal}", ()):
        for scoped in resource.get(f"scope{signal}", ()):
            for item in scoped.get(items, ()):
                yield _scope(scoped), item


def _scope(scoped: Data) -> InstrumentationScope:
    scope = scoped.get("scope", {})
    return InstrumentationScope(
        scope.get("name", ""), scope.get("version"), scoped.get("schemaUrl", "")
    )


def _span(scope: InstrumentationScope, data: Data) -> ReadableSpan:
    events = [
        Event(event["name"], _attributes(event), int(event["timeUnixNano"]))
        for event in data.get("events", ())
    ]
    status = data.get("status", {})
    parent = data.get("parentSpanId")
    return ReadableSpan(
        data["name"],
        context=_context(data["traceId"], data["spanId"]),
        parent=_context(data["traceId"], parent) if parent else None,
        attributes=_attributes(data),
        events=events,
        # OTLP counts from 1, the SDK from 0
        kind=SpanKind(data["kind"] - 1),
        status=Status(StatusCode(status.get("code", 0)), status.get("message")),
        start_time=int(data["startTimeUnixNano"]),
        end_time=int(data["endTimeUnixNano"]),
        instrumentation_scope=scope,
    )


def _context(trace_id: str, span_id: str) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=False)


def _log(scope: InstrumentationScope, data: Data) -> Any:
    body = data.get("body")
    record = SimpleNamespace(
        event_name=data.get("eventName"),
        severity_number=data.get("severityNumber"),
        body=None if body is None else _value(body),
        attributes=_attributes(data),
        trace_id=int(data.get("traceId") or "0", 16),
        span_id=int(data.get("spanId") or "0", 16),
    )
    return SimpleNamespace(log_record=record, instrumentation_scope=scope)


def _metrics(request: Data) -> MetricsData:
    scopes: list[ScopeMetrics] = []
    for resource in request["resourceMetrics"]:
        for scoped in resource["scopeMetrics"]:
            metrics = [_metric(data) for data in scoped["metrics"]]
            scopes.append(ScopeMetrics(_scope(scoped), metrics, scoped.get("schemaUrl", "")))
    return MetricsData([ResourceMetrics(Resource({}), scopes, "")])


def _metric(data: Data) -> Metric:
    return Metric(data["name"], data.get("description", ""), data.get("unit", ""), _data(data))


def _data(data: Data) -> Histogram | Sum | Gauge:
    cumulative = AggregationTemporality.CUMULATIVE
    if "histogram" in data:
        # sums are doubles in OTLP; those of anything but seconds were whole numbers
        number = float if data.get("unit") == "s" else int
        points = [_histogram_point(point, number) for point in data["histogram"]["dataPoints"]]
        return Histogram(points, cumulative)
    if "sum" in data:
        numbers = [_number_point(point) for point in data["sum"]["dataPoints"]]
        return Sum(numbers, cumulative, data["sum"].get("isMonotonic", False))
    return Gauge([_number_point(point) for point in data["gauge"]["dataPoints"]])


def _histogram_point(point: Data, number: type[float]) -> HistogramDataPoint:
    total = number(point.get("sum", 0))
    bounds = point.get("explicitBounds", ())
    return HistogramDataPoint(
        _attributes(point),
        int(point.get("startTimeUnixNano", 0)),
        int(point["timeUnixNano"]),
        int(point.get("count", 0)),
        total,
        [int(number) for number in point.get("bucketCounts", ())],
        bounds,
        point.get("min", total),
        point.get("max", total),
    )


def _number_point(point: Data) -> NumberDataPoint:
    value = int(point["asInt"]) if "asInt" in point else point.get("asDouble", 0.0)
    return NumberDataPoint(
        _attributes(point),
        int(point.get("startTimeUnixNano", 0)),
        int(point["timeUnixNano"]),
        value,
    )


def _attributes(data: Data) -> dict[str, Any]:
    return {each["key"]: _value(each["value"]) for each in data.get("attributes", ())}


def _value(value: Data) -> Any:
    """Return a value of OTLP, which names its type by its one key."""
    if not value:
        return None
    ((kind, content),) = value.items()
    if kind == "intValue":
        return int(content)
    if kind == "doubleValue":
        return float(content)
    if kind == "arrayValue":
        return tuple(_value(each) for each in content.get("values", ()))
    if kind == "kvlistValue":
        return {each["key"]: _value(each["value"]) for each in content.get("values", ())}
    return content
