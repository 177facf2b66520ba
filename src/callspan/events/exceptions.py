"""Names and messages of exceptions, and the exception for a failure that nobody raised."""

from __future__ import annotations

from collections.abc import Iterator

from callspan.events import Call, Failure

_NOTED = "exceptions noted inside"
_MOST_NOTED = 1000
"""The most exceptions of inner calls that one operation remembers."""


class ProviderError(Exception):
    """The error for `on_error` when the provider reported a failure and the client raised nothing.

    Attributes:
        failure: The failure that the provider reported.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message or failure.type)
        self.failure = failure


def message_of(error: BaseException) -> str:
    """Return the text of an exception, or an empty one if its `__str__` fails."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001  whatever it is, it must reach the app as it is
        return ""


def qualified_name(kind: type) -> str:
    """Return the name of a class with its module; without it for builtin classes."""
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def note(call: Call, error: BaseException) -> None:
    """Remember in the operations around a call that its exception has been reported."""
    _note_from(call.parent, error)


def note_translation(outer: Call | None, error: BaseException) -> None:
    """Treat a framework's exception as reported if the client's exception that caused it was.

    It is remembered in the operations from `outer` outwards.
    """
    # the context too, as not every framework raises its exception `from` the client's
    original = error.__cause__ or error.__context__
    if outer is not None and original is not None and was_noted(outer, original):
        _note_from(outer, error)


def _note_from(outer: Call | None, error: BaseException) -> None:
    while outer is not None:
        noted = outer.handler_state.setdefault(_NOTED, set())
        # the operation may last as long as the program, and see an error every second
        if len(noted) < _MOST_NOTED:
            noted.update(map(_identity, _members(error)))
        outer = outer.parent


def was_noted(call: Call, error: BaseException) -> bool:
    """Whether a call inside this one has reported an exception, or all members of a group."""
    noted = call.handler_state.get(_NOTED)
    if not noted:
        return False
    return all(_identity(member) in noted for member in _members(error))


def _members(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception, or in its place the members of an exception group."""
    if _is_group(error):
        for member in error.exceptions:  # pyright: ignore[reportAttributeAccessIssue]  3.11's groups
            yield from _members(member)
    else:
        yield error


def _is_group(error: BaseException) -> bool:
    """Whether an exception holds others. Read from its shape: 3.10 has no class for it."""
    members = getattr(error, "exceptions", None)
    if not isinstance(members, tuple) or not members:
        return False
    return all(isinstance(member, BaseException) for member in members)


def _identity(error: BaseException) -> tuple[object, ...]:
    """Return values that tell an exception from others, also from a later one at the same address.

    The exception itself is not kept, for its traceback keeps all variables of its frames alive.
    """
    trace = error.__traceback__
    if trace is None:
        return (id(error),)
    # entries are added at the head while the exception rises; the last one, where it was raised,
    # stays the same for all operations around
    while trace.tb_next is not None:
        trace = trace.tb_next
    return (id(error), id(trace), id(trace.tb_frame.f_code), trace.tb_lineno)
