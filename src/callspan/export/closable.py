"""A metric reader that can be closed for good.

The SDK's goes on in a forked child, and sends once more when it is shut down.
"""

from __future__ import annotations

import logging
import os
import time
from typing import Any, ClassVar

from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    PeriodicExportingMetricReader,
)

from callspan.export.delivery import KEPT_SECONDS
from callspan.export.encodable import encodable_metrics
from callspan.export.log_filter import exporter_log_filter
from callspan.export.losses import MetricsCount
from callspan.export.metric_parts import are_differences, metric_count, values
from callspan.export.throttle import Throttle

_logger = logging.getLogger("callspan.export")


class ClosableExporter(MetricExporter):
    """Passes metrics to an exporter until it is closed, in the process that opened it, and counts losses.

    With `skips_known`, metrics that the destination has already are not sent once more; with
    `only_counts` none are, as nobody listens there. The throttle keeps requests back.
    """

    def __init__(
        self, exporter: Any, count: MetricsCount | None, throttle: Throttle | None = None
    ) -> None:
        # the SDK's reader asks its exporter for them, and this one stands before it (SDK 1.45)
        super().__init__(
            preferred_temporality=getattr(exporter, "_preferred_temporality", None),
            preferred_aggregation=getattr(exporter, "_preferred_aggregation", None),
        )
        self._exporter = exporter
        self._count = count
        self._throttle = throttle or Throttle()
        # the SDK's reader starts its thread again in a forked child, and would send the parent's
        # sums from there (SDK 1.45, tests/export/test_fork.py)
        self._pid = os.getpid()
        self._shut = False
        self._delivered: list[Any] | None = None
        self.skips_known = False
        self.only_counts = False

    @property
    def _open(self) -> bool:
        return not self._shut and self._pid == os.getpid()

    def export(
        self, metrics_data: Any, timeout_millis: float = 10_000, **options: Any
    ) -> MetricExportResult:
        """Export, unless it is closed."""
        if not self._open:
            return MetricExportResult.SUCCESS
        # a file's exporter: its writer counts, and a second count here would double the losses
        if self._count is None:
            return self._exporter.export(metrics_data, timeout_millis=timeout_millis, **options)
        if self.only_counts:
            # nobody listens, but the numbers of what is lost are told at the end
            self._count.accept(metric_count(metrics_data))
            return MetricExportResult.FAILURE
        current = values(metrics_data)
        # what the last periodic export has sent is not sent once more by a flush, as at the exit
        if self.skips_known and current == self._delivered:
            return MetricExportResult.SUCCESS
        result = self._counted(self._count, metrics_data, timeout_millis)
        # after a failure the destination may have any of them, so the next request sends all
        self._delivered = current if result is MetricExportResult.SUCCESS else None
        return result

    def _counted(
        self, count: MetricsCount, metrics_data: Any, timeout_millis: float
    ) -> MetricExportResult:
        """Export all metrics, or where one of them cannot be encoded, the others."""
        number = metric_count(metrics_data)
        delivered = 0
        count.begin(number)
        try:
            delivered = self._sent(count, metrics_data, timeout_millis)
            # one number that OTLP cannot encode fails the whole request
            if not delivered and number > 1:
                rest = encodable_metrics(metrics_data)
                if 0 < metric_count(rest) < number:
                    delivered = self._sent(count, rest, timeout_millis)
        finally:
            count.end(delivered, number - delivered, are_differences(metrics_data))
        return MetricExportResult.SUCCESS if delivered == number else MetricExportResult.FAILURE

    def _sent(self, count: MetricsCount, metrics_data: Any, timeout_millis: float) -> int:
        """Export metrics, again if the collector asked for a pause; return how many it took."""
        give_up = time.monotonic() + KEPT_SECONDS
        while self._throttle.wait():
            if self._is_taken(count, metrics_data, timeout_millis):
                return metric_count(metrics_data)
            pause = self._throttle.seconds
            if not pause or time.monotonic() > give_up:
                return 0
            # it has answered, so during the pause the metrics are not on their way
            count.refused(pause)
        return 0

    def _is_taken(self, count: MetricsCount, metrics_data: Any, timeout_millis: float) -> bool:
        """Export metrics, and return whether the destination took them."""
        try:
            with exporter_log_filter.counting(count):
                result = self._exporter.export(metrics_data, timeout_millis=timeout_millis)
        except Exception as error:
            _logger.warning("callspan: metrics cannot be sent:", exc_info=error)
            return False
        return result is MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Flush, unless it is closed."""
        return not self._open or self._exporter.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **options: Any) -> None:
        """Close for good."""
        # the SDK's reader passes `timeout`, by another name than its base class has (SDK 1.45)
        if self._open:
            self._shut = True
            self._throttle.close()
            self._exporter.shutdown(timeout_millis=timeout_millis)


class ClosableReader:
    """The SDK's periodic reader with a closable exporter.

    An exporter that counts by itself needs no `count` here. `interval` is in milliseconds, by default
    the SDK's.
    """

    _kept: ClassVar[list[Any]] = []

    def __init__(
        self,
        exporter: Any,
        count: MetricsCount | None = None,
        interval: float | None = None,
        throttle: Throttle | None = None,
    ) -> None:
        self._exporter = ClosableExporter(exporter, count, throttle)
        self.reader = PeriodicExportingMetricReader(self._exporter, export_interval_millis=interval)
        # SDKs before 1.40 print an error in every forked child when a reader is gone
        ClosableReader._kept.append(self.reader)

    def flush(self, seconds: float) -> bool:
        """Collect, and export what has changed."""
        self._exporter.skips_known = True
        try:
            # milliseconds: with 0 the SDK raises at the first observable instrument (SDK 1.45)
            return self.reader.force_flush(max(1.0, seconds * 1000)) is not False
        finally:
            self._exporter.skips_known = False

    def give_up(self) -> None:
        """Send no more metrics, and only count them."""
        self._exporter.only_counts = True

    def end(self, seconds: float) -> None:
        """Stop, without exporting again."""
        # the exporter first: the reader collects once more as it ends, which would be sent again
        self._exporter.shutdown(seconds * 1000)
        self.reader.shutdown(max(1.0, seconds * 1000))
