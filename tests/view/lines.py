"""OTLP JSON lines as programs write them, short to write down in a test."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

BEGIN = 1_796_000_000_000_000_000
"""When everything begins, in nanoseconds since 1970."""
MILLISECOND = 1_000_000


def value(content: object) -> dict[str, Any]:
    """Return a value as OTLP has it."""
    if isinstance(content, bool):
        return {"boolValue": content}
    if isinstance(content, int):
        return {"intValue": str(content)}
    if isinstance(content, float):
        return {"doubleValue": content}
    if isinstance(content, list):
        return {"arrayValue": {"values": [value(each) for each in content]}}
    if isinstance(content, dict):
        return {"kvlistValue": {"values": attributes(content)}}
    return {"stringValue": str(content)}


def attributes(content: Mapping[str, object]) -> list[dict[str, Any]]:
    """Return attributes as OTLP has them."""
    return [{"key": key, "value": value(each)} for key, each in content.items()]


def span(
    number: int,
    name: str,
    facts: Mapping[str, object],
    *,
    trace: int = 1,
    parent: int = 0,
    start: int = 0,
    took: int = 100,
    error: bool = False,
    service: str = "shop",
    events: Sequence[tuple[str, int, Mapping[str, object]]] = (),
) -> dict[str, Any]:
    """Return an export request with one span; times are milliseconds after `BEGIN`."""
    begin = BEGIN + start * MILLISECOND
    content: dict[str, Any] = {
        "traceId": f"{trace:032x}",
        "spanId": f"{number:016x}",
        "name": name,
        "kind": 3,
        "startTimeUnixNano": str(begin),
        "endTimeUnixNano": str(begin + took * MILLISECOND),
        "attributes": attributes(facts),
        "status": {"code": 2} if error else {},
        "events": [
            {
                "name": each,
                "timeUnixNano": str(begin + at * MILLISECOND),
                "attributes": attributes(more),
            }
            for each, at, more in events
        ],
    }
    if parent:
        content["parentSpanId"] = f"{parent:016x}"
    resource = {"attributes": attributes({"service.name": service})}
    scopes = [{"scope": {"name": "callspan"}, "spans": [content]}]
    return {"resourceSpans": [{"resource": resource, "scopeSpans": scopes}]}


def chat(
    question: str, answer: str, tokens: tuple[int, int] = (10, 20), **more: object
) -> dict[str, Any]:
    """Return the attributes of a chat with its content."""
    facts: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4.1-mini",
        "gen_ai.response.model": "gpt-4.1-mini",
        "gen_ai.usage.input_tokens": tokens[0],
        "gen_ai.usage.output_tokens": tokens[1],
        "gen_ai.input.messages": json.dumps([message("user", question)]),
        "gen_ai.output.messages": json.dumps([message("assistant", answer)]),
    }
    return {**facts, **more}


def message(role: str, text: str) -> dict[str, Any]:
    """Return a message of one text as the conventions have it."""
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def text(documents: Sequence[Mapping[str, Any]]) -> str:
    """Return export requests as the lines of a file."""
    return "".join(json.dumps(each) + "\n" for each in documents)
