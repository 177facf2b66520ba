"""The options of a request, as clients that Stainless generates hand them to `request`."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping

from callspan.hooks.client_types import Args, ClientObject, Kwargs

_NOT_GIVEN = ("Omit", "NotGiven")
"""The clients' classes for parameters that the app left out."""
_JSON_TYPES = frozenset({str, int, float, bool, list, dict, type(None)})


def body_of(options: ClientObject) -> Mapping[str, object]:
    """Return the body of a request as it will be sent; of a GET request, its parameters."""
    if options.method.upper() == "GET":
        return {**(options.params or {})}
    body: dict[str, object] = {}
    # newer clients keep the app's `extra_body` apart until they send it
    for part in (options.json_data, getattr(options, "extra_json", None)):
        if isinstance(part, Mapping):
            body.update(part)
    # newer clients take out what was not given only on the way to the server
    return {name: value for name, value in body.items() if type(value).__name__ not in _NOT_GIVEN}


def is_plain(options: ClientObject) -> bool:
    """Whether a body consists of types that JSON has, as most do, and can be read as it is."""
    body = options.json_data
    if type(body) is not dict or getattr(options, "extra_json", None):
        return False
    # by the exact type, so that an iterator or a `NotGiven` is noticed
    return _JSON_TYPES.issuperset(map(type, body.values()))


def with_lists(
    options: ClientObject, args: Args, kwargs: Kwargs
) -> tuple[ClientObject, Args, Kwargs]:
    """Replace iterators in the body by lists, as an iterator can be read only once.

    Returns the options and the arguments: copies, or the very ones if there are no iterators.
    """
    body = options.json_data
    if not isinstance(body, Mapping) or not any(map(_is_iterator, body.values())):
        return options, args, kwargs
    lists: dict[str, object] = {}
    for name, value in body.items():
        lists[name] = _list_of(value) if _is_iterator(value) else value
    return _with_body(lists, options, args, kwargs)


def _is_iterator(value: object) -> bool:
    """Whether a value is an iterator, but no open file, which is left alone."""
    # the class is asked: a class is no iterator, and an object may compute its attributes
    kind = type(value)
    return hasattr(kind, "__next__") and not hasattr(kind, "read")


def _list_of(iterator: Iterator[object]) -> list[object] | Iterator[object]:
    """Return an iterator's items; if it raises, an iterator that yields and raises the same."""
    items: list[object] = []
    try:
        items.extend(iterator)
    except BaseException as error:  # noqa: BLE001  it is raised where the client reads
        return _replay(items, error)
    return items


def _replay(items: list[object], error: BaseException) -> Iterator[object]:
    yield from items
    raise error


def with_whole_body(
    body: Mapping[str, object], options: ClientObject, args: Args, kwargs: Kwargs
) -> tuple[Args, Kwargs]:
    """Return the arguments with another body, which has the app's `extra_body` in it."""
    options, args, kwargs = _with_body(body, options, args, kwargs)
    # the client would write it over the new body (tests/test_request_usage.py)
    if getattr(options, "extra_json", None):
        options.extra_json = None
    return args, kwargs


def _with_body(
    body: Mapping[str, object], options: ClientObject, args: Args, kwargs: Kwargs
) -> tuple[ClientObject, Args, Kwargs]:
    """Return a copy of the options with another body, and the arguments with that copy."""
    # a copy, so that what the app or the client holds stays as it was
    options = copy.copy(options)
    options.json_data = body
    if "options" in kwargs:
        return options, args, {**kwargs, "options": options}
    return options, (args[0], options, *args[2:]), kwargs
