"""Message content as the conventions want it: structured for events, one JSON text for spans."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from callspan.events import Call, Response
from callspan.semconv import names


def _load_encoder() -> Callable[[Any], str]:
    try:
        import orjson
    except ImportError:
        return lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=repr)
    return lambda value: orjson.dumps(value, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()


_encoder: Callable[[Any], str] | None = None


def encode(value: Any) -> str:
    """One JSON text, by orjson where it is installed; what it will not take, json does."""
    global _encoder
    if _encoder is None:
        _encoder = _load_encoder()
    try:
        return _encoder(value)
    except (TypeError, ValueError):
        text = json.dumps(value, separators=(",", ":"), default=repr)
        return text.encode("utf-8", "replace").decode()


def sent(call: Call) -> dict[str, Any]:
    """System instructions, input messages and tool definitions, those there are."""
    content = call.content
    found = {
        names.SYSTEM_INSTRUCTIONS: content.system,
        names.INPUT_MESSAGES: content.messages,
        names.TOOL_DEFINITIONS: content.tools,
    }
    return {name: [_small(item) for item in value] for name, value in found.items() if value}


def received(response: Response) -> dict[str, Any]:
    """Output messages, only where something was received."""
    messages = [_small(message) for message in response.messages if message["parts"]]
    return {names.OUTPUT_MESSAGES: messages} if messages else {}


def _small(item: dict[str, Any]) -> dict[str, Any]:
    """A message or part without the bytes of images, sound and files: their size says enough."""
    if "parts" in item:
        return {**item, "parts": [_small(part) for part in item["parts"]]}
    if item.get("type") != "blob" or not isinstance(item.get("content"), str):
        return item
    return {**item, "content": "", "size": len(item["content"])}


def as_text(structured: dict[str, Any]) -> dict[str, str]:
    """Each value as JSON text, for spans, which carry no structures."""
    return {name: encode(value) for name, value in structured.items()}
