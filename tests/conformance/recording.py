"""A program's providers in memory: what callspan emitted under one choice of settings."""

from __future__ import annotations

from typing import Any

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import callspan

from .checker import Checker
from .finding import Finding


class Recording:
    """Instruments for a block, and then has its spans, metrics and log records."""

    def __init__(self, semconv: str = "released", capture: str = "off", **settings: Any) -> None:
        self._settings = {"semconv": semconv, "capture": capture, **settings}
        self._spans, self._logs = InMemorySpanExporter(), InMemoryLogRecordExporter()
        self._reader = InMemoryMetricReader()
        self.tracer_provider = TracerProvider()
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._spans))
        self._meter_provider = MeterProvider([self._reader])
        self._logger_provider = LoggerProvider()
        self._logger_provider.add_log_record_processor(SimpleLogRecordProcessor(self._logs))
        self.spans: list[Any] = []
        self.logs: list[Any] = []
        self.metrics: Any = None

    def __enter__(self) -> Recording:
        callspan.instrument(
            tracer_provider=self.tracer_provider,
            meter_provider=self._meter_provider,
            logger_provider=self._logger_provider,
            **self._settings,
        )
        return self

    def __exit__(self, *_exc: object) -> None:
        callspan.flush(5)
        callspan.uninstrument()
        self.spans = list(self._spans.get_finished_spans())
        self.logs = list(self._logs.get_finished_logs())
        self.metrics = self._reader.get_metrics_data()

    def findings(self) -> list[Finding]:
        """All that the checker has to say of it."""
        checker = Checker(self._settings["semconv"], self._settings["capture"])
        found = [
            *checker.spans(self.spans),
            *checker.metrics(self.metrics),
            *checker.events(self.logs),
        ]
        return found + checker.together(self.spans, self.metrics, self.logs)
