"""Running decorated functions: plain ones, coroutines and generators, with an operation around."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any

from callspan.decorators.operation import Operation
from callspan.lifecycle.generators import AsyncShell, drive_generator
from callspan.runtime.background import watch_collector

Args = tuple[Any, ...]
Kwargs = dict[str, Any]
Source = Any
"""A coroutine or a generator of the app's."""
Begin = Callable[[bool], "Operation | None"]
"""Begins an operation; the argument says whether its code is asynchronous."""


def call(function: Callable[..., object], args: Args, kwargs: Kwargs, begin: Begin) -> object:
    """Call a function inside an operation, and return its result.

    If it returns a coroutine or a generator, the operation stays open until that has run.
    """
    operation = begin(False)
    if operation is None:
        return function(*args, **kwargs)
    # an exception ends the operation on its way to the app
    with operation:
        result = function(*args, **kwargs)
    return _finish(operation, result)


def _finish(operation: Operation, result: object) -> object:
    """End an operation with the result of its function, and return the result.

    That may be a coroutine or a generator whose code has not run: then the operation lasts as long
    as that.
    """
    if type(result) in _FOLLOWERS:
        follower = _follow(result, lambda _asynchronous: operation)
        # nobody has to run it; then the operation ends when it is garbage
        operation.end_when_dropped(follower)
        return follower
    operation.finish(result)
    return result


def call_lazily(
    function: Callable[..., object], args: Args, kwargs: Kwargs, begin: Begin
) -> object:
    """Call a coroutine or generator function; its operation begins at the first await or step.

    Until then none of its code runs, so that its time does not count.
    """
    source = function(*args, **kwargs)
    # anything else, such as a future, reaches the app as it is and is not observed
    if type(source) in _FOLLOWERS:
        return _follow(source, begin)
    return source


def is_lazy(function: object) -> bool:
    """Whether calling a function runs none of its code: that runs when it is awaited or read."""
    if inspect.iscoroutinefunction(function):
        return True
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def _follow(source: Source, begin: Begin) -> Source:
    """Wrap a coroutine or a generator so that its code runs inside an operation."""
    watch_collector()
    follower = _FOLLOWERS[type(source)](source, begin)
    if not isinstance(follower, AsyncShell):
        # tracebacks and asyncio's task names show these
        follower.__name__, follower.__qualname__ = source.__name__, source.__qualname__
    return follower


class _Coroutine:
    """The app's coroutine, closed when ours is dropped: Python warns of ours, and once is enough.

    Python warns of each coroutine that is dropped without having been awaited.
    """

    __slots__ = ("source",)

    def __init__(self, source: Source) -> None:
        self.source = source

    def __del__(self) -> None:
        self.source.close()


async def _await(coroutine: _Coroutine, begin: Begin) -> object:
    """Await the app's coroutine inside an operation."""
    operation = begin(True)
    if operation is None:
        return await coroutine.source
    try:
        with operation:
            await operation.settle()
            result = await coroutine.source
        # a coroutine may return a generator, and lasts as long as that
        result = _finish(operation, result)
    finally:
        await operation.settle()
    return result


def _step_through(source: Source, begin: Begin) -> Generator[Any, Any, Any]:
    """Yield the items of the app's generator, each made inside the operation."""
    operation = begin(False)
    if operation is None:
        return (yield from source)
    # from now on `StopIteration` is an end and no error, and steps may come from any context
    operation.items = []

    def make(step: Callable[[], Any]) -> Any:
        with operation:
            item = step()
        operation.keep_item(item)
        return item

    def leave() -> None:
        # its `finally` belongs to the operation, which ends after it
        with operation:
            source.close()
        operation.end(GeneratorExit())

    return (yield from drive_generator(source, source.__next__, make, leave))


class _AsyncSteps(AsyncShell):
    """The items of an asynchronous generator, each made inside the operation.

    Between the items the reader's code runs in the reader's own context.
    """

    def __init__(self, source: Source, begin: Begin) -> None:
        super().__init__(source)
        self._begin: Begin | None = begin
        self._operation: Operation | None = None

    async def _step(self, step: Callable[[], Any]) -> Any:
        if self._begin is not None:
            # at the first step: a generator that nobody reads has done nothing
            begin, self._begin = self._begin, None
            self._operation = begin(True)
            if self._operation is not None:
                self._operation.items = []
        operation = self._operation
        if operation is None:
            return await step()
        if operation.is_running:
            # a second reader at the same time: the generator itself refuses it
            return await step()
        # at each step: one task may read, and another go on
        operation.note_reader()
        try:
            with operation:
                await operation.settle()
                item = await step()
            operation.keep_item(item)
        finally:
            await operation.settle()
        return item

    async def aclose(self) -> None:
        """Close the generator: the reader stops."""
        # closed before its first step, it begins no operation any more
        self._begin, operation = None, self._operation
        if operation is None or operation.is_running:
            await self._source.aclose()
            return
        # its `finally` runs inside the operation, which ends after it
        operation.note_closing()
        with operation:
            await self._source.aclose()
        operation.end(GeneratorExit())

    def __del__(self) -> None:
        operation = self._operation
        if operation is None:
            return
        # the collector may call this, so `end` leaves the SDK to the worker
        with operation:
            # the event loop closes the generator in the context in which it is dropped
            del self._source
        operation.end(GeneratorExit())


_FOLLOWERS: dict[type, Callable[[Source, Begin], Source]] = {
    CoroutineType: lambda source, begin: _await(_Coroutine(source), begin),
    GeneratorType: _step_through,
    AsyncGeneratorType: _AsyncSteps,
}
"""Objects whose code has not run when a function returns them, and the wrapper of each."""
