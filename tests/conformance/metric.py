"""The rules for one metric and its points."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opentelemetry.sdk.metrics.export import ExponentialHistogram, Histogram, Sum

from .attribute import check_attributes
from .expectations import Expectations
from .finding import Finding
from .registry import Signal
from .rules import BUCKETS, INFERENCE_OPERATIONS, RELEASED_METRICS, SHARED_METRICS, broken

_OF_INFERENCE = "gen_ai.client.inference."


def check_metric(expect: Expectations, metric: Any) -> Iterator[Finding]:
    """Everything that can be said of a metric by itself."""
    signal, known = f"metric {metric.name!r}", expect.registry.metrics.get(metric.name)
    if known is None:
        yield broken("name.unknown", signal, metric.name)
        return
    dialects = known.dialects
    if metric.name in RELEASED_METRICS:
        dialects = ("released",)
    elif known.origin == "conventions" and metric.name not in SHARED_METRICS:
        dialects = ("latest",)
    if not expect.chosen(dialects):
        yield broken("metric.dialect", signal, metric.name, expect.semconv)
    if _instrument(metric.data) != known.kind:
        yield broken("metric.instrument", signal, metric.name, _instrument(metric.data))
    if (metric.unit or "") != known.unit:
        yield broken("metric.unit", signal, metric.name, metric.unit)
    for point in metric.data.data_points:
        yield from _check_point(expect, signal, known, point)


def _instrument(data: Any) -> str:
    if isinstance(data, Histogram | ExponentialHistogram):
        return "histogram"
    if isinstance(data, Sum):
        return "counter" if data.is_monotonic else "updowncounter"
    return type(data).__name__.lower()


def _check_point(expect: Expectations, signal: str, known: Signal, point: Any) -> Iterator[Finding]:
    attributes = dict(point.attributes or {})
    levels = expect.registry.refined(known, attributes.get("gen_ai.provider.name"))
    yield from check_attributes(expect, signal, "metric", levels, attributes)
    yield from _check_values(signal, known, point)
    for key, level in levels.items():
        if level == "required" and key not in attributes:
            yield broken("metric.required", signal, key, attributes)
    if ("server.address" in attributes) != ("server.port" in attributes):
        yield broken("metric.port", signal, "server.port", attributes)
    operation = attributes.get("gen_ai.operation.name")
    infers = operation in INFERENCE_OPERATIONS
    alone = known.name in SHARED_METRICS and "released" not in expect.dialects
    if (alone and infers) or (known.name.startswith(_OF_INFERENCE) and not infers):
        yield broken("metric.inference", signal, known.name, operation)


def _check_values(signal: str, known: Signal, point: Any) -> Iterator[Finding]:
    value = point.sum if hasattr(point, "sum") else point.value
    wanted = {"int": int, "double": float}.get(known.value_type)
    if wanted is not None and type(value) is not wanted:
        yield broken("metric.value", signal, known.name, value)
    bounds = getattr(point, "explicit_bounds", None)
    advised = BUCKETS.get(known.name)
    if bounds is not None and advised is not None and tuple(bounds) != tuple(advised):
        yield broken("metric.buckets", signal, known.name, tuple(bounds))
