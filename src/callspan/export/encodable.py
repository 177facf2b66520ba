"""The items that OTLP can encode: one odd span must not cost those that are sent with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from callspan.export.metric_parts import separate_metrics


def encodable_items(batch: Sequence[Any]) -> list[Any]:
    """Return the spans, or the log records, of a batch that can be encoded."""
    from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

    # a batch is of one signal, so its first item tells which
    encode = encode_logs if hasattr(batch[0], "log_record") else encode_spans
    return [item for item in batch if _can(encode, [item])]


def encodable_metrics(metrics_data: Any) -> Any:
    """Return the metrics that can be encoded, each in a resource and a scope of its own."""
    from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics

    parts = [part for part in separate_metrics(metrics_data) if _can(encode_metrics, part)]
    return replace(
        metrics_data,
        resource_metrics=[resource for part in parts for resource in part.resource_metrics],
    )


def _can(encode: Callable[[Any], Any], data: Any) -> bool:
    try:
        encode(data).SerializeToString()
    except Exception:  # noqa: BLE001  whatever protobuf does not take; the exporter has logged why
        return False
    return True
