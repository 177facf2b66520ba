"""Runs of frameworks that are functions: a run lasts as long as the object that one returns.

That may be a value, a coroutine, a generator, a context manager, or an object that has a future.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any

from callspan.decorators.operation import Operation
from callspan.decorators.results import PLAIN_RESULTS, ResultReader
from callspan.decorators.running import Args, Begin, Kwargs, call, call_lazily, is_lazy
from callspan.frameworks.reporter import Reporter, RunStart
from callspan.runtime import guard
from callspan.runtime.patching import Wrapper

Describe = Callable[[Any, Args, Kwargs], "RunStart | None"]
"""Returns the facts of a run from the object whose method is called, and the arguments.

`None` stands for a call that is no run, such as that of a class which the framework made.
"""
GetFuture = Callable[[Any], Any]
"""Returns the future of an object that a function returned at once."""


def function_run(
    reporter: Reporter, describe: Describe, reader: ResultReader = PLAIN_RESULTS
) -> Wrapper:
    """Return a wrapper for a function whose calls are runs."""

    def wrapper(wrapped: Callable[..., Any], instance: object, args: Args, kwargs: Kwargs) -> Any:
        if not reporter.is_active:
            return wrapped(*args, **kwargs)
        begin = partial(_begin, reporter, describe, reader, instance, args, kwargs)
        # asked before the call: a lazy function's run begins with its first step
        if is_lazy(wrapped):
            return call_lazily(wrapped, args, kwargs, begin)
        return call(wrapped, args, kwargs, begin)

    return wrapper


def future_run(
    reporter: Reporter,
    describe: Describe,
    get_future: GetFuture,
    reader: ResultReader = PLAIN_RESULTS,
) -> Wrapper:
    """Return a wrapper for a function that starts a run and returns an object with its future."""

    def wrapper(wrapped: Callable[..., Any], instance: object, args: Args, kwargs: Kwargs) -> Any:
        operation = None
        if reporter.is_active:
            operation = _begin(reporter, describe, reader, instance, args, kwargs, True)
        if operation is None:
            return wrapped(*args, **kwargs)
        # the tasks of the run are made inside, and so carry its context
        with operation:
            handle = wrapped(*args, **kwargs)
        try:
            get_future(handle).add_done_callback(partial(_end_by_future, operation))
        except Exception as error:  # noqa: BLE001  a handle of another version must reach the app
            guard.report(f"following a run of {reporter.name}", error)
            # it goes on, but nobody will tell us of its end
            operation.end()
        return handle

    return wrapper


def _end_by_future(operation: Operation, future: Any) -> None:
    """End a run by the result or the exception of its future."""
    if future.cancelled():
        # not at the top: most programs have no need of it
        from asyncio import CancelledError

        operation.end(CancelledError())
        return
    error = _exception(future)
    if error is None:
        operation.result = future.result()
    operation.end(error)


def _exception(future: Any) -> BaseException | None:
    """Return the exception of a future, and leave it unretrieved."""
    # private: `exception()` would stop asyncio from logging one that the app never retrieves
    # (CPython 3.10 to 3.14; test_later_ends.py)
    try:
        return future._exception
    except AttributeError:  # a future of another make
        return future.exception()


def manager_run(
    reporter: Reporter, describe: Describe, reader: ResultReader = PLAIN_RESULTS
) -> Wrapper:
    """Return a wrapper for a function that returns a context manager, whose block is a run."""

    def wrapper(wrapped: Callable[..., Any], instance: object, args: Args, kwargs: Kwargs) -> Any:
        manager = wrapped(*args, **kwargs)
        if not reporter.is_active:
            return manager
        begin = partial(_begin, reporter, describe, reader, instance, args, kwargs)
        # the run begins when the block is entered: a manager may be made long before
        return ManagerRun(manager, begin)

    return wrapper


class ManagerRun:
    """A framework's context manager, sync or async, with an operation around its block.

    The operation ends with the error of the block, unless the framework's manager swallows it.
    """

    def __init__(self, manager: Any, begin: Begin) -> None:
        self._manager = manager
        self._begin = begin
        self._operation: Operation | None = None
        self._value: object = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._manager, name)

    def __enter__(self) -> Any:
        self._enter(False)
        try:
            self._value = self._manager.__enter__()
        except BaseException as error:
            self._leave(error)
            raise
        return self._value

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> Any:
        try:
            is_swallowed = self._manager.__exit__(kind, error, trace)
        except BaseException as another:
            self._leave(another)
            raise
        self._leave_block(error, is_swallowed)
        return is_swallowed

    async def __aenter__(self) -> Any:
        self._enter(True)
        try:
            self._value = await self._manager.__aenter__()
        except BaseException as error:
            self._leave(error)
            raise
        return self._value

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> Any:
        try:
            is_swallowed = await self._manager.__aexit__(kind, error, trace)
        except BaseException as another:
            self._leave(another)
            raise
        self._leave_block(error, is_swallowed)
        return is_swallowed

    def _leave_block(self, error: BaseException | None, is_swallowed: object) -> None:
        """End the run; an exception that the manager swallows is none for the app either."""
        if is_swallowed:
            error = None
        self._leave(error)

    def _enter(self, asynchronous: bool) -> None:
        self._operation = self._begin(asynchronous)
        if self._operation is not None:
            self._operation.__enter__()

    def _leave(self, error: BaseException | None) -> None:
        operation, self._operation = self._operation, None
        if operation is None:
            return
        # the result is read from the object of the block, which the framework has filled
        value, self._value = self._value, None
        if operation.result is None:
            operation.result = value
        operation.__exit__(None, None, None)
        operation.end(error)


def _begin(
    reporter: Reporter,
    describe: Describe,
    reader: ResultReader,
    instance: object,
    args: Args,
    kwargs: Kwargs,
    # not needed: observations of frameworks ask whether a loop runs
    _asynchronous: bool,
) -> Operation | None:
    """Begin a run; `None` if the call is no run, is not observed or cannot be read."""
    try:
        start = describe(instance, args, kwargs)
    except Exception as error:  # noqa: BLE001  a framework of another version must go on working
        guard.report(f"reading the start of a run of {reporter.name}", error)
        return None
    if start is None:
        return None
    return reporter.begin(start, reader)


def argument(args: Args, kwargs: Kwargs, position: int, name: str) -> Any:
    """Return an argument that was passed by its position or its name; `None` if it was not."""
    if len(args) > position:
        return args[position]
    return kwargs.get(name)


def replace_argument(
    args: Args, kwargs: Kwargs, position: int, name: str, value: object
) -> tuple[Args, Kwargs]:
    """Return the arguments with another value for one that was passed by its position or its name.

    One that was not passed is not added: the app's mistake must fail as it does without us.
    """
    if len(args) > position:
        return (*args[:position], value, *args[position + 1 :]), kwargs
    if name in kwargs:
        return args, {**kwargs, name: value}
    return args, kwargs
