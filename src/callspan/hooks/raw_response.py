"""Responses whose body the app reads by itself: one object each that looks on while it does.

As with streams, the object that the client made stays, and its class becomes a subclass of what it was; an HTTP
response gets its own class back when the call has ended. This covers raw and streaming responses, and the helpers that
close the response instead of their stream.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from callspan.hooks.bodies import Body, body_of, read_whole
from callspan.lifecycle.observation import Observation
from callspan.lifecycle.streams import end_closed, like, observe, on_drop
from callspan.runtime.background import watch_collector


def follow_close(observation: Observation, response: Any) -> None:
    """End an observation when its HTTP response is closed by somebody else than the reader of its stream."""
    response._callspan = observation
    response.__class__ = _closing(type(response))


def follow(observation: Observation, raw: Any) -> None:
    """Follow a raw response, of which it is not known yet how the app will read it."""
    watch_collector()
    response = raw.http_response
    raw._callspan = (observation, on_drop(raw, observation))
    raw.__class__ = _parsing(type(raw))
    response._callspan = observation
    response._callspan_body = body_of(response, observation)
    response.__class__ = _readable(type(response))


def follow_response(observation: Observation, response: Any) -> Any:
    """Follow an HTTP response that the client's own reader reads, whose end is the end of the call."""
    if response.is_closed:
        read_whole(response, observation)
        return response
    watch_collector()
    response._callspan = observation
    response._callspan_body = body_of(response, observation)
    response.__class__ = _readable(type(response))
    on_drop(response, observation)
    return response


@cache
def _closing(kind: Any) -> type:
    class Response(kind):
        _callspan: Observation

        def close(self) -> None:
            close = super().close
            _closed(self, kind)
            close()

        async def aclose(self) -> None:
            # the end is told first: while the client closes, other tasks run that would tell another end
            close = super().aclose
            _closed(self, kind)
            await self._callspan.await_handlers()
            await close()

    return like(kind, Response)


def _closed(response: Any, kind: Any) -> None:
    # a client closes the response by itself at the end of its own reading; then the reader tells how that ended
    if not response._callspan.inside:
        end_closed(response._callspan)
        response.__class__ = kind


@cache
def _readable(kind: Any) -> type:
    class Response(_closing(kind)):
        _callspan_body: Body | None

        def iter_bytes(self, *args: Any, **kwargs: Any) -> Iterator[bytes]:
            source = super().iter_bytes(*args, **kwargs)
            return (
                source
                if self._callspan_body is None
                else _look_on(source, self._callspan, self._callspan_body)
            )

        def aiter_bytes(self, *args: Any, **kwargs: Any) -> AsyncIterator[bytes]:
            source = super().aiter_bytes(*args, **kwargs)
            return (
                source
                if self._callspan_body is None
                else _alook_on(source, self._callspan, self._callspan_body)
            )

    return like(kind, Response)


@cache
def _parsing(kind: Any) -> type:
    class Raw(kind):
        def parse(self, *args: Any, **kwargs: Any) -> Any:
            return _adopt(self, super().parse(*args, **kwargs))

    class AsyncRaw(kind):
        async def parse(self, *args: Any, **kwargs: Any) -> Any:
            return _adopt(self, await super().parse(*args, **kwargs))

    return like(kind, AsyncRaw if inspect.iscoroutinefunction(kind.parse) else Raw)


def _adopt(raw: Any, parsed: Any) -> Any:
    """If the app made a stream of its raw response, that stream is what is followed from here on."""
    observation, dropped = raw._callspan
    if hasattr(type(parsed), "__stream__") and not hasattr(parsed, "_callspan"):
        dropped.detach()
        raw.http_response._callspan_body = None
        observe(parsed, observation)
    return parsed


def _look_on(source: Iterator[bytes], observation: Observation, body: Body) -> Iterator[bytes]:
    with _reading_body(observation):
        for piece in source:
            body.feed(piece)
            observation.inside = False
            yield piece
            observation.inside = True
        body.end()


async def _alook_on(
    source: AsyncIterator[bytes], observation: Observation, body: Body
) -> AsyncIterator[bytes]:
    with _reading_body(observation):
        async for piece in source:
            body.feed(piece)
            observation.inside = False
            yield piece
            observation.inside = True
        body.end()


@contextmanager
def _reading_body(observation: Observation) -> Iterator[None]:
    observation.inside = True
    try:
        yield
    except GeneratorExit:
        raise  # closing the response is what ends the call
    except BaseException as error:
        observation.fail(error)
        raise
    finally:
        observation.inside = False
