"""Values that any encoder takes: valid text, finite numbers of 64 bits, no cycles, no live objects."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

DEPTH = 28
"""Deeper values are named by their type only. Protobuf reads 100 levels, and each object in an event takes three."""
REPR_LIMIT = 200


def valid(text: str) -> str:
    """The text with what is no Unicode (lone surrogates) replaced."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def plain(value: Any, change: Callable[[str], str] = valid, above: tuple[int, ...] = ()) -> Any:
    """A copy as plain data, every text in it changed; `above` are the containers that it stands in."""
    if isinstance(value, str):
        return change(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return _number(value)
    if id(value) in above or len(above) == DEPTH:
        return f"[{type(value).__name__}, {'again' if id(value) in above else 'too deep'}]"
    path = (*above, id(value))
    if isinstance(value, Mapping):
        return {key_text(key): plain(item, change, path) for key, item in list(value.items())}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item, change, path) for item in list(value)]
    return change(_described(value))


def even(value: Any, write: Callable[[Any], str]) -> Any:
    """Plain data in which the items of each list are of one type: numbers become floats, else the list is written."""
    if isinstance(value, dict):
        return {key: even(item, write) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    items = [even(item, write) for item in value]
    kinds = {type(item) for item in items if item is not None}
    if len(kinds) < 2:
        return items
    return (
        [item if item is None else float(item) for item in items]
        if kinds == {int, float}
        else write(value)
    )


def key_text(key: Any) -> str:
    """A key as text, never empty: the SDK drops what has an empty one."""
    return valid(key) or "[empty]" if isinstance(key, str) else _described(key)


def _number(value: float) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return int(value) if -(2**63) <= value < 2**63 else _digits(value)


def _digits(value: int) -> str:
    try:
        return str(value)
    except ValueError:  # longer than Python will write
        return f"[an integer of {value.bit_length()} bits]"


def _described(value: Any) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"[{len(value)} bytes]"
    try:
        return valid(repr(value)[:REPR_LIMIT])
    except Exception:  # noqa: BLE001  an object may not be able to describe itself
        return f"[{type(value).__name__}]"
