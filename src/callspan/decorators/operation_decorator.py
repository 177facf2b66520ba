"""The object behind `workflow`, `agent` and `tool`: a decorator and a context manager in one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

from callspan.decorators import operation as operations
from callspan.decorators.operation import Operation
from callspan.decorators.operation_types import TOOL, OperationType
from callspan.decorators.running import Args, Kwargs, call, call_lazily, is_lazy
from callspan.events import Call, Parameters
from callspan.events.operations import facts_of
from callspan.runtime.errors import SettingsError
from callspan.runtime.plain import valid
from callspan.runtime.wrappers import wrap

F = TypeVar("F", bound="Callable[..., Any] | classmethod[Any, ..., Any]")
"""A function, whose type its decorated form keeps."""
Decorated = Any
"""A function, a `partial`, a static or class method, or an object with `__call__`."""


class OperationDecorator:
    """Decorates functions, and is a context manager for blocks, sync and async.

    One object may decorate any number of functions, and be entered by several blocks at once.
    """

    def __init__(
        self,
        operation_type: OperationType,
        name: str | None,
        parameters: Parameters,
        arguments: object = None,
    ) -> None:
        if name == "":
            raise SettingsError(
                f"callspan.{operation_type.decorator} has an empty name: "
                "give one that tells it from others"
            )
        self._type = operation_type
        self._name = name
        self._parameters = parameters
        self._arguments = arguments
        # an operation of each block, not one for all: threads may enter the same object
        self._open: list[Operation] = []

    def __call__(self, function: F) -> F:
        """Return the function with an operation around each of its calls."""
        _check(self._type.decorator, function)
        if self._arguments is not None or "tool_call_id" in self._parameters:
            # at the decoration, so that a mistake shows when the module is imported
            raise SettingsError(
                "arguments and call_id are those of a block: "
                "a function is given its own at each call"
            )
        parameters = self._call_parameters(self._name or _name(function))
        if self._type is TOOL:
            description = _first_line(function)
            if description:
                parameters.setdefault("tool_description", description)
        # asked once, at the decoration, for `inspect` is slow
        run = call_lazily if _is_lazy(function) else call

        def run_observed(
            function: Decorated, _instance: object, args: Args, kwargs: Kwargs
        ) -> object:
            # bound to names only if a handler reads the content
            arguments = partial(_bind_arguments, function, args, kwargs)
            return run(function, args, kwargs, partial(self._begin, parameters, arguments))

        # wrapt asks `is_subscribed` in C, so an unobserved call costs next to nothing
        return wrap(function, run_observed, operations.is_subscribed)

    def _call_parameters(self, name: str) -> Parameters:
        """Return the parameters of a call, with the name under the operation's own key."""
        parameters: Parameters = {}
        subject = facts_of(self._type.operation).subject
        if subject is not None:
            parameters[subject] = valid(name)
        return {**parameters, **self._parameters}

    def _begin(
        self,
        parameters: Parameters,
        read_arguments: Callable[[], object],
        asynchronous: bool,
    ) -> Operation | None:
        """Begin an operation; `None` if it is not observed. The arguments are read if needed."""
        operation_type = self._type
        call = Call(
            operation_type.operation,
            "",
            None,
            parameters,
            asynchronous=asynchronous,
            content=lambda: operation_type.read_arguments(read_arguments()),
        )
        return operations.begin(call, operation_type.reading)

    def _open_block(self, asynchronous: bool) -> Operation:
        """Begin the operation of a block; one that is not observed does nothing."""
        if self._name is None:
            decorator = self._type.decorator
            raise SettingsError(
                f"a block has no name of its own: give it one, `with callspan.{decorator}('name'):`"
            )
        operation = None
        if operations.is_subscribed():
            parameters = self._call_parameters(self._name)
            operation = self._begin(parameters, lambda: self._arguments, asynchronous)
        if operation is None:
            # an empty one, so that the block can set its `result` all the same
            operation = Operation()
        self._open.append(operation)
        return operation

    def _close_block(self) -> Operation:
        """Return the operation of the block that ends here.

        Other blocks of the same object may be open in other threads and tasks.
        """
        # a context may have been changed in the block, so the last is the best guess
        operation = self._open[-1]
        for candidate in self._open:
            if candidate.is_running_here:
                operation = candidate
                break
        self._open.remove(operation)
        return operation

    def __enter__(self) -> Operation:
        """Begin an operation for a block; the block may set its `result`."""
        return self._open_block(False).__enter__()

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the operation of the block, with its exception if there is one."""
        operation = self._close_block()
        operation.__exit__(error_type, error, trace)
        # an exception has ended it already; then this does nothing
        operation.end()

    async def __aenter__(self) -> Operation:
        """Begin an operation for an asynchronous block."""
        operation = self._open_block(True).__enter__()
        await operation.settle()
        return operation

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the operation of the block, and await the handlers that are to be awaited."""
        operation = self._close_block()
        operation.__exit__(error_type, error, trace)
        operation.end()
        await operation.settle()


def _bind_arguments(function: Callable[..., object], args: Args, kwargs: Kwargs) -> Kwargs:
    """Return a call's arguments by the names of the function's parameters, as far as it has them.

    Builtin functions may have no signature.
    """
    try:
        arguments = inspect.signature(function).bind(*args, **kwargs).arguments
    except (TypeError, ValueError):
        return {"arguments": args, **kwargs}
    # since Python 3.13 `@classmethod` passes its class on as an argument
    return {name: value for name, value in arguments.items() if name not in ("self", "cls")}


def _check(decorator: str, function: object) -> None:
    """Raise `SettingsError` for an object that is no function; the message names the fix."""
    if isinstance(function, type):
        raise SettingsError(
            f"callspan.{decorator} marks functions, and {function.__name__} is a class: "
            "mark one of its methods"
        )
    if isinstance(function, property):
        raise SettingsError(
            f"callspan.{decorator} marks functions: put it below @property, next to the function"
        )
    # a `classmethod` object itself cannot be called
    if not callable(function) and not isinstance(function, classmethod):
        raise SettingsError(
            f"callspan.{decorator} takes a function or a name, not {type(function).__name__}"
        )


def _inner(function: Decorated) -> Decorated:
    """Return the function inside `functools.partial`, `staticmethod` and `classmethod`."""
    # a `partial` may wrap another one
    while isinstance(function, partial):
        function = function.func
    if isinstance(function, (staticmethod, classmethod)):
        return function.__func__
    return function


def _name(function: Decorated) -> str:
    """Return a function's name; that of the class for an object with `__call__`."""
    inner = _inner(function)
    return getattr(inner, "__name__", None) or type(inner).__name__


def _first_line(function: Decorated) -> str | None:
    """Return the first line of a function's docstring."""
    docstring = _inner(function).__doc__ or ""
    return docstring.strip().partition("\n")[0] or None


def _is_lazy(function: Decorated) -> bool:
    """Whether calling the function runs none of its code: that runs when it is awaited or read."""
    inner = _inner(function)
    if not inspect.isroutine(inner):
        # an object with `__call__`
        inner = type(inner).__call__
    return is_lazy(inner)
