"""How to read a field of a provider's object safely, and make plain data of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import NoneType
from typing import Any, cast
from zlib import crc32

from callspan.events import ParameterName, Parameters
from callspan.runtime.number import token_count, whole
from callspan.runtime.plain import valid

Item = Any
"""A provider's object, or a field of one: plain data, or a model of a client. It may have any shape."""

Body = Mapping[str, Any]
"""A request, by the names of the provider's API."""

Index = Any
"""Which of several blocks, items or calls a piece belongs to: any value with a hash, or `None`."""

_MOST_DOLLARS = 1e6
"""No call costs as much."""
_BEYOND_INDEXES = 2**32
"""From here on are the indexes of pieces whose own index is no number."""
_LONGEST_ID = 200


def get(source: Item, name: str) -> Item:
    """Return a field of a mapping or of a client's model; `None` if there is none or it fails."""
    if source is None:
        return None
    # the exact type: asking for any `Mapping` is slow, and each field of each chunk comes here
    if type(source) is dict:
        return source.get(name)
    try:
        values = getattr(source, "__dict__", None)
        if type(values) is not dict:
            return _get_item_or_attribute(source, name)
        if name in values:
            return values[name]
        # Asking a pydantic model for a field that it lacks raises an exception inside, which is
        # slow, so look where it keeps the fields that it does not know. `test_formats.py` reads
        # such a model.
        # `values` stands for a class without such fields, for pydantic also has `None` there
        extra = getattr(source, "__pydantic_extra__", values)
        if extra is values:
            return _get_item_or_attribute(source, name)
        return extra.get(name) if extra else None
    # An object of the app's may compute its fields, or stand for one that is not there.
    except Exception:  # noqa: BLE001
        return None


def _get_item_or_attribute(source: Item, name: str) -> Item:
    # A class has descriptors under the names of the fields of its objects.
    if isinstance(source, type):
        return None
    if isinstance(source, Mapping):
        return source.get(name)
    return getattr(source, name, None)


def text_of(source: Item, name: str) -> str:
    """Return a field as text; empty where it is missing, or holds nothing."""
    value = get(source, name)
    return str(value) if value else ""


def all_fields(source: Item) -> Mapping[str, Any]:
    """Return all fields of a mapping or of a client's model at once; `{}` for anything else.

    Of a pydantic model the fields that it does not know come first.
    """
    if isinstance(source, dict):
        return source
    try:
        values = getattr(source, "__dict__", None)
        if type(values) is not dict:
            return source if isinstance(source, Mapping) else {}
        extra = getattr(source, "__pydantic_extra__", None)
        return {**extra, **values} if extra else values
    except Exception:  # noqa: BLE001  an object of the app's may compute its fields
        return {}


def get_first(source: Item, *names: str) -> Item:
    """Return the first of some fields that is not empty; `None` if all are."""
    for name in names:
        value = get(source, name)
        if value:
            return value
    return None


def get_nested(source: Item, *path: str) -> Item:
    """Return the value at the end of a path of fields; `None` where the path breaks off."""
    for name in path:
        source = get(source, name)
    return source


def text(value: object) -> str | None:
    """Return the value if it is a text that is not empty, with lone surrogates replaced.

    No exporter takes a text that cannot be encoded.
    """
    if not isinstance(value, str):
        return None
    if value.isascii():
        return value or None
    return valid(value) or None


def string(value: object) -> str:
    """Return the value if it is a text, with lone surrogates replaced; else the empty text."""
    if not isinstance(value, str):
        return ""
    return value if value.isascii() else valid(value)


def decoded_size(base64: str) -> int:
    """Return the number of bytes that a text in base64 stands for."""
    return len(base64) * 3 // 4 - base64.count("=", -2)


def count(source: Item, *path: str) -> int | None:
    """Return the token count at the end of a path of fields; `None` if there is none."""
    for name in path:
        source = get(source, name)
        if source is None:
            return None
    return token_count(source)


def dollars(value: object) -> float | None:
    """Return an amount of US dollars, which may be a text; `None` if no call can cost that."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if not 0 <= value < _MOST_DOLLARS:
        return None
    return float(value)


def index_of(source: Item, name: str = "index") -> int | None:
    """Return which of several blocks, items or calls a piece belongs to; `None` if not stated.

    An index that is no number gets a number of its own, the same for all pieces with that index,
    so that no piece is lost.
    """
    index = get(source, name)
    if index is None or type(index) is int:
        return index
    return _number_of_index(index)


def _number_of_index(index: Item) -> int:
    number = whole(index)
    if number is not None:
        return number
    # equal indexes are equal as JSON, whatever they are: not all of them have a hash
    as_json = json.dumps(plain(index), sort_keys=True, default=repr)
    return _BEYOND_INDEXES + crc32(as_json.encode())


def id_text(value: Item) -> str | None:
    """Return an id as text. Some servers send numbers or objects, which are written as JSON."""
    if value is None or isinstance(value, str):
        return text(value)
    # an id is for finding: cut, as it goes on every span
    return json.dumps(plain(value), default=repr)[:_LONGEST_ID]


def items(value: object) -> list[Item]:
    """Return the items of a list or tuple; `[]` for anything else, which is never iterated over."""
    # a text would be read letter by letter, and a generator of the app's would be used up
    if isinstance(value, (list, tuple)):
        return list(value)
    return []


def first_item(value: object) -> Item:
    """Return the first item of a list or tuple; `None` if there is none."""
    if isinstance(value, (list, tuple)) and value:
        return value[0]
    return None


def read_settings(body: Body | None, names: Mapping[str, ParameterName]) -> Parameters:
    """Return the settings that a request, or an object in it, states; renamed by `names`.

    Where two names mean the same setting, the first one in `names` wins.
    """
    settings: Parameters = {}
    if not body:
        return settings
    for name, value in body.items():
        setting = names.get(name)
        # clients write `None` for settings that the app has left out
        if setting is None or value is None:
            continue
        if setting in settings:
            value = _first_value(body, names, setting)
        settings[setting] = value
    return settings


def _first_value(body: Body, names: Mapping[str, ParameterName], setting: str) -> Any:
    for name, same_setting in names.items():
        if same_setting == setting and body.get(name) is not None:
            return body[name]
    return None


def add_settings(settings: Parameters, more: Parameters) -> Parameters:
    """Add to the settings those of the others that are not `None`, and return the settings."""
    # a type checker does not know that the keys of a `TypedDict` are its own
    names = cast("Iterable[ParameterName]", more)
    for name in names:
        value = more.get(name)
        if value is not None:
            settings[name] = value
    return settings


def plain(value: Item, depth: int = 32) -> Any:
    """Return a value as plain data, at most `depth` levels deep.

    Mappings and models of a client become dicts. A live object is replaced by the name of its
    class, because the whole program may hang on it.
    """
    if isinstance(value, (NoneType, str, int, float)):
        return value
    # deeper than the 28 levels that are exported (runtime/plain.py), so nothing is lost here
    if depth == 0:
        return f"[{type(value).__name__}, too deep]"
    if isinstance(value, (list, tuple)):
        return [plain(item, depth - 1) for item in value]
    if isinstance(value, Mapping):
        return _plain_fields(value, depth - 1)
    # pydantic's own dump would warn of fields that a server sent in another type, and may fail
    if _is_model(type(value)):
        return _plain_fields(all_fields(value), depth - 1)
    if isinstance(value, type):
        return repr(value)
    return repr(type(value))


def _plain_fields(fields: Mapping[Any, Item], depth: int) -> dict[str, Any]:
    plain_fields: dict[str, Any] = {}
    for key, item in fields.items():
        plain_fields[str(key)] = plain(item, depth)
    return plain_fields


# Walking through the bases of a class takes longer than all else that is done for an object.
# Bounded, as apps make pydantic classes while they run, and would never get rid of them.
@lru_cache(maxsize=1024)
def _is_model(cls: type) -> bool:
    """Whether objects of a class hold data only: pydantic's models do."""
    if issubclass(cls, type):
        return False
    packages = {str(base.__module__).partition(".")[0] for base in cls.__mro__}
    return "pydantic" in packages


def arguments_text(arguments: Item) -> str:
    """Return the arguments of a tool call as text, which most formats send; objects as JSON."""
    if isinstance(arguments, str):
        return string(arguments)
    if not arguments:
        return ""
    return json.dumps(plain(arguments), ensure_ascii=False, default=repr)
