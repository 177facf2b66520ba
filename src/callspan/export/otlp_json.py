"""OTLP as JSON lines, as the Collector's `otlpjsonfile` receiver reads them back.

Each line is one export request: `{"resourceSpans": ...}`, `{"resourceLogs": ...}` or `{"resourceMetrics": ...}`, all in
the same file. Ids are hex, 64-bit integers strings, enums numbers, as the OTLP specification says of JSON.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from callspan import guard

_IDS = ("traceId", "spanId", "parentSpanId")


def line_of(message: Any) -> str:
    """One line of JSON, with characters as people read them, for an export request."""
    found = MessageToDict(message, use_integers_for_enums=True)
    _ids_to_hex(found)
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")) + "\n"


def _ids_to_hex(value: Any) -> None:
    """Ids from base64, protobuf's way, to hex, OTLP's. Attributes are lists of key and value, so no name clashes."""
    if isinstance(value, list):
        for item in value:
            _ids_to_hex(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in _IDS and isinstance(item, str):
                value[key] = base64.b64decode(item).hex()
            else:
                _ids_to_hex(item)


def span_lines(spans: Sequence[Any]) -> list[str]:
    """The lines for some spans; one that cannot be encoded does not take the others with it."""
    return _lines(encode_spans, spans)


def log_lines(records: Sequence[Any]) -> list[str]:
    """The lines for some log records."""
    return _lines(encode_logs, records)


def _lines(encode: Callable[[Any], Any], items: Sequence[Any]) -> list[str]:
    try:
        return [line_of(encode(items))]
    except Exception as error:  # noqa: BLE001  odd data, such as half a surrogate pair, which UTF-8 has not
        if len(items) == 1:
            guard.report("writing telemetry as JSON", error)
            return []
    return [line for item in items for line in _lines(encode, [item])]


class SpanLines(SpanExporter):
    """Hands spans on to be encoded and written."""

    def __init__(self, put: Callable[[Callable[[], list[str]]], None]) -> None:
        self._put = put

    def export(self, spans: Sequence[Any]) -> SpanExportResult:
        """Queue the spans; they are encoded off the app's path."""
        self._put(lambda: span_lines(spans))
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing is held here."""


class LogLines:
    """Hands log records on to be encoded and written. No base class: its name differs between versions of the SDK."""

    def __init__(self, put: Callable[[Callable[[], list[str]]], None]) -> None:
        self._put = put

    def export(self, batch: Sequence[Any]) -> None:
        """Queue the records."""
        self._put(lambda: log_lines(batch))

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is held here."""
        return True

    def shutdown(self) -> None:
        """Nothing is held here."""


class MetricLines(MetricExporter):
    """Hands metrics on to be encoded and written."""

    def __init__(self, put: Callable[[Callable[[], list[str]]], None]) -> None:
        super().__init__()
        self._put = put

    def export(self, metrics_data: Any, timeout_millis: float = 10_000, **_: Any) -> MetricExportResult:
        """Queue what there is, if there is any."""
        if metrics_data is not None and metrics_data.resource_metrics:
            self._put(lambda: [line_of(encode_metrics(metrics_data))])
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Nothing is held here."""
        return True

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        """Nothing is held here."""
