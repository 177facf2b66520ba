"""Additions to OpenTelemetry's exporter for Prometheus: exemplars, and a warning of merged series."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from prometheus_client import REGISTRY
from prometheus_client.samples import Exemplar

from callspan.export.metric_parts import all_metrics
from callspan.export.prometheus_sums import Family, plain_family
from callspan.runtime import guard

_OVERFLOW = "otel.metric.overflow"
_SCOPE = "otel_scope_"
_Labels = frozenset[tuple[str, str]]


class Reader(PrometheusMetricReader):
    """A reader that remembers the metrics that it has read last."""

    def __init__(self) -> None:
        # before the base class's, which registers it: a scrape may come at once
        self.latest: Any = None
        super().__init__()

    def _receive_metrics(self, metrics_data: Any, *args: Any, **kwargs: Any) -> None:
        self.latest = metrics_data
        for metric in self.metrics():
            if _has_overflow(metric):
                guard.say_once(
                    f"metric {metric.name!r} has more series than OpenTelemetry keeps apart: the rest are one series"
                )
        super()._receive_metrics(metrics_data, *args, **kwargs)

    def metrics(self) -> list[Any]:
        """Return the metrics that were read last."""
        return list(all_metrics(self.latest))


def _has_overflow(metric: Any) -> bool:
    """Whether series were merged, because there are more than the SDK keeps apart."""
    return any(_OVERFLOW in (point.attributes or {}) for point in metric.data.data_points)


class Families:
    """The families of prometheus_client's registry, with exemplars added to those of a reader's metrics.

    They are read once, as each reading takes the exemplars since the one before.
    """

    def __init__(self, reader: Reader) -> None:
        # the registry of all, so that metrics of the app's own stand there too; first, as it reads
        # the metrics anew, and the exemplars have to be of the same reading
        self._families: list[Any] = list(REGISTRY.collect())
        self._metrics = reader.metrics()
        exemplars = _exemplars(self._metrics)
        for family in self._families:
            name = _longest_prefix(family.name, exemplars)
            # the types that may have exemplars (OpenMetrics)
            if name and family.type in ("counter", "histogram"):
                _add(family, exemplars[name])

    def collect(self) -> list[Any]:
        """Return all families, as an encoder calls for them."""
        return self._families

    @cached_property
    def plain(self) -> list[Family]:
        """All families as plain data.

        Of OpenTelemetry's, all but gauges add up. The app's own metrics of prometheus_client do not:
        a forked child has a copy of its parent's counts.
        """
        sums = [_sanitize(metric.name) for metric in self._metrics if _is_sum(metric)]
        families: list[Family] = []
        for family in self._families:
            families.append(plain_family(family, adds_up=bool(_longest_prefix(family.name, sums))))
        return families


def _is_sum(metric: Any) -> bool:
    """Whether a metric is a sum or a histogram, which have a temporality, and no gauge."""
    return hasattr(metric.data, "aggregation_temporality")


def _exemplars(metrics: Iterable[Any]) -> dict[str, dict[_Labels, list[Any]]]:
    """Return the exemplars that belong to a trace, by metric and labels of the series."""
    exemplars: dict[str, dict[_Labels, list[Any]]] = {}
    for metric in metrics:
        series = exemplars.setdefault(_sanitize(metric.name), {})
        for point in metric.data.data_points:
            traced = [
                one for one in getattr(point, "exemplars", ()) if one.trace_id and one.span_id
            ]
            if traced:
                series.setdefault(_labels(point.attributes or {}), []).extend(traced)
    return {name: series for name, series in exemplars.items() if series}


def _labels(attributes: dict[str, Any]) -> _Labels:
    """Return the labels that tell a series from others."""
    labels: set[tuple[str, str]] = set()
    for key, value in attributes.items():
        name = _sanitize(key)
        # Prometheus takes an empty label for one that is not there
        if str(value) and not name.startswith(_SCOPE):
            labels.add((name, str(value)))
    return frozenset(labels)


def _sanitize(name: str) -> str:
    # as the exporter does it (opentelemetry-exporter-prometheus 0.66)
    return re.sub("[^a-zA-Z0-9]+", "_", name)


def _longest_prefix(family: str, names: Iterable[str]) -> str:
    """Return the metric of which a family was made; the exporter adds the unit to the name."""
    candidates = [name for name in names if f"{family}_".startswith(f"{name}_")]
    return max(candidates, key=len, default="")


def _add(family: Any, exemplars: dict[_Labels, list[Any]]) -> None:
    """Add exemplars to the samples that may have them: the buckets of a histogram, and a counter."""
    previous_bound = math.inf
    for position, sample in enumerate(family.samples):
        # a counter has one sample, to which every exemplar belongs
        lower, upper = -math.inf, math.inf
        if sample.name.endswith("_bucket"):
            upper = float(sample.labels.get("le", "inf"))
            # buckets come in order; a bound that is not higher begins the next series
            if previous_bound < upper:
                lower = previous_bound
        elif not sample.name.endswith("_total"):
            continue
        previous_bound = upper
        labels = {name: value for name, value in sample.labels.items() if name != "le"}
        exemplar = _newest(exemplars.get(_labels(labels), ()), lower, upper)
        if exemplar:
            family.samples[position] = sample._replace(exemplar=exemplar)


def _newest(exemplars: Sequence[Any], lower: float, upper: float) -> Exemplar | None:
    """Return the latest exemplar whose value lies between two bounds."""
    inside = [one for one in exemplars if lower < one.value <= upper]
    if not inside:
        return None
    newest = max(inside, key=lambda one: one.time_unix_nano)
    labels = {"trace_id": f"{newest.trace_id:032x}", "span_id": f"{newest.span_id:016x}"}
    # OpenMetrics has times in seconds
    return Exemplar(labels, newest.value, newest.time_unix_nano / 1e9)
