"""Streams that are plain generators: the app gets an object that behaves as one and is observed.

The class of a generator cannot be swapped, so another generator stands around it. Some generators
make their request only when their first item is read. Their call begins there, and the contexts of
handlers are entered for that step alone, never while the reader's code runs.
"""

from __future__ import annotations

import types
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from functools import partial
from typing import Any

from callspan.lifecycle.observation import Observation
from callspan.lifecycle.reading import Item
from callspan.lifecycle.streams import next_item, next_item_async, on_drop
from callspan.runtime import scope
from callspan.runtime.background import outside_collector, watch_collector

Source = Any
"""A client's generator, sync or async."""
Begin = Callable[[], "Observation | None"]
"""Opens the call; `None` where it is not observed."""
Step = Callable[[], Item]
"""Gets the next item of a generator."""
AsyncStep = Callable[[], Awaitable[Item]]
"""Gets the next item of an asynchronous generator."""


def follow_generator(observation: Observation, source: Source) -> Source:
    """Return the items of a generator whose request has been made."""
    watch_collector()
    if hasattr(source, "__anext__"):
        return _AsyncItems(source, observation=observation)
    items = _items(source, observation, source.__next__, observation.drop)
    # a generator that never began runs nothing of its own when it is dropped; a finalizer does
    on_drop(items, observation)
    return items


def follow_loop(observation: Observation, source: Source) -> Source:
    """Return the items of one loop over a stream that allows a second loop."""
    watch_collector()
    if hasattr(source, "__anext__"):
        return _AsyncLoop(source, observation=observation)
    # no finalizer: the stream has one, and may be looped over again after this loop
    return _items(source, observation, source.__next__, observation.leave_loop)


def follow_lazily(begin: Begin, source: Source) -> Source:
    """Return the items of a generator that makes its request when the first item is read."""
    watch_collector()
    if hasattr(source, "__anext__"):
        return _AsyncItems(source, begin=begin)
    # no finalizer: without a first step there is no request, and so no call
    return _lazy_items(source, begin)


def _lazy_items(source: Source, begin: Begin) -> Generator[Item, Any, Any]:
    observation = begin()
    if observation is None:
        # `return`, here and below, as a generator may have a value, which `yield from` passes on
        return (yield from source)
    first = partial(_first, source, observation)
    return (yield from _items(_Generator(source), observation, first, observation.drop))


class _Generator:
    """A generator that began in our contexts, and leaves none of them in force.

    A block of its own that it has entered there puts them back in force when it leaves it, as that
    of a span does (xai-sdk 1.21; tests/test_xai.py).
    """

    def __init__(self, source: Source) -> None:
        self._source = source

    def __next__(self) -> Item:
        return self.send(None)

    def send(self, value: object) -> Item:
        """Return the next item; `value` is what the generator's `yield` returns."""
        with scope.ContextRestorer():
            return self._source.send(value)

    def throw(self, error: BaseException) -> Item:
        """Raise an exception where the generator waits."""
        with scope.ContextRestorer():
            return self._source.throw(error)

    def close(self) -> None:
        """Close the generator."""
        with scope.ContextRestorer():
            self._source.close()


def _first(source: Source, observation: Observation) -> Item:
    try:
        observation.start()
        return next(source)
    finally:
        # before the item goes to the reader, whose code must not run in our contexts
        observation.leave()


def _items(
    source: Source, observation: Observation, first: Step, end: Callable[[], None]
) -> Generator[Item, Any, Any]:
    def leave() -> None:
        # first: while a source closes, its own code might end the call in another way
        outside_collector(end)
        source.close()

    return drive_generator(source, first, lambda step: next_item(step, observation, source), leave)


def drive_generator(
    source: Source, step: Step, run: Callable[[Step], Item], leave: Callable[[], None]
) -> Generator[Item, Any, Any]:
    """Yield the items of a generator, and pass on values and exceptions that its reader sends.

    Args:
        source: The generator.
        step: Gets the first item.
        run: Runs one step, with its own code around it.
        leave: Is called when the reader is gone.

    Returns:
        The value that the generator returns.
    """
    while True:
        try:
            item = run(step)
        except StopIteration as end:
            return end.value
        try:
            value = yield item
        except GeneratorExit:
            leave()
            raise
        except BaseException as error:  # noqa: BLE001  the reader threw it in, for the source to see
            # the next round runs it as a step: what the source does with it is observed
            step = partial(source.throw, error)
        else:
            step = source.__next__
            if value is not None:
                step = partial(source.send, value)


class AsyncShell(AsyncGenerator[Any, Any]):
    """An object that passes for the asynchronous generator that it wraps.

    A real generator would learn only later, from the event loop, that its reader has dropped it,
    and the loop would close it together with the wrapped one (tests/test_second_loops.py).
    """

    def __init__(self, source: Source) -> None:
        self._source = source

    @property
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]  for isinstance()
        # `isinstance` and `inspect.isasyncgen` ask `__class__`, while `type()` shows the shell
        if isinstance(self._source, types.AsyncGeneratorType):
            return types.AsyncGeneratorType
        return type(self)

    def __getattr__(self, name: str) -> Any:
        # `ag_frame`, `ag_running` and the like are those of the real generator
        return getattr(self._source, name)

    async def asend(self, value: object) -> Item:
        """Return the next item; `value` is what the generator's `yield` returns."""
        step = self._source.__anext__
        if value is not None:
            step = partial(self._source.asend, value)
        return await self._step(step)

    async def athrow(self, *error: Any) -> Item:
        """Raise an exception where the generator waits."""
        return await self._step(partial(self._source.athrow, *error))

    async def _step(self, step: AsyncStep) -> Item:
        raise NotImplementedError


class _AsyncItems(AsyncShell):
    """The items of a client's asynchronous generator."""

    _end = "drop"

    def __init__(
        self, source: Source, *, begin: Begin | None = None, observation: Observation | None = None
    ) -> None:
        super().__init__(source)
        self._begin = begin
        self._began_lazily = begin is not None
        self._observation = observation
        # kept here alone: the observation refers to the task weakly
        self._reader: object = None
        if observation is not None:
            on_drop(self, observation, self._end)

    async def _step(self, step: AsyncStep) -> Item:
        if self._begin is not None:
            step = self._starting(self._begin, step)
        if self._observation is None:
            return await step()
        # a client's own generators around this one are closed late, by a task of the event loop's;
        # to know whether the call was cancelled, the task that reads has to be asked
        self._reader = self._observation.note_reader()
        if not self._began_lazily:
            return await next_item_async(step, self._observation, self._source)
        # see `_Generator`
        with scope.ContextRestorer():
            return await next_item_async(step, self._observation, self._source)

    def _starting(self, begin: Begin, step: AsyncStep) -> AsyncStep:
        """Open the call, and return the step that makes its request."""
        self._begin = None
        observation = self._observation = begin()
        if observation is None:
            return step
        on_drop(self, observation)
        return partial(_first_async, step, observation)

    async def aclose(self) -> None:
        """Close the generator: the reader stops."""
        if self._observation is not None:
            self._leave(self._observation)
            await self._observation.await_handlers()
        # closed before the first item: the request will not be made, so no call begins any more
        self._begin = None
        with scope.ContextRestorer():
            await self._source.aclose()

    def _leave(self, observation: Observation) -> None:
        observation.abandon()


class _AsyncLoop(_AsyncItems):
    """The items of one loop over an asynchronous stream that allows a second loop."""

    _end = "leave_loop"

    def _leave(self, observation: Observation) -> None:
        if not observation.pause():
            observation.abandon()


async def _first_async(step: AsyncStep, observation: Observation) -> Item:
    try:
        observation.start()
        await observation.await_handlers()
        # in the contexts of the handlers, which end with this step
        return await step()
    finally:
        observation.leave()
