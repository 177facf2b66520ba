"""Bodies of AWS's clients, which the app reads by itself, whole or piece by piece.

The attribute of an overlay has the name `_self_callspan` here alone: a name that wrapt's proxies
keep to themselves, as such a proxy is the body of aiobotocore in its older versions (2.13.1). See
tests/test_bedrock_bodies.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import cache

from callspan.formats.fields import get
from callspan.hooks.bodies import JsonBody
from callspan.hooks.client_types import Args, ClientClass, ClientObject, Kwargs
from callspan.lifecycle.byte_streams import client_reading
from callspan.lifecycle.observation import Observation
from callspan.lifecycle.overlays import as_overlay
from callspan.lifecycle.streams import on_drop
from callspan.runtime.background import watch_collector


def follow_body(
    observation: Observation, body: ClientObject, headers: Mapping[str, object] | None
) -> ClientObject:
    """Let an observation follow a body to its end; returns the body that the app gets."""
    watch_collector()
    # by the length a body is known to be complete before its reader asks once more
    length = str(get(headers, "content-length") or "")
    reading = _BodyReader(observation, int(length) if length.isdecimal() else None)
    overlay = _async_body_overlay if hasattr(body, "__aiter__") else _body_overlay
    body = _put_over(body, reading, overlay)
    if getattr(body, "_self_callspan", None) is None:
        observation.finish()  # a body of a test's own, that cannot be followed
    else:
        on_drop(body, observation)
    return body


def _put_over(
    body: ClientObject, reading: _BodyReader, overlay: Callable[[type], ClientClass]
) -> ClientObject:
    """Change the class of a body; for a proxy, whose class is fixed, return another proxy."""
    kind = overlay(type(body))
    try:
        # the arguments of its constructor, which aiobotocore's proxy keeps
        if hasattr(body, "__wrapped__"):
            body = kind(body.__wrapped__, body._self_content_length)
        else:
            body.__class__ = kind
        body._self_callspan = reading
    except (AttributeError, TypeError):
        pass  # a class written in C, or a proxy of somebody else's
    return body


class _BodyReader(JsonBody):
    """The reading of one body by the app, and how far it has come."""

    def __init__(self, observation: Observation, length: int | None) -> None:
        super().__init__(observation)
        self._length = length

    @property
    def is_open(self) -> bool:
        """Whether bytes that are read now are new: not within another method, nor past the end."""
        return not (self._observation.inside or self._observation.ended)

    def watch(self) -> AbstractContextManager[None]:
        """Mark that the client is reading, and end the call if that fails."""
        return client_reading(self._observation)

    def take(self, piece: bytes, amount: int | None = None) -> None:
        """Take in the bytes that were read of the `amount` requested; `None` is all of them."""
        self.feed(piece)
        took_all = amount is None or amount < 0
        # the end of a body; a read of 0 bytes is empty as well, and says nothing
        is_empty = bool(amount) and not piece
        is_complete = self._length is not None and self.size >= self._length
        if took_all or is_empty or is_complete:
            self.end()

    async def settle(self) -> None:
        """Await the handlers that asked to be awaited by the call."""
        await self._observation.await_handlers()

    def leave(self) -> None:
        """End the call: the reader closes the body."""
        self._observation.drop()


def _amount(args: Args, kwargs: Kwargs) -> int | None:
    return args[0] if args else kwargs.get("amt")


@cache
def _reading_overlay(kind: ClientClass) -> type:
    """Return a subclass, of bodies or of the streams in them, whose reading is observed."""

    class Body(kind):
        _self_callspan: _BodyReader

        def read(self, *args: object, **kwargs: object) -> bytes:
            # `read` may call `readinto` or another of these: the outermost one counts
            reading = self._self_callspan
            if not reading.is_open:
                return super().read(*args, **kwargs)
            with reading.watch():
                piece = super().read(*args, **kwargs)
            reading.take(piece, _amount(args, kwargs))
            return piece

        def readinto(self, buffer: bytearray) -> int:
            reading = self._self_callspan
            if not reading.is_open:
                return super().readinto(buffer)
            with reading.watch():
                size = super().readinto(buffer)
            reading.take(bytes(memoryview(buffer)[:size]), len(buffer))
            return size

        def readlines(self, *args: object) -> list[bytes]:
            reading = self._self_callspan
            if not reading.is_open:
                return super().readlines(*args)
            with reading.watch():
                lines = super().readlines(*args)
            reading.take(b"".join(lines), _amount(args, {}))
            return lines

    return as_overlay(kind, Body)


@cache
def _body_overlay(kind: ClientClass) -> type:
    """Return a subclass of a class of bodies whose reading and closing are observed."""

    class Body(_reading_overlay(kind)):
        def __enter__(self) -> ClientObject:
            # the app gets the stream inside the body here
            return _put_over(super().__enter__(), self._self_callspan, _reading_overlay)

        def __exit__(self, *error: object) -> object:
            self._self_callspan.leave()
            return super().__exit__(*error)

        def close(self) -> None:
            self._self_callspan.leave()
            super().close()

    return as_overlay(kind, Body)


@cache
def _async_reading_overlay(kind: ClientClass) -> type:
    class Body(kind):
        _self_callspan: _BodyReader

        async def read(self, *args: object, **kwargs: object) -> bytes:
            reading = self._self_callspan
            if not reading.is_open:
                return await super().read(*args, **kwargs)
            try:
                with reading.watch():
                    piece = await super().read(*args, **kwargs)
                reading.take(piece, _amount(args, kwargs))
                return piece
            finally:
                # also where reading has failed, which has ended the call
                await reading.settle()

        async def readinto(self, buffer: bytearray) -> int:
            reading = self._self_callspan
            if not reading.is_open:
                return await super().readinto(buffer)
            try:
                with reading.watch():
                    size = await super().readinto(buffer)
                reading.take(bytes(memoryview(buffer)[:size]), len(buffer))
                return size
            finally:
                await reading.settle()

    return as_overlay(kind, Body)


@cache
def _async_body_overlay(kind: ClientClass) -> type:
    class Body(_async_closing_overlay(_closing_overlay(_async_reading_overlay(kind)))):
        async def __aenter__(self) -> ClientObject:
            inner = await super().__aenter__()
            if inner is self:
                return self
            # older clients return the HTTP response here
            return _put_over(inner, self._self_callspan, _async_reading_overlay)

        async def __aexit__(self, *error: object) -> object:
            self._self_callspan.leave()
            return await super().__aexit__(*error)

    return as_overlay(kind, Body)


# aiobotocore 3: `close` of a body over aiohttp is a plain function, that of one over httpx is
# async; `as_overlay` leaves out the one that does not fit


def _closing_overlay(kind: ClientClass) -> type:
    class Body(kind):
        _self_callspan: _BodyReader

        def close(self) -> object:
            self._self_callspan.leave()
            return super().close()

    return as_overlay(kind, Body)


def _async_closing_overlay(kind: ClientClass) -> type:
    class Body(kind):
        _self_callspan: _BodyReader

        async def close(self) -> object:
            self._self_callspan.leave()
            return await super().close()

        async def aclose(self) -> object:
            self._self_callspan.leave()
            return await super().aclose()

    return as_overlay(kind, Body)
