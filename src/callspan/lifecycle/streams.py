"""Two shells, sync and async, that pass a client's stream on unchanged while an observation looks on.

The stream that the client made stays the very object; its class becomes a subclass of what it was, so that its type,
its helpers and its laziness stay. No context is held while the reader's code runs.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from functools import cache
from inspect import iscoroutinefunction
from types import FrameType, FunctionType
from typing import Any

from callspan.accounting.budgets import BudgetExceeded
from callspan.lifecycle.observation import Observation
from callspan.runtime.background import outside_collector, watch_collector

_NEVER = object()
_HELPERS = ".lib.streaming"


def observe(stream: Any, observation: Observation) -> Any:
    """Let an observation follow a stream to its end, whoever causes it; returns the same stream."""
    watch_collector()
    stream._callspan = observation
    stream.__class__ = _shell(type(stream))
    stream._callspan_drop = on_drop(stream, observation)
    return stream


def observation_of(stream: Any) -> Any:
    """What follows a stream, if anything does."""
    return getattr(stream, "_callspan", None)


def on_drop(owner: Any, observation: Observation, end: str = "drop") -> weakref.finalize[..., Any]:
    """End the observation, by its method of this name, when its owner is gone without having been read to the end."""
    finalizer = weakref.finalize(owner, _drop, weakref.ref(observation), end)
    finalizer.atexit = False
    return finalizer


def _drop(observed: weakref.ref[Observation], end: str) -> None:
    # An open observation is kept by `open_observations`. One that has ended may refer to its owner, by the traceback of
    # what the call raised; the finalizer, which lives as long as the owner, would keep both for ever.
    observation = observed()
    if observation is not None:
        outside_collector(getattr(observation, end))


@cache
def _shell(kind: Any) -> type:
    shell = _sync_shell(kind) if hasattr(kind, "__next__") else kind
    return _async_shell(shell) if hasattr(kind, "__anext__") else shell


def like(kind: Any, shell: Any) -> type:
    """A subclass under the name of its class, without methods that this lacks, as old versions do."""
    shell.__name__, shell.__qualname__, shell.__module__ = (
        kind.__name__,
        kind.__qualname__,
        kind.__module__,
    )
    for name in [name for name, value in vars(shell).items() if isinstance(value, FunctionType)]:
        known = getattr(kind, name, None)
        closes = name in ("close", "aclose")
        if known is None or (
            closes and iscoroutinefunction(known) != iscoroutinefunction(vars(shell)[name])
        ):
            delattr(shell, name)
    return shell


def _leave(observation: Observation, stream: Any) -> None:
    """The reader closes the stream. One that closes itself within a step, before it raises, has not been left."""
    caller = sys._getframe(1).f_back if observation.inside else None
    names = caller.f_code.co_varnames if caller is not None else ()
    if caller is None or not names or caller.f_locals.get(names[0]) is not stream:
        end_closed(observation)


def _sync_shell(kind: Any) -> type:
    class Shell(kind):
        _callspan: Observation

        def __iter__(self) -> Iterator[Any]:
            source = super().__iter__()
            return _steps(
                iter(super().__next__, _NEVER) if source is self else source, self._callspan, self
            )

        def __next__(self) -> Any:
            return next_item(super().__next__, self._callspan, self)

        def close(self, *args: Any, **kwargs: Any) -> Any:
            _leave(self._callspan, self)
            return super().close(*args, **kwargs)

    return like(kind, Shell)


def next_item(source: Callable[[], Any], observation: Observation, stream: Any) -> Any:
    """The next item of a stream, which an observation takes note of; a budget may close the stream instead."""
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
            if observation.chunk(item):
                return item
        except BudgetExceeded as stop:
            _stop(observation, stream, stop)
            raise


def _stop(observation: Observation, stream: Any, stop: BudgetExceeded) -> None:
    observation.fail(stop)
    if hasattr(stream, "close"):
        stream.close()


def _steps(source: Iterator[Any], observation: Observation, stream: Any) -> Iterator[Any]:
    """The reader's loop. A generator is told at once when the loop is left, by `break` or by an exception."""
    note = observation.chunk
    observation.inside = True
    try:
        for item in source:
            if note(item):
                observation.inside = False
                yield item
                observation.inside = True
    except GeneratorExit:
        if not _comes_back():
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
    finally:
        observation.inside = False


def _comes_back() -> bool:
    """Whether the loop that was left does not say that the reader has stopped.

    It may stand in an iterator's own step, as in LiteLLM: for each step that loops anew. Or in a client's helper for
    streams, which leaves it by an exception of its own, or as the helper is left; closing or dropping tells the end.
    """
    frame = sys._getframe(1).f_back
    if frame is None:
        return False
    return frame.f_code.co_name in ("__next__", "__anext__") or _is_helper(frame)


def _is_helper(frame: FrameType) -> bool:
    """Whether code belongs to a helper for streams, as openai and anthropic have in packages of this name."""
    return _HELPERS in str(frame.f_globals.get("__name__"))


def end_closed(observation: Observation) -> None:
    """End the observation of a stream that is closed, perhaps in a `with` that a helper's exception leaves."""
    error = sys.exc_info()[1]
    if isinstance(error, Exception) and _raised_in_helper(error):
        observation.fail(error)
    else:
        observation.abandon()


def _raised_in_helper(error: Exception) -> bool:
    """Whether an exception comes from a client's helper for streams, which could not parse what had arrived."""
    trace = error.__traceback__
    while trace is not None:
        if _is_helper(trace.tb_frame):
            return True
        trace = trace.tb_next
    return False


def _async_shell(kind: Any) -> type:
    class Shell(kind):
        _callspan: Observation

        def __aiter__(self) -> AsyncIterator[Any]:
            return _AsyncSteps(super().__anext__, self._callspan, self)

        async def __anext__(self) -> Any:
            return await next_item_async(super().__anext__, self._callspan, self)

        async def close(self, *args: Any, **kwargs: Any) -> Any:
            _leave(self._callspan, self)
            await self._callspan.await_handlers()
            return await super().close(*args, **kwargs)

        async def aclose(self) -> Any:
            _leave(self._callspan, self)
            await self._callspan.await_handlers()
            return await super().aclose()

    return like(kind, Shell)


async def next_item_async(source: Callable[[], Any], observation: Observation, stream: Any) -> Any:
    """The same in asynchronous code."""
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
            shown = observation.chunk(item)
        except BudgetExceeded as stop:
            observation.fail(stop)
            await observation.await_handlers()
            close = getattr(stream, "aclose", None) or getattr(stream, "close", None)
            if close is not None:
                await close()
            raise
        if observation.awaitables:
            await observation.await_handlers()
        if shown:
            return item


class _AsyncSteps:
    """The reader's loop. A plain object, as an async generator would learn late that the loop was left."""

    __slots__ = ("_observation", "_source", "_stream")

    def __init__(self, source: Any, observation: Observation, stream: Any) -> None:
        self._source = source
        self._stream = stream
        self._observation = observation

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        return await next_item_async(self._source, self._observation, self._stream)

    async def aclose(self) -> None:
        """What an async generator has: the reader leaves the loop."""
        if not self._observation.pause():
            self._observation.abandon()
        await self._observation.await_handlers()

    def __del__(self) -> None:
        if not self._observation.ended and not _comes_back():
            outside_collector(self._observation.leave_loop)
