"""What MLflow makes of the spans of some files: its own code translates them, as its server does."""

from __future__ import annotations

import json
import sys
from typing import Any

import otlp_spans
from mlflow.entities.span import Span
from mlflow.tracing.otel.translation import translate_span_when_storing


def view(span: Any) -> dict[str, Any]:
    """Return what MLflow shows of a span."""
    attributes = translate_span_when_storing(Span.from_otel_proto(span))["attributes"]

    def value(name: str) -> Any:
        text = attributes.get(name)
        try:
            return json.loads(text)
        except (TypeError, ValueError):
            return text

    usage = value("mlflow.chat.tokenUsage") or {}
    return {
        "id": span.span_id.hex(),
        "kind": value("mlflow.spanType"),
        "input": json.dumps(value("mlflow.spanInputs")),
        "output": json.dumps(value("mlflow.spanOutputs")),
        "input_tokens": usage.get("input_tokens"),
        "output_tokens": usage.get("output_tokens"),
        "total_tokens": usage.get("total_tokens"),
        "cache_read": usage.get("cache_read_input_tokens"),
        "cache_write": usage.get("cache_creation_input_tokens"),
        "cost": (value("mlflow.llm.cost") or {}).get("total_cost"),
        # the first that a trace has is the trace's
        "session": value("session.id") or value("gen_ai.conversation.id"),
        "user": value("user.id"),
        "provider": value("mlflow.llm.provider"),
    }


if __name__ == "__main__":
    otlp_spans.tell({file: [*map(view, otlp_spans.read(file))] for file in sys.argv[1:]})
