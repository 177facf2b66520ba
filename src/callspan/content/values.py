"""What functions are given and give, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callspan.content.encoding import encode

_DEPTH = 32
"""More than is shown, so that what is left out is counted where the rest is shown."""
_MOST_CONTAINERS = 10_000


def named(value: Any) -> Any:
    """Return a value as plain data. An object is only named: it may be a live model with its key, or hold a lock."""
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
        return f"[{type(value).__name__}, {'too many' if room[0] < 0 else 'too deep'}]"
    path = (*above, id(value))
    if isinstance(value, Mapping):
        return {str(key): _named(item, path, room) for key, item in list(value.items())}
    return [_named(item, path, room) for item in list(value)]


def as_object(value: Any) -> dict[str, Any]:
    """What a tool was given or gave, as the object that the conventions want."""
    if isinstance(value, Mapping):
        return named(value)
    content = getattr(value, "content", None) if type(value).__name__ == "ToolMessage" else None
    return {"content": named(value if content is None else content)}


def as_text(value: Any) -> str:
    """What an agent was given or gave, as a message says it."""
    return value if isinstance(value, str) else encode(named(value))
