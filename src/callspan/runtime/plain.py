"""Make values plain, so that any encoder takes them.

Plain data has valid text, finite numbers of 64 bits, no cycles and no live objects.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from types import NoneType
from typing import Any, TypeGuard, cast

DEPTH = 28
"""The levels of plain data; deeper values are named by their type only.

Protobuf reads 100 levels, and each object in an event takes three.
"""
REPR_LIMIT = 200
"""The most characters of an object's `repr`."""
_CONTAINERS = (list, tuple, set, frozenset)


def valid(text: str) -> str:
    """Return a text in which lone surrogates, which UTF-8 does not have, are replaced."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def plain(value: Any, change: Callable[[str], str] = valid, above: tuple[int, ...] = ()) -> Any:
    """Return a copy of a value as plain data.

    Args:
        value: Any value.
        change: Applied to each text in it.
        above: The ids of the containers that it stands in, by which a cycle is noticed.
    """
    if isinstance(value, str):
        return change(value)
    # before the integers, as a boolean is one
    if isinstance(value, (NoneType, bool)):
        return value
    if isinstance(value, (int, float)):
        return _number(value)
    if id(value) in above:
        return f"[{type(value).__name__}, again]"
    if len(above) == DEPTH:
        return f"[{type(value).__name__}, too deep]"
    path = (*above, id(value))
    # copies of the items here and below: another thread may change the container meanwhile
    if isinstance(value, Mapping):
        return _plain_object(value, change, path)
    if isinstance(value, _CONTAINERS):
        return _plain_items(value, change, path)
    return change(_described(value))


def mappings(values: object) -> list[Mapping[str, Any]]:
    """Return the mappings in a list from outside; none where it is no list."""
    if not isinstance(values, (list, tuple)):
        return []
    return [value for value in cast("list[object]", values) if is_mapping(value)]


def is_mapping(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether a value from outside is a mapping."""
    return isinstance(value, Mapping)


def _plain_object(
    value: Mapping[Any, Any], change: Callable[[str], str], path: tuple[int, ...]
) -> dict[str, Any]:
    copy: dict[str, Any] = {}
    # `list`, as another thread of the app's may change the mapping meanwhile
    for key, item in list(value.items()):
        name = key_text(key)
        # 1 and "1" are two keys of the app's, and one text
        if name in copy:
            name = unused_key(name, copy)
        copy[name] = plain(item, change, path)
    return copy


def _plain_items(
    values: Iterable[Any], change: Callable[[str], str], path: tuple[int, ...]
) -> list[Any]:
    copy: list[Any] = []
    for item in list(values):
        copy.append(plain(item, change, path))
    return copy


def even(value: Any, write: Callable[[Any], str]) -> Any:
    """Return plain data in which the items of each list are of one type, as the SDK wants it.

    Args:
        value: Plain data.
        write: Makes a text of a list whose items are of several types.
    """
    if isinstance(value, dict):
        return {key: even(item, write) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    items = [even(item, write) for item in value]
    kinds = {type(item) for item in items if item is not None}
    if len(kinds) < 2:
        return items
    # whole numbers among fractions are numbers all the same, and stay numbers
    if kinds != {int, float}:
        return write(value)
    return _floats(items)


def _floats(numbers: list[float | None]) -> list[float | None]:
    floats: list[float | None] = []
    for number in numbers:
        floats.append(None if number is None else float(number))
    return floats


def key_text(key: object) -> str:
    """Return a key as text, never empty: the SDK drops values whose key is empty."""
    if isinstance(key, str):
        return valid(key) or "[empty]"
    return _described(key)


def unused_key(key: str, result: Mapping[str, Any]) -> str:
    """Return a key, with a number behind it if the result has the same already.

    So no value is lost where several keys become the same text.
    """
    new_key = key
    number = 2
    while new_key in result:
        new_key = f"{key} {number}"
        number += 1
    return new_key


def _number(value: float) -> float | str:
    """Return a number that OTLP has, or its text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if -(2**63) <= value < 2**63:
        return int(value)  # an `IntEnum` becomes a plain integer
    return _digits(value)


def _digits(value: int) -> str:
    try:
        return str(value)
    except ValueError:  # longer than Python will write
        return f"[an integer of {value.bit_length()} bits]"


def _described(value: object) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"[{len(value)} bytes]"
    try:
        return valid(repr(value)[:REPR_LIMIT])
    except Exception:  # noqa: BLE001  an object may not be able to describe itself
        return f"[{type(value).__name__}]"
