"""Metrics as the SDK passes them to an exporter: how many they are, and each by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any


def all_metrics(metrics_data: Any) -> Iterator[Any]:
    """Yield all metrics."""
    for resource in getattr(metrics_data, "resource_metrics", None) or ():
        for scope in resource.scope_metrics:
            yield from scope.metrics


def metric_count(metrics_data: Any) -> int:
    """Return how many metrics there are."""
    return sum(1 for _ in all_metrics(metrics_data))


def separate_metrics(metrics_data: Any) -> Iterator[Any]:
    """Yield the same data in parts of one metric each."""
    for resource in metrics_data.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                # copies of the outer layers alone: the metric itself is shared
                part = replace(resource, scope_metrics=[replace(scope, metrics=[metric])])
                yield replace(metrics_data, resource_metrics=[part])


def are_differences(metrics_data: Any) -> bool:
    """Whether metrics are differences since the last export, and not sums since the start."""
    for metric in all_metrics(metrics_data):
        temporality = getattr(metric.data, "aggregation_temporality", None)
        # a gauge has no temporality
        if getattr(temporality, "name", "") == "DELTA":
            return True
    return False


def values(metrics_data: Any) -> list[Any]:
    """Return the values of metrics without their times, to see whether anything has changed."""
    series: list[Any] = []
    for metric in all_metrics(metrics_data):
        series.append((metric.name, [_point(point) for point in metric.data.data_points]))
    return series


def _point(point: Any) -> tuple[Any, ...]:
    # a sum has the first, a histogram the other two
    numbers = [getattr(point, name, None) for name in ("value", "count", "sum")]
    return (dict(point.attributes or {}), *numbers)
