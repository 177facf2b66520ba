"""How to read a field of a provider's object safely, and make plain data of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any
from zlib import crc32

from callspan.runtime.number import token_count, whole
from callspan.runtime.plain import valid

Body = Mapping[str, Any]


def get(source: Any, name: str) -> Any:
    """Return a field of a mapping or of a client's model, and `None` where there is none or asking for it fails."""
    if source is None or type(source) is dict:
        return source.get(name) if source else None
    try:
        values = getattr(source, "__dict__", None)
        if type(values) is not dict:
            return _without_values(source, name)
        if name in values:
            return values[name]
        # asking a model for a field that it lacks costs an exception inside, so ask where it keeps unknown ones
        extra = getattr(source, "__pydantic_extra__", values)
        if extra is values:
            return source.get(name) if isinstance(source, Mapping) else getattr(source, name, None)
        return extra.get(name) if extra else None
    except Exception:  # noqa: BLE001  an object of the app's may compute its fields, or stand for one that is not there
        return None


def _without_values(source: Any, name: str) -> Any:
    """Return a field of an object without a dict of its own. A class has descriptors under the names of its fields."""
    if isinstance(source, type):
        return None
    return source.get(name) if isinstance(source, Mapping) else getattr(source, name, None)


def fields(source: Any) -> Mapping[str, Any]:
    """Return all fields of a mapping or of a client's model at once, those that the model does not know first."""
    if isinstance(source, dict):
        return source
    try:
        values = getattr(source, "__dict__", None)
        if type(values) is not dict:
            return source if isinstance(source, Mapping) else {}
        extra = getattr(source, "__pydantic_extra__", None)
        return {**extra, **values} if extra else values
    except Exception:  # noqa: BLE001  as above
        return {}


def inside(source: Any, *path: str) -> Any:
    """What stands at the end of a path of fields; `None` where it breaks off."""
    for name in path:
        source = get(source, name)
    return source


def text(value: Any) -> str | None:
    """The value if it is text that says something; what in it is no Unicode is replaced, for no exporter takes that."""
    if not isinstance(value, str):
        return None
    return (value if value.isascii() else valid(value)) or None


def count(source: Any, *path: str) -> int | None:
    """A token count at the end of a path of fields, if there is one."""
    for name in path:
        source = get(source, name)
        if source is None:
            return None
    return token_count(source)


_MOST_DOLLARS = 1e6
"""No call costs as much."""


def dollars(value: Any) -> float | None:
    """Return an amount of US dollars, which may stand as text; `None` for what cannot be the cost of a call."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not 0 <= value < _MOST_DOLLARS
    ):
        return None
    return float(value)


def position(source: Any, name: str = "index") -> int | None:
    """Return which of several a piece belongs to; `None` where nothing says so.

    An index that is no number gets one of its own, the same for all pieces with that index, so that none is lost.
    """
    index = get(source, name)
    return index if index is None or type(index) is int else _numbered(index)


_BEYOND_INDEXES = 2**32


def _numbered(index: Any) -> int:
    number = whole(index)
    if number is not None:
        return number
    written = json.dumps(plain(index), sort_keys=True, default=repr)
    return _BEYOND_INDEXES + crc32(written.encode())


def identity(value: Any) -> str | None:
    """Return an id as text; some servers have numbers here, and an object is still another one than the next."""
    if value is None or isinstance(value, str):
        return text(value)
    return json.dumps(plain(value), default=repr)[:_LONGEST_ID]


_LONGEST_ID = 200


def items(value: Any) -> list[Any]:
    """The items of a list or tuple; nothing for anything else, which is never consumed."""
    return list(value) if isinstance(value, (list, tuple)) else []


def chosen(body: Body, names: Mapping[str, str]) -> dict[str, Any]:
    """The settings that a request states, under plain names; the first of two that mean the same wins."""
    found: dict[str, Any] = {}
    for name, value in body.items():
        plain = names.get(name)
        if plain is None or value is None:
            continue
        if plain in found:
            value = next(
                body[same] for same in names if names[same] == plain and body.get(same) is not None
            )
        found[plain] = value
    return found


def merged(body: Body, extra: Body) -> dict[str, Any]:
    """The body with what the app adds to it by hand, laid over it."""
    both = {
        name: body[name]
        for name in extra
        if isinstance(body.get(name), dict) and isinstance(extra[name], dict)
    }
    return {**body, **extra, **{name: merged(inner, extra[name]) for name, inner in both.items()}}


def loaded(text: str | bytes | bytearray) -> Any:
    """What a JSON text says; `None` where it is none. Headers are no guide: some servers leave the type out."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # no JSON, or nested deeper than Python reads
        return None


def plain(value: Any, depth: int = 32) -> Any:
    """A value as plain data: mappings and a client's models as dicts, as deep as is sensible; live objects by class."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if depth == 0:
        return f"[{type(value).__name__}, too deep]"
    if isinstance(value, (list, tuple)):
        return [plain(item, depth - 1) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item, depth - 1) for key, item in value.items()}
    if _is_model(type(value)):
        return {str(key): plain(item, depth - 1) for key, item in fields(value).items()}
    return repr(value) if isinstance(value, type) else repr(type(value))


@cache
def _is_model(kind: type) -> bool:
    """Whether objects of a class only hold data: what hangs on any other, or on a class, may be the whole program."""
    if issubclass(kind, type):
        return False
    return any(str(base.__module__).partition(".")[0] == "pydantic" for base in kind.__mro__)


def spoken(arguments: Any) -> str:
    """What a tool is given, as the text that most formats send: text as it is, an object as JSON."""
    if isinstance(arguments, str):
        return text(arguments) or ""
    return json.dumps(plain(arguments), ensure_ascii=False, default=repr) if arguments else ""
