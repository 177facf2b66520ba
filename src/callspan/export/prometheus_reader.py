"""What OpenTelemetry's exporter for Prometheus leaves out: exemplars, and a word about series that were merged."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from prometheus_client import REGISTRY
from prometheus_client.samples import Exemplar

from callspan.runtime import guard

_OVERFLOW = "otel.metric.overflow"
_SCOPE = "otel_scope_"
_Labels = frozenset[tuple[str, str]]


class Reader(PrometheusMetricReader):
    """A reader that remembers what it has read last."""

    def __init__(self) -> None:
        self.latest: Any = None
        super().__init__()

    def _receive_metrics(self, metrics_data: Any, *args: Any, **kwargs: Any) -> None:
        self.latest = metrics_data
        for metric in self.metrics():
            if any(_OVERFLOW in (point.attributes or {}) for point in metric.data.data_points):
                guard.say_once(
                    f"metric {metric.name!r} has more series than OpenTelemetry keeps apart: the rest are one series"
                )
        super()._receive_metrics(metrics_data, *args, **kwargs)

    def metrics(self) -> list[Any]:
        """Return the metrics that were read last."""
        if self.latest is None:
            return []
        scopes = (
            scope for resource in self.latest.resource_metrics for scope in resource.scope_metrics
        )
        return [metric for scope in scopes for metric in scope.metrics]


class RegistryWithExemplars:
    """The registry of prometheus_client, with the exemplars of a reader's metrics added to their samples."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def collect(self) -> Iterator[Any]:
        """Return all metrics, as an encoder asks for them."""
        families = list(REGISTRY.collect())
        exemplars = _exemplars(self._reader.metrics())
        for family in families:
            name = _longest_prefix(family.name, exemplars)
            if name and family.type in ("counter", "histogram"):
                _add(family, exemplars[name])
            yield family


def _exemplars(metrics: Iterable[Any]) -> dict[str, dict[_Labels, list[Any]]]:
    """Return the exemplars that belong to a trace, by the metric's name and the labels of the series."""
    exemplars: dict[str, dict[_Labels, list[Any]]] = {}
    for metric in metrics:
        series = exemplars.setdefault(_sanitize(metric.name), {})
        for point in metric.data.data_points:
            found = [one for one in getattr(point, "exemplars", ()) if one.trace_id and one.span_id]
            if found:
                series.setdefault(_labels(point.attributes or {}), []).extend(found)
    return {name: series for name, series in exemplars.items() if series}


def _labels(attributes: dict[str, Any]) -> _Labels:
    """Return the labels of a series that tell it from others; an empty label is as good as none."""
    named = ((_sanitize(key), str(value)) for key, value in attributes.items())
    return frozenset((key, value) for key, value in named if value and not key.startswith(_SCOPE))


def _sanitize(name: str) -> str:
    return re.sub("[^a-zA-Z0-9]+", "_", name)


def _longest_prefix(family: str, names: Iterable[str]) -> str:
    """Return the metric that a family was made of; the exporter adds the unit to the name."""
    fitting = [name for name in names if family == name or family.startswith(f"{name}_")]
    return max(fitting, key=len, default="")


def _add(family: Any, exemplars: dict[_Labels, list[Any]]) -> None:
    below = math.inf
    for position, sample in enumerate(family.samples):
        is_bucket = sample.name.endswith("_bucket")
        if not is_bucket and not sample.name.endswith("_total"):
            continue
        most = float(sample.labels.get("le", "inf")) if is_bucket else math.inf
        least = below if is_bucket and below < most else -math.inf
        below = most
        labels = {name: value for name, value in sample.labels.items() if name != "le"}
        exemplar = _newest(exemplars.get(_labels(labels), ()), least, most)
        if exemplar:
            family.samples[position] = sample._replace(exemplar=exemplar)


def _newest(exemplars: Sequence[Any], least: float, most: float) -> Exemplar | None:
    """Return the latest exemplar whose value lies in a bucket."""
    inside = [one for one in exemplars if least < one.value <= most]
    if not inside:
        return None
    newest = max(inside, key=lambda one: one.time_unix_nano)
    labels = {"trace_id": f"{newest.trace_id:032x}", "span_id": f"{newest.span_id:016x}"}
    return Exemplar(labels, newest.value, newest.time_unix_nano / 1e9)
