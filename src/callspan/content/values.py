"""Arguments and results of functions as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callspan.content.encoding import encode

_DEPTH = 32
"""Deeper than what is recorded, so that what is left out is counted where the rest is copied."""
_MOST_CONTAINERS = 10_000


def named(value: Any) -> Any:
    """Return a value as plain data, in which the class stands for an object.

    An object is not looked into: it may be a live model with its key, or hold a lock.
    """
    return _named(value, (), [_MOST_CONTAINERS])


def _named(value: Any, above: tuple[int, ...], room: list[int]) -> Any:
    if value is None or isinstance(value, (str, int, float)):
        return value
    if not isinstance(value, (Mapping, list, tuple, set)):
        return f"<{type(value).__module__}.{type(value).__qualname__}>"
    room[0] -= 1
    if id(value) in above:
        return f"[{type(value).__name__}, again]"
    if len(above) == _DEPTH or room[0] < 0:
        reason = "too many" if room[0] < 0 else "too deep"
        return f"[{type(value).__name__}, {reason}]"
    path = (*above, id(value))
    if isinstance(value, Mapping):
        return {str(key): _named(item, path, room) for key, item in list(value.items())}
    return [_named(item, path, room) for item in list(value)]


def as_object(value: Any) -> dict[str, Any]:
    """Return arguments or the result of a tool as an object, which the conventions want them to be."""
    if isinstance(value, Mapping):
        return named(value)
    content = None
    if type(value).__name__ == "ToolMessage":  # LangChain's answer of a tool to a model
        content = getattr(value, "content", None)
    return {"content": named(value if content is None else content)}


def as_text(value: Any) -> str:
    """Return the input or the output of an agent as the text of a message."""
    if isinstance(value, str):
        return value
    return encode(named(value))
