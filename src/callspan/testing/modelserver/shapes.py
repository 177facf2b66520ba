"""Checks of a request's body, made of small ones, whose errors name the field that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .request_error import RequestError

Shape = Callable[[Any, str], None]
"""Check the value of the field with this name; raise `RequestError` if it is wrong."""

_KINDS: dict[type, str] = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    list: "an array",
    dict: "an object",
    bytes: "a file",
    type(None): "null",
}


def anything(_value: Any, _name: str) -> None:
    """Accept every value."""


def text(*, least: int = 0, most: int | None = None) -> Shape:
    """Return the check of a string with so many characters."""

    def check(value: Any, name: str) -> None:
        _check_kind(value, name, str)
        _check_length(value, name, least, most)

    return check


def boolean(value: Any, name: str) -> None:
    """Check that a value is true or false."""
    _check_kind(value, name, bool)


def integer(least: int | None = None, most: int | None = None) -> Shape:
    """Return the check of a whole number between two bounds."""

    def check(value: Any, name: str) -> None:
        _check_kind(value, name, int)
        _check_bounds(value, name, least, most)

    return check


def number(least: float | None = None, most: float | None = None) -> Shape:
    """Return the check of a number between two bounds."""

    def check(value: Any, name: str) -> None:
        _check_kind(value, name, int, float)
        _check_bounds(value, name, least, most)

    return check


def array(item: Shape, *, least: int = 0, most: int | None = None) -> Shape:
    """Return the check of an array with so many items, each of which is checked."""

    def check(value: Any, name: str) -> None:
        _check_kind(value, name, list)
        _check_length(value, name, least, most)
        # The place in the array is part of the name, as OpenAI's messages have it.
        for position, element in enumerate(value):
            item(element, f"{name}[{position}]")

    return check


def mapping(fields: Mapping[str, Shape], *, required: tuple[str, ...] = ()) -> Shape:
    """Return the check of an object.

    A field may be null, as if it were left out. Fields that are not named here are not checked.
    """

    def check(value: Any, name: str) -> None:
        _check_kind(value, name, dict)
        for field in required:
            # `null` is as good as nothing, also for a field that has to be there.
            if value.get(field) is None:
                raise _missing(_join(name, field))
        for field, shape in fields.items():
            if value.get(field) is not None:
                shape(value[field], _join(name, field))

    return check


def mapping_of(item: Shape) -> Shape:
    """Return the check of an object whose fields may have any name and are all checked alike."""

    def check(value: Any, name: str) -> None:
        _check_kind(value, name, dict)
        for field, element in value.items():
            item(element, _join(name, field))

    return check


def either(shapes: Mapping[type, Shape]) -> Shape:
    """Return the check of a value that may have several types, with a check for each."""

    def check(value: Any, name: str) -> None:
        _check_kind(value, name, *shapes)
        # By the exact type again, which `_check_kind` has just let through.
        shapes[type(value)](value, name)

    return check


def tagged(tag: str, shapes: Mapping[str, Shape], other: Shape = anything) -> Shape:
    """Return the check of an object whose field `tag` names the check of the whole."""
    is_tagged = mapping({tag: text()}, required=(tag,))

    def check(value: Any, name: str) -> None:
        is_tagged(value, name)
        shape = shapes.get(value[tag], other)
        shape(value, name)

    return check


def one_of(*values: str) -> Shape:
    """Return the check of a string that is one of these."""

    def check(value: Any, name: str) -> None:
        _check_kind(value, name, str)
        if value not in values:
            message = f"Invalid value for '{name}'. Supported values are: {', '.join(values)}."
            raise RequestError(400, message, code="invalid_value", field=name)

    return check


def _check_kind(value: Any, name: str, *kinds: type) -> None:
    # By the exact type, for in Python true and false are integers too.
    if type(value) not in kinds:
        expected = " or ".join(_KINDS[kind] for kind in kinds)
        place = f"'{name}'" if name else "the body"
        message = f"Invalid type for {place}: expected {expected}, but got {_KINDS[type(value)]}."
        raise RequestError(400, message, code="invalid_type", field=name or None)


def _check_bounds(value: float, name: str, least: float | None, most: float | None) -> None:
    if least is not None and value < least:
        message = f"Invalid value for '{name}': expected a number of at least {least}."
        raise RequestError(400, message, code="below_min_value", field=name)
    if most is not None and value > most:
        message = f"Invalid value for '{name}': expected a number of at most {most}."
        raise RequestError(400, message, code="above_max_value", field=name)


def _check_length(value: Any, name: str, least: int, most: int | None) -> None:
    if len(value) < least:
        message = f"Invalid length of '{name}': expected at least {least}, but got {len(value)}."
        raise RequestError(400, message, code="below_min_length", field=name)
    if most is not None and len(value) > most:
        message = f"Invalid length of '{name}': expected at most {most}, but got {len(value)}."
        raise RequestError(400, message, code="above_max_length", field=name)


def _missing(name: str) -> RequestError:
    return RequestError(
        400, f"Missing required parameter: '{name}'.", code="missing_required_parameter", field=name
    )


def _join(name: str, field: str) -> str:
    return f"{name}.{field}" if name else field


TEXT = text()
MAPPING = mapping({})
TEXTS = array(TEXT)
TEXT_OR_TEXTS = either({str: TEXT, list: TEXTS})
