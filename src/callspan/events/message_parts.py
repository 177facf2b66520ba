"""Parts of an answer as parts of a message of the conventions."""

from __future__ import annotations

import json
from typing import Any

from callspan.events.delta import SERVER_TOOL_CALL, TOOL_CALL, Part
from callspan.events.messages import MessagePart


def message_part(part: Part, text: str) -> MessagePart:
    """Return a part as one of a message of the conventions, with the text of all its fragments."""
    if part.data is not None:
        return {"type": part.kind, **part.data}
    if part.kind == TOOL_CALL:
        return {
            "type": TOOL_CALL,
            "id": part.id,
            "name": part.name or "",
            "arguments": parse_arguments(text),
        }
    if part.kind == SERVER_TOOL_CALL:
        name = part.name or ""
        return {
            "type": SERVER_TOOL_CALL,
            "id": part.id,
            "name": name,
            SERVER_TOOL_CALL: {"type": name, "arguments": parse_arguments(text)},
        }
    return {"type": part.kind, "content": text}


def parse_arguments(arguments: Any) -> Any:
    """Return the arguments of a tool as an object if they are JSON text, else unchanged."""
    if not isinstance(arguments, str):
        return arguments
    if not arguments.strip():
        return {}
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):  # no JSON, or nested deeper than Python reads
        return arguments
