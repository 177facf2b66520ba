"""Metrics as the SDK gives them to an exporter: how many they are, and each by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any


def all_metrics(metrics_data: Any) -> Iterator[Any]:
    """Walk all metrics."""
    for resource in getattr(metrics_data, "resource_metrics", None) or ():
        for scope in resource.scope_metrics:
            yield from scope.metrics


def metric_count(metrics_data: Any) -> int:
    """Return how many metrics there are."""
    return sum(1 for _ in all_metrics(metrics_data))


def separate_metrics(metrics_data: Any) -> Iterator[Any]:
    """Return the same data in parts of one metric each."""
    for resource in metrics_data.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                part = replace(resource, scope_metrics=[replace(scope, metrics=[metric])])
                yield replace(metrics_data, resource_metrics=[part])


def are_differences(metrics_data: Any) -> bool:
    """Whether the metrics say what was added since the last time, not the sums since the start of the process."""
    temporalities = (
        getattr(metric.data, "aggregation_temporality", None)
        for metric in all_metrics(metrics_data)
    )
    return any(getattr(temporality, "name", "") == "DELTA" for temporality in temporalities)


def values(metrics_data: Any) -> list[Any]:
    """Return what the metrics say, without the time at which they said it, to see whether anything has changed."""
    return [
        (metric.name, [_point(point) for point in metric.data.data_points])
        for metric in all_metrics(metrics_data)
    ]


def _point(point: Any) -> tuple[Any, ...]:
    numbers = (getattr(point, name, None) for name in ("value", "count", "sum"))
    return (dict(point.attributes or {}), *numbers)
