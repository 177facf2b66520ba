"""Arguments and results of functions as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callspan.content.encoding import encode
from callspan.runtime.plain import unused_key

_DEPTH = 32
"""Containers within containers: more than are recorded, so that the copy counts the rest."""
_MOST_CONTAINERS = 10_000


def named(value: Any) -> Any:
    """Return a value as plain data, with the name of its class in place of each object.

    An object is not looked into: it may be a live model with its key, or hold a lock.
    """
    # a list, as one number is counted down in the whole of the value
    return _named(value, (), [_MOST_CONTAINERS])


def _named(value: Any, above: tuple[int, ...], room: list[int]) -> Any:
    """Return one value of a container.

    `above` are the ids of its containers, and `room` holds the number of those that may follow.
    """
    if value is None or isinstance(value, (str, int, float)):
        return value
    if not isinstance(value, (Mapping, list, tuple, set)):
        return _class_name(value)
    room[0] -= 1
    problem = _problem(value, above, room)
    if problem is not None:
        return f"[{type(value).__name__}, {problem}]"
    path = (*above, id(value))
    if isinstance(value, Mapping):
        result: dict[str, Any] = {}
        for key, item in list(value.items()):
            result[unused_key(_named_key(key), result)] = _named(item, path, room)
        return result
    return [_named(item, path, room) for item in list(value)]


def _named_key(key: Any) -> str:
    """Return a key as text: by the name of its class where it is an object, as a value is."""
    if isinstance(key, str):
        return key
    # exactly these: a class of the app's may have a `__str__` of its own
    if key is None or type(key) in (bool, int, float):
        return str(key)
    return _class_name(key)


def _class_name(value: Any) -> str:
    return f"<{type(value).__module__}.{type(value).__qualname__}>"


def _problem(container: Any, above: tuple[int, ...], room: list[int]) -> str | None:
    """Return the reason why a container is left out; `None` if it is not."""
    if id(container) in above:
        return "again"
    if room[0] < 0:
        return "too many"
    if len(above) == _DEPTH:
        return "too deep"
    return None


def as_object(value: Any) -> dict[str, Any]:
    """Return arguments or the result of a tool as an object, as the conventions require."""
    if isinstance(value, Mapping):
        return named(value)
    content = None
    if type(value).__name__ == "ToolMessage":
        # LangChain's answer of a tool to a model; by name, as LangChain may not be imported here
        content = getattr(value, "content", None)
    if content is None:
        content = value
    return {"content": named(content)}


def as_text(value: Any) -> str:
    """Return the input or the output of an agent as the text of a message."""
    if isinstance(value, str):
        return value
    return encode(named(value))
