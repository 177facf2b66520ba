"""What functions are given and give, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callspan.content.encoding import encode

_DEPTH = 6


def named(value: Any, depth: int = _DEPTH) -> Any:
    """A value as plain data. An object is only named: it may be a live model with its key, or hold a lock."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, Mapping) and depth:
        return {str(key): named(item, depth - 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)) and depth:
        return [named(item, depth - 1) for item in value]
    return f"<{type(value).__module__}.{type(value).__qualname__}>"


def as_object(value: Any) -> dict[str, Any]:
    """What a tool was given or gave, as the object that the conventions want."""
    if isinstance(value, Mapping):
        return named(value)
    content = getattr(value, "content", None) if type(value).__name__ == "ToolMessage" else None
    return {"content": named(value if content is None else content)}


def as_text(value: Any) -> str:
    """What an agent was given or gave, as a message says it."""
    return value if isinstance(value, str) else encode(named(value))
