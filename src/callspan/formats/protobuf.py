"""Messages of Protocol Buffers as plain data, read by their own descriptors: nothing is imported."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from callspan.formats.fields import Item

_FLOAT = 6
"""The descriptor's number for the type of numbers of 32 bits."""


def plain_message(message: Item, omit: Collection[str] = ()) -> dict[str, Any]:
    """Return the fields of a message that are set; an enumeration's values by their names.

    Args:
        message: The message.
        omit: Fields that are left out.
    """
    fields: dict[str, Any] = {}
    for field, value in message.ListFields():
        if field.name not in omit:
            fields[field.name] = _plain(field, value)
    return fields


def _plain(field: Item, value: Item) -> Any:
    if hasattr(value, "ListFields"):
        return plain_message(value)
    if isinstance(value, int) and field.enum_type is not None:
        enum_value = field.enum_type.values_by_number.get(value)
        return value if enum_value is None else enum_value.name
    if isinstance(value, float) and field.cpp_type == _FLOAT:
        # else 0.7 would be 0.699999988079071
        return float(f"{value:.7g}")
    if isinstance(value, (str, bytes, int, float)):
        return value
    return _plain_container(field, value)


def _plain_container(field: Item, value: Item) -> Any:
    if not hasattr(value, "items"):
        return [_plain(field, item) for item in value]
    # a map, whose values have a descriptor of their own
    value_field = field.message_type.fields_by_name["value"]
    return {str(key): _plain(value_field, item) for key, item in value.items()}
