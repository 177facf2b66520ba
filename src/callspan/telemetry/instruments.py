"""The OpenTelemetry instruments of metrics, created from the rows of the conventions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from callspan.semconv import names
from callspan.semconv.conventions import COUNTER, HISTOGRAM, Convention, Metric
from callspan.version import __version__

Instruments = dict[str, Any]
"""Instruments by the names of their metrics; a provider of another make has types of its own."""


def create_instruments(
    provider: Any, rows: Iterable[Metric], schema_url: str | None
) -> Instruments:
    """Create the instruments for some rows, on one meter of a provider."""
    meter = provider.get_meter(names.SCOPE, __version__, schema_url=schema_url)
    return {metric.name: _create(meter, metric) for metric in rows}


def metrics_of(convention: Convention) -> Iterator[Metric]:
    """Yield the metrics that a version of the conventions has."""
    for name in convention.__slots__:
        value = getattr(convention, name)
        if isinstance(value, Metric):
            yield value


def _create(meter: Any, metric: Metric) -> Any:
    texts = {"unit": metric.unit, "description": metric.description}
    if metric.kind == COUNTER:
        return meter.create_counter(metric.name, **texts)
    if metric.kind != HISTOGRAM:
        return meter.create_up_down_counter(metric.name, **texts)
    # advice only: a view of the app's goes before it
    buckets = list(metric.buckets or ())
    try:
        return meter.create_histogram(
            metric.name, explicit_bucket_boundaries_advisory=buckets, **texts
        )
    except TypeError:  # a provider of another make may not know the advice
        return meter.create_histogram(metric.name, **texts)
