"""How marked functions run: called, awaited or read step by step, with an operation around it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any

from callspan.decorators.operation import Operation
from callspan.lifecycle.generators import AsyncShell, drive_generator
from callspan.runtime.background import watch_collector

Begin = Callable[[bool], "Operation | None"]
"""Begins an operation, given whether its code is asynchronous."""


def called(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], begin: Begin) -> Any:
    """What a function gives. If that is something that is still to run, the operation ends with it."""
    operation = begin(False)
    if operation is None:
        return function(*args, **kwargs)
    with operation:
        result = function(*args, **kwargs)
    if type(result) in _FOLLOWED:
        followed = _followed(result, lambda _asynchronous: operation)
        operation.end_with(followed)
        return followed
    operation.result = result
    operation.end()
    return result


def lazily(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], begin: Begin) -> Any:
    """What a function gives whose code runs only when that is awaited or read."""
    source = function(*args, **kwargs)
    return _followed(source, begin) if type(source) in _FOLLOWED else source


def _followed(source: Any, begin: Begin) -> Any:
    watch_collector()
    followed = _FOLLOWED[type(source)](source, begin)
    if not isinstance(followed, AsyncShell):
        followed.__name__, followed.__qualname__ = source.__name__, source.__qualname__
    return followed


class _Coroutine:
    """A coroutine of the app's, which is closed if nobody awaits ours: one warning of Python's is enough."""

    __slots__ = ("source",)

    def __init__(self, source: Any) -> None:
        self.source = source

    def __del__(self) -> None:
        self.source.close()


async def _awaited(coroutine: _Coroutine, begin: Begin) -> Any:
    operation = begin(True)
    if operation is None:
        return await coroutine.source
    try:
        with operation:
            await operation.settle()
            result = operation.result = await coroutine.source
        operation.end()
    finally:
        await operation.settle()
    return result


def _stepped(source: Any, begin: Begin) -> Generator[Any, Any, Any]:
    operation = begin(False)
    if operation is None:
        return (yield from source)
    operation.items = []

    def make(step: Callable[[], Any]) -> Any:
        with operation:
            item = step()
        operation.note(item)
        return item

    def leave() -> None:
        with operation:
            source.close()
        operation.end(GeneratorExit())

    return (yield from drive_generator(source, source.__next__, make, leave))


class _AsyncSteps(AsyncShell):
    """The items of an asynchronous generator. Between them the reader's code runs in its own context."""

    def __init__(self, source: Any, begin: Begin) -> None:
        super().__init__(source)
        self._begin: Begin | None = begin
        self._operation: Operation | None = None

    async def _step(self, step: Callable[[], Any]) -> Any:
        if self._begin is not None:
            begin, self._begin = self._begin, None
            self._operation = begin(True)
            if self._operation is not None:
                self._operation.items = []
        operation = self._operation
        if (
            operation is None or operation.runs
        ):  # two readers at once are what the generator itself refuses
            return await step()
        operation.read_here()
        try:
            with operation:
                await operation.settle()
                item = await step()
            operation.note(item)
        finally:
            await operation.settle()
        return item

    async def aclose(self) -> None:
        """End it: the reader stops."""
        self._begin, operation = None, self._operation
        if operation is None or operation.runs:
            await self._source.aclose()
            return
        with operation:
            await self._source.aclose()
        operation.end(GeneratorExit())

    def __del__(self) -> None:
        if self._operation is not None:
            with self._operation:
                del self._source  # the event loop closes it, in the context in which it is told to
            self._operation.end(GeneratorExit())


_FOLLOWED: dict[type, Callable[[Any, Begin], Any]] = {
    CoroutineType: lambda source, begin: _awaited(_Coroutine(source), begin),
    GeneratorType: _stepped,
    AsyncGeneratorType: _AsyncSteps,
}
"""What is still to run when a function has given it, and what follows it."""
