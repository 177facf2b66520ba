"""Who a call is for: attributes in force for a block."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from callspan.runtime.errors import SettingsError
from callspan.runtime.number import real, whole
from callspan.runtime.plain import plain
from callspan.runtime.scope import current, leave, put
from callspan.semconv.attributes import RESERVED, label


@contextlib.contextmanager
def attributes(*, baggage: bool = False, **values: str | bool | int | float) -> Iterator[None]:
    """Put attributes on the spans of all calls begun inside a block, also in tasks and in threads that carry it along.

    `session_id` and `user_id` become `session.id` and `user.id`. An inner block adds to an outer one. Metrics have what
    the setting `metric_dimensions` names. With `baggage` they travel with the app's own outgoing requests as well.
    """
    named = {label(name): _value(name, value) for name, value in values.items()}
    mark = put(current().plus(attributes=named), named if baggage else None)
    try:
        yield
    finally:
        leave(mark)


def _value(name: str, value: Any) -> Any:
    if name.startswith(RESERVED):
        raise SettingsError(
            f"the attribute {name!r} is callspan's or the conventions': use a name of your own"
        )
    if isinstance(value, (str, bool, int, float)):
        return plain(
            value
        )  # which no exporter refuses: an integer of more than 64 bits becomes text
    number, integer = real(value), whole(value)
    if number is None:
        raise SettingsError(
            f"the attribute {name!r} is {value!r}: give a text, a number, or true or false"
        )
    return number if integer is None else integer
