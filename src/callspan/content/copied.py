"""Copies of content: plain data without files, no deeper and wider than encoders accept.

A copy is taken at once, as the app may change its messages while the call runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callspan.content.media import bare, bare_field, without_data
from callspan.runtime.plain import DEPTH, key_text, plain, unused_key, valid

MOST_VALUES = 100_000
"""Values in one attribute: more would keep the app waiting, and would not fit into the limit."""
_CONTAINERS = (Mapping, list, tuple, set, frozenset)
_NO_OBJECT: Mapping[Any, Any] = {}


class Copy:
    """One copy of a value.

    Attributes:
        value: The copy.
        elided: About how many characters were too deep, or too many, to be in it.
    """

    __slots__ = ("_room", "elided", "value")

    def __init__(self, value: Any) -> None:
        self.elided = 0
        self._room = MOST_VALUES
        self.value = self._copy(value, "", _NO_OBJECT, ())

    def _copy(self, value: Any, key: str, around: Mapping[Any, Any], above: tuple[int, ...]) -> Any:
        """Return a copy of a value.

        `key` is its name in the object `around` it, and `above` are the ids of its containers.
        """
        if isinstance(value, str):
            text = valid(value)
            if key:
                return bare_field(text, key, around)
            return bare(text)
        if value is None or isinstance(value, (bool, int, float)):
            # a number may be larger than OTLP takes, or not finite
            return plain(value)
        if isinstance(value, _CONTAINERS):
            return self._container(value, key, around, above)
        return plain(value, lambda text: bare(valid(text)))

    def _container(
        self, value: Any, key: str, around: Mapping[Any, Any], above: tuple[int, ...]
    ) -> Any:
        """Return a copy of a container with its items, or a note if it is too large or too deep."""
        # those above alone: one object may well stand in two places, only a cycle has no end
        if id(value) in above or len(above) >= DEPTH or len(value) > self._room:
            return self._note(value, above)
        self._room -= len(value)
        path = (*above, id(value))
        if isinstance(value, Mapping):
            return self._object(value, path)
        # `list`, as another thread of the app's may change the container meanwhile
        return [self._copy(item, key, around, path) for item in list(value)]

    def _object(self, value: Mapping[Any, Any], path: tuple[int, ...]) -> dict[str, Any]:
        """Return a copy of a mapping, whose keys become texts; `path` ends with its own id."""
        if value.get("type") == "blob":
            value = without_data(value)
        copy: dict[str, Any] = {}
        for name, item in list(value.items()):
            key = key_text(name)
            copied = self._copy(item, key, value, path)
            # 1 and "1" are two keys of the app's, and one text
            if key in copy:
                key = unused_key(key, copy)
            copy[key] = copied
        return copy

    def _note(self, value: Any, above: tuple[int, ...]) -> str:
        """Return the text that stands for a value that is left out."""
        name = type(value).__name__
        if id(value) in above:
            return f"[{name}, again]"
        self.elided += _size(value)
        if len(above) >= DEPTH:
            return f"[{name}, too deep]"
        return f"[{name}, too many]"


def _size(value: Any) -> int:
    """Return about how many characters a value has; only `MOST_VALUES` containers are counted."""
    size = 0
    waiting = [value]
    seen: set[int] = set()
    while waiting and len(seen) < MOST_VALUES:
        item = waiting.pop()
        if isinstance(item, str):
            size += len(item)
        elif isinstance(item, _CONTAINERS) and id(item) not in seen:
            seen.add(id(item))
            # its brackets
            size += 2
            if isinstance(item, Mapping):
                waiting.extend(item.values())
            else:
                waiting.extend(item)
        else:
            size += 1
    return size
