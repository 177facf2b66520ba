"""Streams that are plain generators: what the app gets behaves as one, while an observation looks on.

Some of them ask the provider only when their first item is asked for. Their call begins there, and what the handlers
gave to be entered around it is entered for that step alone, never while the reader's code runs.
"""

from __future__ import annotations

import types
import weakref
from collections.abc import AsyncGenerator, Callable, Generator
from functools import partial
from typing import Any

from callspan.lifecycle.observation import Observation
from callspan.lifecycle.streams import next_item, next_item_async, on_drop
from callspan.runtime.background import outside_collector, watch_collector
from callspan.runtime.cancellation import current_task

Begin = Callable[[], "Observation | None"]


def observe_generator(source: Any, observation: Observation) -> Any:
    """The items of a generator whose request has been made."""
    watch_collector()
    if hasattr(source, "__anext__"):
        return _AsyncItems(source, observation=observation)
    items = _items(source, observation, source.__next__, observation.drop)
    on_drop(items, observation)
    return items


def observe_loop(source: Any, observation: Observation) -> Any:
    """The items of one loop over a stream, which may be looped over again."""
    watch_collector()
    if hasattr(source, "__anext__"):
        return _AsyncLoop(source, observation=observation)
    return _items(source, observation, source.__next__, observation.leave_loop)


def observe_lazily(source: Any, begin: Begin) -> Any:
    """The items of a generator that makes its request when the first is asked for; the call begins with `begin`."""
    watch_collector()
    return (
        _AsyncItems(source, begin=begin) if hasattr(source, "__anext__") else _begun(source, begin)
    )


def _begun(source: Any, begin: Begin) -> Generator[Any, Any, Any]:
    observation = begin()
    if observation is None:
        return (yield from source)
    return (
        yield from _items(
            source, observation, partial(_first, source, observation), observation.drop
        )
    )


def _first(source: Any, observation: Observation) -> Any:
    try:
        observation.start()
        return next(source)
    finally:
        observation.leave()


def _items(
    source: Any, observation: Observation, first: Callable[[], Any], end: Callable[[], None]
) -> Generator[Any, Any, Any]:
    def leave() -> None:
        outside_collector(end)
        source.close()

    return drive_generator(source, first, lambda step: next_item(step, observation, source), leave)


def drive_generator(
    source: Any,
    step: Callable[[], Any],
    make: Callable[[Callable[[], Any]], Any],
    leave: Callable[[], None],
) -> Generator[Any, Any, Any]:
    """The items of a generator, the first of which is `step`'s. Each step is given to `make`, and `leave` is called
    when the reader is gone."""
    while True:
        try:
            item = make(step)
        except StopIteration as end:
            return end.value
        try:
            sent = yield item
        except GeneratorExit:
            leave()
            raise
        except BaseException as error:  # noqa: BLE001  it was thrown in by the reader, for the source to see
            step = partial(source.throw, error)
        else:
            step = source.__next__ if sent is None else partial(source.send, sent)


class AsyncShell(AsyncGenerator[Any, Any]):
    """An asynchronous generator as an object, for a real one learns late, by the event loop, that it was dropped."""

    def __init__(self, source: Any) -> None:
        self._source = source

    @property
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]  # what isinstance() asks for
        return (
            types.AsyncGeneratorType
            if isinstance(self._source, types.AsyncGeneratorType)
            else type(self)
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    async def asend(self, value: Any) -> Any:
        """Go on to the next item."""
        return await self._step(
            self._source.__anext__ if value is None else partial(self._source.asend, value)
        )

    async def athrow(self, *error: Any) -> Any:
        """Raise where the generator waits."""
        return await self._step(partial(self._source.athrow, *error))

    async def _step(self, step: Callable[[], Any]) -> Any:
        raise NotImplementedError


class _AsyncItems(AsyncShell):
    """Those that a client gives."""

    _end = "drop"

    def __init__(
        self, source: Any, *, begin: Begin | None = None, observation: Observation | None = None
    ) -> None:
        super().__init__(source)
        self._begin = begin
        self._observation = observation
        self._reader: Any = None
        if observation is not None:
            on_drop(self, observation, self._end)

    async def _step(self, step: Callable[[], Any]) -> Any:
        if self._begin is not None:
            step = self._starting(self._begin, step)
        if self._observation is None:
            return await step()
        # a client's own generators around this one are closed late, by a task of the event loop's
        self._reader = current_task()
        self._observation.reader = None if self._reader is None else weakref.ref(self._reader)
        return await next_item_async(step, self._observation, self._source)

    def _starting(self, begin: Begin, step: Callable[[], Any]) -> Callable[[], Any]:
        self._begin = None
        observation = self._observation = begin()
        if observation is None:
            return step
        on_drop(self, observation)
        return partial(_afirst, step, observation)

    async def aclose(self) -> None:
        """End it: the reader stops."""
        if self._observation is not None:
            self._leave(self._observation)
            await self._observation.await_handlers()
        self._begin = None
        await self._source.aclose()

    def _leave(self, observation: Observation) -> None:
        observation.abandon()


class _AsyncLoop(_AsyncItems):
    """Those of one loop over a stream, which may be looped over again."""

    _end = "leave_loop"

    def _leave(self, observation: Observation) -> None:
        if not observation.pause():
            observation.abandon()


async def _afirst(step: Callable[[], Any], observation: Observation) -> Any:
    try:
        observation.start()
        await observation.await_handlers()
        return await step()
    finally:
        observation.leave()
