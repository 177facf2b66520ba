"""A function that runs in the context in which it was bound, in other threads and processes.

A thread shares the very context. Another process gets the plain data in it: trace context and
baggage as OpenTelemetry's propagators write them, and choices of blocks (docs/decisions/0109).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import MethodType
from typing import Any, TypeVar, cast

from callspan.runtime import guard, scope

F = TypeVar("F", bound=Callable[..., Any])


class BoundFunction:
    """A function with the context in which it runs.

    Not a function of Python's: pickle, and cloudpickle with it, would look that up by its name.
    """

    def __init__(self, function: Callable[..., Any], context: Any) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._context = context

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the function in its context."""
        token = scope.enter(self._context)
        try:
            return self._function(*args, **kwargs)
        finally:
            scope.leave(token)

    def __get__(self, instance: object, _owner: type | None = None) -> Any:
        # as any function that is an attribute of a class
        return self if instance is None else MethodType(self, instance)

    # as `copy` and `deepcopy` do with any function
    def __copy__(self) -> BoundFunction:
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> BoundFunction:
        return self

    def __reduce__(self) -> Any:
        return _restore, (self._function, _write(self._context))


def carry(function: F) -> F:
    """Bind a function to the OpenTelemetry context of this moment, for use elsewhere.

    Threads and processes do not take the context along: without this, calls in them belong to no
    block and to no span around. In another thread all blocks hold. Another process, to which the
    function is sent by pickle or cloudpickle, gets the trace context, the baggage, and the
    choices of `attributes()` and `capture()` blocks; token counters, budgets and handlers stay
    here. callspan has to be set up there too.

    Args:
        function: A plain function. To be pickled it must be one that can be pickled itself.

    Returns:
        A function with the same arguments and result, which runs in that context.
    """
    return cast(F, BoundFunction(function, scope.context()))


def _write(context: Any) -> scope.PortableContext | None:
    """Return the part of a context that can leave the process; `None` where that fails."""
    try:
        return scope.write(context)
    except Exception as error:  # noqa: BLE001  a propagator of the app's may raise anything
        guard.report("writing the context for another process", error)
        return None


def _restore(
    function: Callable[..., Any], portable: scope.PortableContext | None
) -> Callable[..., Any]:
    """Return the function of a pickle, bound to its context as far as that can be read here."""
    if portable is None:
        return function
    try:
        context = scope.read(portable)
    except Exception as error:  # noqa: BLE001  a propagator of the app's may raise anything
        guard.report("reading the context of another process", error)
        return function
    return BoundFunction(function, context)
