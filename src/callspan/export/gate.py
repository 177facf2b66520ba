"""A metric reader that can be ended for good: the SDK's goes on in a forked child, and sends once more at its end."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, PeriodicExportingMetricReader


class Gate(MetricExporter):
    """Lets metrics through to an exporter, in the process that opened it, until it is shut."""

    def __init__(self, exporter: Any) -> None:
        super().__init__(
            preferred_temporality=getattr(exporter, "_preferred_temporality", None),
            preferred_aggregation=getattr(exporter, "_preferred_aggregation", None),
        )
        self._exporter = exporter
        self._pid = os.getpid()
        self._shut = False

    @property
    def _open(self) -> bool:
        return not self._shut and self._pid == os.getpid()

    def export(self, metrics_data: Any, timeout_millis: float = 10_000, **options: Any) -> MetricExportResult:
        """Export, or do nothing."""
        if not self._open:
            return MetricExportResult.SUCCESS
        return self._exporter.export(metrics_data, timeout_millis=timeout_millis, **options)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Flush, or do nothing."""
        return self._exporter.force_flush(timeout_millis) if self._open else True

    def shutdown(self, timeout_millis: float = 30_000, **options: Any) -> None:
        """Shut."""
        if self._open:
            self._shut = True
            self._exporter.shutdown(timeout_millis=timeout_millis)


class GatedReader:
    """The SDK's periodic reader behind a gate."""

    _kept: ClassVar[list[Any]] = []

    def __init__(self, exporter: Any) -> None:
        self._gate = Gate(exporter)
        self.reader = PeriodicExportingMetricReader(self._gate)
        # SDKs before 1.40 print an error in every forked child when a reader is gone
        GatedReader._kept.append(self.reader)

    def flush(self, seconds: float) -> bool:
        """Collect and export."""
        return self.reader.force_flush(max(1.0, seconds * 1000)) is not False

    def end(self, seconds: float) -> None:
        """Stop, without exporting again."""
        self._gate.shutdown(seconds * 1000)
        self.reader.shutdown(max(1.0, seconds * 1000))
