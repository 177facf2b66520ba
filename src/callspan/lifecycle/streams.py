"""Passes a client's stream on unchanged while an observation follows it.

The stream that the client made stays the very object; its class becomes a subclass of its own
class, so that its type, its helpers and its laziness stay. No context is held while the reader's
code runs.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import cache
from inspect import isawaitable
from typing import Any

from callspan.accounting.budgets import BudgetExceeded
from callspan.lifecycle.loop_exits import comes_back, raised_in_helper
from callspan.lifecycle.observation import Observation
from callspan.lifecycle.overlays import as_overlay
from callspan.lifecycle.reading import Item
from callspan.runtime.background import outside_collector, watch_collector

Stream = Any
"""A client's stream: any object with the methods of an iterator, of an asynchronous one, or both."""
# for `iter(function, sentinel)`, which ends at an item that equals the sentinel: none does
_NEVER = object()


def follow_stream(observation: Observation, stream: Stream) -> Stream:
    """Let an observation follow a stream to its end, and return the same stream.

    The class is swapped in place: clients and apps test for the type, and hold the object already.
    """
    watch_collector()
    # before the class, whose methods read it
    stream._callspan = observation
    stream.__class__ = _overlay(type(stream))
    stream._callspan_drop = on_drop(stream, observation)
    return stream


def on_drop(
    owner: object, observation: Observation, end: str = "drop"
) -> weakref.finalize[..., Any]:
    """End the observation, by its method named `end`, when `owner` is garbage collected unread."""
    finalizer = weakref.finalize(owner, _drop, weakref.ref(observation), end)
    # at exit `shutdown.abandon_all` ends what is open, while exporters can still send it
    finalizer.atexit = False
    return finalizer


def _drop(observed: weakref.ref[Observation], end: str) -> None:
    # An open observation is kept by `open_observations`. One that has ended may refer to its
    # owner, by the traceback of the exception that the call raised; the finalizer, which lives as
    # long as the owner, would keep both for ever.
    observation = observed()
    if observation is not None:
        outside_collector(getattr(observation, end))


@cache
def _overlay(kind: Any) -> type:
    """Return the subclass of a stream's class that notes each item, sync or async or both."""
    overlay = kind
    # LiteLLM's streams have both kinds of steps, so one overlay may stand on the other
    if hasattr(kind, "__next__"):
        overlay = _sync_overlay(overlay)
    if hasattr(kind, "__anext__"):
        overlay = _async_overlay(overlay)
    # the outermost, so that no step of a loop has to look past it
    return _closing_overlay(overlay)


def _leave(observation: Observation, stream: Stream) -> None:
    """End the call as its reader closes the stream, unless the stream closes itself.

    A stream that closes itself within a step, before it raises, has not been left by its reader:
    then the caller of `close` is a method of the stream. LiteLLM 1.106 does so; see
    tests/frameworks/litellm.
    """
    if observation.inside:
        # frame 1 is the overlay's `close`; a method has its object in its first variable
        caller = sys._getframe(1).f_back
        names = caller.f_code.co_varnames if caller is not None else ()
        if caller is not None and names and caller.f_locals.get(names[0]) is stream:
            return
    end_closed(observation)


def _sync_overlay(kind: Any) -> type:
    # no mixin in front: Python would refuse to change the class of an object (docs/decisions/0013)
    class Overlay(kind):
        _callspan: Observation

        def __iter__(self) -> Iterator[Item]:
            source = super().__iter__()
            # such as LiteLLM's: `next(self)` would be our own `__next__` and note items twice
            if source is self:
                source = iter(super().__next__, _NEVER)
            return _steps(source, self._callspan, self)

        def __next__(self) -> Item:
            return next_item(super().__next__, self._callspan, self)

    return as_overlay(kind, Overlay)


def _closing_overlay(kind: Any) -> type:
    """Return a subclass that notes a plain `close`, which async streams may have too."""

    class Overlay(kind):
        _callspan: Observation

        def close(self, *args: Any, **kwargs: Any) -> object:
            _leave(self._callspan, self)
            return super().close(*args, **kwargs)

    return as_overlay(kind, Overlay)


def next_item(source: Callable[[], Item], observation: Observation, stream: Stream) -> Item:
    """Return the next item of a stream that the app shall see, and note it in the observation.

    Raises `BudgetExceeded`, after it has closed the stream, where a budget stops that.
    """
    # goes round for a chunk that is hidden from the app
    while True:
        observation.inside = True
        try:
            item = source()
        except StopIteration:
            observation.finish()
            raise
        except BaseException as error:
            observation.fail(error)
            raise
        finally:
            observation.inside = False
        try:
            # outside of the `try` above: an error of a budget is not one that the client has raised
            if observation.chunk(item):
                return item
        except BudgetExceeded as stop:
            _stop(observation, stream, stop)
            raise


def _stop(observation: Observation, stream: Stream, stop: BudgetExceeded) -> None:
    observation.fail(stop)
    if hasattr(stream, "close"):
        stream.close()


def _steps(source: Iterator[Item], observation: Observation, stream: Stream) -> Iterator[Item]:
    """Yield the items of a stream to one loop of its reader.

    A generator, as Python closes it at once when the loop is left, by `break` or an exception.
    """
    # a local name, as this loop runs for each chunk
    note = observation.chunk
    observation.inside = True
    try:
        for item in source:
            if note(item):
                observation.inside = False
                yield item
                observation.inside = True
    except GeneratorExit:
        # asked first, while the frame of whoever drops this generator is still the next one
        if not comes_back():
            outside_collector(observation.leave_loop)
        raise
    except BudgetExceeded as stop:
        _stop(observation, stream, stop)
        raise
    except BaseException as error:
        observation.fail(error)
        raise
    else:
        observation.finish()


def end_closed(observation: Observation) -> None:
    """End the call of a stream that is closed, perhaps by a `with` that an exception leaves."""
    # a `with` that is left by an exception closes the stream while that is handled; an exception of
    # the app's own code says nothing of the call
    error = sys.exc_info()[1]
    if isinstance(error, Exception) and raised_in_helper(error):
        observation.fail(error)
    else:
        observation.abandon()


def _async_overlay(kind: Any) -> type:
    class Overlay(kind):
        _callspan: Observation

        def __aiter__(self) -> AsyncIterator[Item]:
            return _AsyncSteps(super().__anext__, self._callspan, self)

        async def __anext__(self) -> Item:
            return await next_item_async(super().__anext__, self._callspan, self)

        # the end is told first: while an async client closes, other tasks run, and one that
        # finalizes a helper's generator would tell another end

        async def close(self, *args: Any, **kwargs: Any) -> object:
            _leave(self._callspan, self)
            await self._callspan.await_handlers()
            return await super().close(*args, **kwargs)

        async def aclose(self) -> object:
            _leave(self._callspan, self)
            await self._callspan.await_handlers()
            return await super().aclose()

    return as_overlay(kind, Overlay)


async def next_item_async(
    source: Callable[[], Awaitable[Item]], observation: Observation, stream: Stream
) -> Item:
    """Return the next item of an asynchronous stream that the app shall see, and note it.

    Raises `BudgetExceeded`, after it has closed the stream, where a budget stops that.
    """
    # see `next_item`: the same steps, with the handlers that the call itself has to await
    while True:
        observation.inside = True
        try:
            item = await source()
        except StopAsyncIteration:
            observation.finish()
            await observation.await_handlers()
            raise
        except BaseException as error:
            observation.fail(error)
            await observation.await_handlers()
            raise
        finally:
            observation.inside = False
        try:
            is_visible = observation.chunk(item)
        except BudgetExceeded as stop:
            observation.fail(stop)
            await observation.await_handlers()
            await _close_async(stream)
            raise
        # asked first, as an `await` costs a coroutine, and most chunks have nothing to await
        if observation.awaitables:
            await observation.await_handlers()
        if is_visible:
            return item


async def _close_async(stream: Stream) -> None:
    # async generators have `aclose`, the streams of openai and anthropic `close`
    close = getattr(stream, "aclose", None) or getattr(stream, "close", None)
    closing = close() if close is not None else None
    # a class of the app's may have a plain `close`
    if isawaitable(closing):
        await closing


class _AsyncSteps:
    """The items of an asynchronous stream for one loop of its reader.

    A plain object, as an async generator learns only later, from the event loop, that its reader
    has left the loop.
    """

    __slots__ = ("_observation", "_source", "_stream")

    def __init__(
        self, source: Callable[[], Awaitable[Item]], observation: Observation, stream: Stream
    ) -> None:
        self._source = source
        self._stream = stream
        self._observation = observation

    def __aiter__(self) -> AsyncIterator[Item]:
        return self

    async def __anext__(self) -> Item:
        return await next_item_async(self._source, self._observation, self._stream)

    async def aclose(self) -> None:
        """End the loop, as for an async generator: the reader leaves it."""
        if not self._observation.pause():
            self._observation.abandon()
        await self._observation.await_handlers()

    # CPython drops the iterator of a loop as soon as that is left
    def __del__(self) -> None:
        if not self._observation.ended and not comes_back():
            outside_collector(self._observation.leave_loop)
