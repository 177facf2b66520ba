"""Exporters that queue spans, log records and metrics for the writer of a file.

They are encoded off the app's path, by the writer's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult
from opentelemetry.sdk.trace import SpanProcessor

from callspan.export.line_writer import Encode, Line
from callspan.export.losses import Count
from callspan.export.metric_parts import metric_count
from callspan.export.otlp_json import log_lines, metric_lines, span_lines

Submit = Callable[[Count, int, Encode], None]
"""Queues items for the writer, by their count, their number, and a function that encodes them."""


class SpanLines(SpanProcessor):
    """Queues each span for the writer as it ends; it is encoded off the app's path.

    The SDK's simple processor would do, but it suppresses telemetry in the app's thread meanwhile: a
    signal handler that makes a call just then would not be recorded. See tests/test_signals.py.
    """

    def __init__(self, submit: Submit, count: Count) -> None:
        self._submit = submit
        self._count = count
        self._is_shut = False

    def on_end(self, span: Any) -> None:
        """Queue the span, if it is sampled."""
        if self._is_shut or not span.context.trace_flags.sampled:
            return
        self._submit(self._count, 1, lambda: _single_items(span_lines((span,))))

    def shutdown(self) -> None:
        """Queue no more spans."""
        self._is_shut = True


class LogLines:
    """Queues log records for the writer.

    It has no base class, because that has another name in each version of the SDK.
    """

    def __init__(self, submit: Submit, count: Count) -> None:
        self._submit = submit
        self._count = count

    def export(self, batch: Sequence[Any]) -> None:
        """Queue the records."""
        self._submit(self._count, len(batch), lambda: _single_items(log_lines(batch)))

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Do nothing, as nothing is held here."""
        return True

    def shutdown(self) -> None:
        """Do nothing, as nothing is held here."""


class MetricLines(MetricExporter):
    """Queues metrics for the writer."""

    def __init__(self, submit: Submit, count: Count) -> None:
        super().__init__()
        self._submit = submit
        self._count = count

    def export(
        self, metrics_data: Any, timeout_millis: float = 10_000, **_: Any
    ) -> MetricExportResult:
        """Queue the metrics, if there are any."""
        number = metric_count(metrics_data)
        if number:
            self._submit(self._count, number, lambda: metric_lines(metrics_data))
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Do nothing, as nothing is held here."""
        return True

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        """Do nothing, as nothing is held here."""


def _single_items(lines: list[str]) -> list[Line]:
    """Return lines of one item each."""
    return [(line, 1) for line in lines]
