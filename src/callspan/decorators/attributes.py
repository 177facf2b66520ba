"""User attributes, in force for a block: the customer or session that a call is made for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from callspan.runtime.errors import SettingsError
from callspan.runtime.number import real, whole
from callspan.runtime.plain import plain
from callspan.runtime.scope import current, leave, put
from callspan.semconv.attributes import RESERVED, attribute_name


@contextlib.contextmanager
def attributes(*, baggage: bool = False, **values: str | bool | int | float) -> Iterator[None]:
    """Put attributes on the spans of all calls begun inside a block.

    Tasks begun in the block carry them, and threads that carry the context along. An inner block
    adds to an outer one. Metrics have the attributes that the setting `metric_dimensions` names.

    Args:
        baggage: Whether the attributes also travel with the app's own outgoing requests, as
            OpenTelemetry baggage.
        **values: Names and values. `session_id` and `user_id` become `session.id` and `user.id`,
            `conversation_id` becomes `gen_ai.conversation.id` on the operations for which the
            conventions have it; other names stay as they are.

    Yields:
        Nothing: `with callspan.attributes(user_id="42"):` is all there is to write.

    Raises:
        SettingsError: A name belongs to callspan or to the conventions, or a value is neither
            text nor a number nor a boolean.
    """
    by_name: dict[str, str | bool | int | float] = {}
    for name, value in values.items():
        by_name[attribute_name(name)] = _value(name, value)
    # baggage goes to the servers that the app talks to, so it is no default
    carried = by_name if baggage else None
    token = put(current().plus(attributes=by_name), carried)
    try:
        yield
    finally:
        leave(token)


def _value(name: str, value: object) -> str | bool | int | float:
    """Return a value that every exporter accepts; raises `SettingsError` for others."""
    # such a name could overwrite an attribute of ours or of the conventions on the same span
    if name.startswith(RESERVED):
        raise SettingsError(
            f"the attribute {name!r} is callspan's or the conventions': use a name of your own"
        )
    if isinstance(value, (str, bool, int, float)):
        # an integer of more than 64 bits becomes text, as OTLP has none
        return plain(value)
    # numbers of other types, such as Decimal or numpy's
    number = real(value)
    if number is None:
        raise SettingsError(
            f"the attribute {name!r} is {value!r}: give a text, a number, or true or false"
        )
    integer = whole(value)
    if integer is None:
        return number
    return integer
