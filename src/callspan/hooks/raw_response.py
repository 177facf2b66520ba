"""Responses whose body the app reads by itself, observed while it does.

This covers raw and streaming responses, and the helpers that close the response instead of their
stream. An HTTP response gets its own class back when the call has ended.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator
from functools import cache

from callspan.hooks.bodies import body_of, read_content
from callspan.hooks.client_types import ClientClass, ClientObject
from callspan.lifecycle.byte_streams import Body, feed, feed_async
from callspan.lifecycle.observation import Observation
from callspan.lifecycle.overlays import as_overlay, follower_of
from callspan.lifecycle.streams import end_closed, follow_stream, on_drop
from callspan.runtime.background import watch_collector


def follow_close(observation: Observation, response: ClientObject) -> None:
    """End an observation when somebody else than the stream's reader closes the HTTP response."""
    # the attributes come before the class, whose methods read them
    response._callspan = observation
    response.__class__ = _closing_overlay(type(response))


def follow_raw(observation: Observation, raw: ClientObject) -> None:
    """Follow a raw response, which the app may read as bytes, lines, a stream or a model."""
    watch_collector()
    response = raw.http_response
    # kept on the object, to be detached where the app makes a stream, whose own end then counts
    raw._callspan_drop = on_drop(raw, observation)
    raw._callspan = observation
    raw.__class__ = _parsing_overlay(type(raw))
    response._callspan_body = body_of(response, observation)
    response._callspan = observation
    response.__class__ = _readable_overlay(type(response))


def follow_response(observation: Observation, response: ClientObject) -> ClientObject:
    """Follow an HTTP response that the client reads, whose end is the end of the call.

    Returns the same object.
    """
    if response.is_closed:
        read_content(response, observation)
        return response
    watch_collector()
    response._callspan_body = body_of(response, observation)
    response._callspan = observation
    response.__class__ = _readable_overlay(type(response))
    on_drop(response, observation)
    return response


@cache
def _closing_overlay(kind: ClientClass) -> type:
    """Return a subclass of a class of HTTP responses that ends the call when it is closed."""

    class Response(kind):
        _callspan: Observation

        def close(self) -> None:
            close = super().close  # `_end_closed` takes this class away
            _end_closed(self, kind)
            close()

        async def aclose(self) -> None:
            # the end comes first: while the client closes, other tasks run, which may end the call
            # otherwise
            close = super().aclose
            _end_closed(self, kind)
            await self._callspan.await_handlers()
            await close()

    return as_overlay(kind, Response)


def _end_closed(response: ClientObject, kind: ClientClass) -> None:
    # a client closes the response by itself when it has read all; then the reader ends the call
    if not response._callspan.inside:
        end_closed(response._callspan)
        response.__class__ = kind


@cache
def _readable_overlay(kind: ClientClass) -> type:
    """Return a subclass of a class of HTTP responses whose bytes are read as they pass.

    Each way of httpx's (0.25 to 0.28) and httpx2's (2.16) to read a response leads to `iter_bytes`
    or `aiter_bytes`, but for those of the raw bytes, which may be compressed and are not read.
    See tests/torture/test_responses.py.
    """

    class Response(_closing_overlay(kind)):
        _callspan_body: Body | None

        def iter_bytes(self, *args: object, **kwargs: object) -> Iterator[bytes]:
            source = super().iter_bytes(*args, **kwargs)
            # a stream was made of the response since: its items are observed and not the bytes
            if self._callspan_body is None:
                return source
            return feed(source, self._callspan, self._callspan_body)

        def aiter_bytes(self, *args: object, **kwargs: object) -> AsyncIterator[bytes]:
            source = super().aiter_bytes(*args, **kwargs)
            if self._callspan_body is None:
                return source
            return feed_async(source, self._callspan, self._callspan_body)

    return as_overlay(kind, Response)


@cache
def _parsing_overlay(kind: ClientClass) -> type:
    """Return a subclass of a class of raw responses whose parsed streams are followed."""

    class Raw(kind):
        def parse(self, *args: object, **kwargs: object) -> ClientObject:
            return _follow_parsed(self, super().parse(*args, **kwargs))

    class AsyncRaw(kind):
        async def parse(self, *args: object, **kwargs: object) -> ClientObject:
            return _follow_parsed(self, await super().parse(*args, **kwargs))

    if inspect.iscoroutinefunction(kind.parse):
        return as_overlay(kind, AsyncRaw)
    return as_overlay(kind, Raw)


def _follow_parsed(raw: ClientObject, parsed: ClientObject) -> ClientObject:
    """Follow the stream that the app made of its raw response, in place of the bytes."""
    # by this method Stainless's streams differ from models; `parse` caches what it returns
    if hasattr(type(parsed), "__stream__") and follower_of(parsed) is None:
        raw._callspan_drop.detach()
        raw.http_response._callspan_body = None
        follow_stream(raw._callspan, parsed)
    return parsed
