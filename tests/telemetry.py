"""OpenTelemetry providers of a test's own, and the telemetry that they got, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from opentelemetry.sdk import _logs as logs
from opentelemetry.sdk._logs import export
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import callspan
from conformance import collect

# the older name is the one that releases of a year ago have
InMemoryLogs: Any = getattr(export, "InMemoryLogRecordExporter", None) or export.InMemoryLogExporter


class Telemetry:
    """Three providers with exporters in memory.

    Attributes:
        choice: What every test instruments with, whatever it asks for itself; `python -m
            tests.conformance` plays all tests with each dialect and with content.
    """

    choice: ClassVar[Mapping[str, Any]] = {}

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        self.tracer_provider = TracerProvider(shutdown_on_exit=False)
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._spans))
        self._reader = InMemoryMetricReader()
        self.meter_provider = MeterProvider([self._reader], shutdown_on_exit=False)
        self._logs = InMemoryLogs()
        self.logger_provider = logs.LoggerProvider(shutdown_on_exit=False)
        self.logger_provider.add_log_record_processor(export.SimpleLogRecordProcessor(self._logs))
        self._semconvs: set[str] = set()
        self.tracer = self.tracer_provider.get_tracer("app")

    @property
    def providers(self) -> dict[str, Any]:
        """The providers, by the names that `instrument()` gives them."""
        return {
            "tracer_provider": self.tracer_provider,
            "meter_provider": self.meter_provider,
            "logger_provider": self.logger_provider,
        }

    def instrument(self, **options: Any) -> None:
        """Instrument with these providers; a second time replaces the first."""
        options = {**options, **self.choice}
        callspan.instrument(**{**self.providers, **options})
        self._semconvs.add(options.get("semconv", "released"))

    def violations(self) -> list[Any]:
        """Return what breaks a rule of the conventions.

        It is empty if the test used both versions of the conventions.
        """
        if len(self._semconvs) != 1:
            return []
        logs, metrics = self._logs.get_finished_logs(), self._reader.get_metrics_data()
        capture = self.choice.get("capture")
        return collect.check_all(
            self.all_spans, metrics, logs, *self._semconvs, capture=capture, whole=False
        )

    @property
    def all_spans(self) -> list[ReadableSpan]:
        """All finished spans, the app's own too, in the order in which they ended."""
        return list(self._spans.get_finished_spans())

    @property
    def spans(self) -> list[ReadableSpan]:
        """The finished spans of calls."""
        return [span for span in self.all_spans if span.instrumentation_scope.name == "callspan"]

    @property
    def span(self) -> ReadableSpan:
        """The one finished span of a call; fails when there are none or several."""
        spans = self.spans
        assert len(spans) == 1, f"{len(spans)} spans: {[span.name for span in spans]}"
        return spans[0]

    @property
    def attributes(self) -> Mapping[str, Any]:
        """The attributes of the one span."""
        return self.span.attributes or {}

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the attributes of the events of a name in the one span."""
        return [dict(event.attributes or {}) for event in self.span.events if event.name == name]

    @property
    def metrics(self) -> dict[str, list[dict[str, Any]]]:
        """The points of every metric by its name: `attributes`, and `count` and `sum`, or `value`."""
        points: dict[str, list[dict[str, Any]]] = {}
        data = self._reader.get_metrics_data()
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    metric_points = points.setdefault(metric.name, [])
                    metric_points += map(_point, metric.data.data_points)
        return points

    def points(self, name: str) -> list[dict[str, Any]]:
        """Return the points of one metric; none if it was not recorded."""
        return self.metrics.get(name, [])

    @property
    def tokens(self) -> dict[str, int]:
        """The sums of the token metric, by token type."""
        sums: dict[str, int] = {}
        for point in self.points("gen_ai.client.token.usage"):
            kind = point["attributes"]["gen_ai.token.type"]
            sums[kind] = sums.get(kind, 0) + point["sum"]
        return sums

    @property
    def metrics_data(self) -> Any:
        """The metrics as the SDK hands them to an exporter."""
        return self._reader.get_metrics_data()

    @property
    def log_data(self) -> Any:
        """The log records as the SDK hands them to an exporter."""
        return self._logs.get_finished_logs()

    @property
    def logs(self) -> list[dict[str, Any]]:
        """The log events: `name`, `attributes`, and the ids of the span that they belong to."""
        return [
            {
                "name": item.log_record.event_name,
                "attributes": dict(item.log_record.attributes or {}),
                "trace_id": item.log_record.trace_id,
                "span_id": item.log_record.span_id,
            }
            for item in self._logs.get_finished_logs()
        ]

    def everything(self) -> str:
        """Return all that would leave the process, as one text to search in."""
        spans = [
            (
                s.name,
                dict(s.attributes or {}),
                [(e.name, dict(e.attributes or {})) for e in s.events],
                s.status,
            )
            for s in self.all_spans
        ]
        return repr(
            (spans, [span.status.description for span in self.all_spans], self.metrics, self.logs)
        )

    def clear(self) -> None:
        """Forget the spans and logs so far; metrics go on."""
        self._spans.clear()
        self._logs.clear()

    def shutdown(self) -> None:
        """Shut the providers down."""
        self.tracer_provider.shutdown()
        self.meter_provider.shutdown()
        self.logger_provider.shutdown()


def _point(point: Any) -> dict[str, Any]:
    attributes = dict(point.attributes)
    if not hasattr(point, "count"):
        return {"attributes": attributes, "value": point.value}
    return {
        "attributes": attributes,
        "count": point.count,
        "sum": point.sum,
        "buckets": tuple(point.explicit_bounds),
    }


def counts(telemetry: Telemetry) -> dict[str, Any]:
    """Return the token counts of the one span."""
    usage = "gen_ai.usage."
    return {
        name.removeprefix(usage): value
        for name, value in telemetry.attributes.items()
        if name.startswith(usage)
    }
