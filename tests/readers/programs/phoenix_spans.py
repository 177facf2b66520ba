"""What Phoenix makes of the spans of some files: its own code decodes them, as its server does."""

from __future__ import annotations

import json
import sys
from typing import Any

import otlp_spans
from phoenix.trace.attributes import get_attribute_value
from phoenix.trace.otel import decode_otlp_span


def view(span: Any) -> dict[str, Any]:
    """Return what Phoenix shows of a span."""
    decoded = decode_otlp_span(span)

    def value(name: str) -> Any:
        return get_attribute_value(decoded.attributes, name)

    return {
        "id": span.span_id.hex(),
        "kind": decoded.span_kind.value,
        # the list of traces shows these two, the page of a span the messages too
        "input": value("input.value"),
        "output": value("output.value"),
        "messages": json.dumps(
            [value("llm.input_messages"), value("llm.output_messages")], default=str
        ),
        "documents": len(value("retrieval.documents") or ()),
        "input_tokens": value("llm.token_count.prompt"),
        "output_tokens": value("llm.token_count.completion"),
        "total_tokens": value("llm.token_count.total"),
        "cache_read": value("llm.token_count.prompt_details.cache_read"),
        "cache_write": value("llm.token_count.prompt_details.cache_write"),
        "reasoning": value("llm.token_count.completion_details.reasoning"),
        "session": value("session.id"),
        "user": value("user.id"),
        "tool": value("tool.name"),
        "provider": value("llm.provider") or value("llm.system"),
    }


if __name__ == "__main__":
    otlp_spans.tell({file: [*map(view, otlp_spans.read(file))] for file in sys.argv[1:]})
