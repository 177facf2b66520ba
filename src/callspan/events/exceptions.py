"""What exceptions are called, what they say, and the one for what was reported without being raised."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from callspan.events import Call, Failure

_NOTED = "exceptions noted inside"
_MOST_NOTED = 1000
"""Exceptions that one operation remembers of those that were told inside of it."""


class ProviderError(Exception):
    """What `on_error` hears when the provider reported a failure without the client raising anything."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message or failure.type)
        self.failure = failure


def said(error: BaseException) -> str:
    """What an exception says, if it is able to say anything."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001  whatever it is, it must reach the app as it is
        return ""


def qualified(kind: type) -> str:
    """The name of a class with its module; builtin ones bare."""
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )


def note(call: Call, error: BaseException) -> None:
    """Remember in the operations around a call that its exception has been told."""
    _note_from(call.parent, error)


def note_translation(outer: Call | None, error: BaseException) -> None:
    """Take an exception that a framework made of its client's for that one, in the operations from `outer` outwards."""
    original = error.__cause__ or error.__context__
    if outer is not None and original is not None and was_noted(outer, original):
        _note_from(outer, error)


def _note_from(outer: Call | None, error: BaseException) -> None:
    while outer is not None:
        noted = outer.handler_state.setdefault(_NOTED, set())
        if len(noted) < _MOST_NOTED:
            noted.update(_identity(one) for one in _members(error))
        outer = outer.parent


def was_noted(call: Call, error: BaseException) -> bool:
    """Whether an exception, or all that a group holds, has been told in a call inside of this one."""
    noted = call.handler_state.get(_NOTED)
    return bool(noted) and all(_identity(one) in noted for one in _members(error))


def _members(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception, or what an exception group holds."""
    members = getattr(error, "exceptions", None)
    if (
        isinstance(members, tuple)
        and members
        and all(isinstance(one, BaseException) for one in members)
    ):
        for member in members:
            yield from _members(member)
    else:
        yield error


def _identity(error: BaseException) -> tuple[Any, ...]:
    """Return what tells an exception from others, though it may be gone by then and its memory used for another.

    The exception itself is not kept, for its traceback keeps all variables of its frames alive.
    """
    trace = error.__traceback__
    if trace is None:
        return (id(error),)
    while trace.tb_next is not None:
        trace = trace.tb_next
    return (id(error), id(trace), id(trace.tb_frame.f_code), trace.tb_lineno)
