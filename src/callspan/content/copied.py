"""Content as a copy of its own: plain data without files, as deep and as wide as back ends and encoders take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callspan.content.media import bare, bare_field
from callspan.runtime.plain import DEPTH, key_text, plain, valid

MOST_VALUES = 100_000
"""Values in one attribute: more would keep the app waiting, and would not fit into the bytes that there are."""
_NO_OBJECT: Mapping[Any, Any] = {}


class Copy:
    """One copy of a value; `elided` is about how many characters were too deep, or too many, to be in it."""

    __slots__ = ("_room", "elided", "value")

    def __init__(self, value: Any) -> None:
        self.elided = 0
        self._room = MOST_VALUES
        self.value = self._copy(value, "", _NO_OBJECT, ())

    def _copy(self, value: Any, key: str, around: Mapping[Any, Any], above: tuple[int, ...]) -> Any:
        if isinstance(value, str):
            text = valid(value)
            return bare_field(text, key, around) if key else bare(text)
        if value is None or isinstance(value, (bool, int, float)):
            return plain(value)
        if not isinstance(value, (Mapping, list, tuple, set, frozenset)):
            return plain(value, lambda text: bare(valid(text)))
        self._room -= len(value)
        if id(value) in above or len(above) >= DEPTH or self._room < 0:
            self._room += len(value)
            return self._mark(value, above)
        path = (*above, id(value))
        if isinstance(value, Mapping):
            return self._object(value, path)
        return [self._copy(item, key, around, path) for item in list(value)]

    def _object(self, value: Mapping[Any, Any], path: tuple[int, ...]) -> dict[str, Any]:
        if value.get("type") == "blob" and isinstance(value.get("content"), str):
            value = {"size": len(value["content"]), **value, "content": ""}
        found = {}
        for name, item in list(value.items()):
            key = key_text(name)
            found[key] = self._copy(item, key, value, path)
        return found

    def _mark(self, value: Any, above: tuple[int, ...]) -> str:
        """Return what stands for a value that is left out."""
        if id(value) in above:
            return f"[{type(value).__name__}, again]"
        self.elided += _size(value)
        return f"[{type(value).__name__}, {'too deep' if len(above) >= DEPTH else 'too many'}]"


def _size(value: Any) -> int:
    """Return about how many characters a value has, looking at so many of its parts at most."""
    size, waiting, seen = 0, [value], set[int]()
    while waiting and len(seen) < MOST_VALUES:
        one = waiting.pop()
        if isinstance(one, str):
            size += len(one)
        elif isinstance(one, (Mapping, list, tuple, set, frozenset)) and id(one) not in seen:
            seen.add(id(one))
            size += 2
            waiting.extend(one.values() if isinstance(one, Mapping) else one)
        else:
            size += 1
    return size
