"""Bodies of AWS's clients, which the app reads by itself, whole or piece by piece, while one object looks on.

The body that the client made stays, and its class becomes a subclass of what it was. What is noted of it stands under
names that wrapt's proxies keep to themselves, for such a proxy is the body of the older asynchronous clients.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from callspan.formats.format import get
from callspan.hooks.bodies import Whole
from callspan.lifecycle.observation import Observation
from callspan.lifecycle.streams import like, on_drop
from callspan.runtime.background import watch_collector


def follow_body(observation: Observation, body: Any, headers: Mapping[str, Any] | None) -> Any:
    """Let an observation follow a body to its end; returns what the app is to read, which has the same class."""
    watch_collector()
    length = str(get(headers, "content-length") or "")
    reading = _Reading(observation, int(length) if length.isdigit() else None)
    body = _followed(body, reading, _async_body if hasattr(body, "__aiter__") else _body)
    if getattr(body, "_self_callspan", None) is None:
        observation.finish()  # a body of a test's own, that cannot be followed
    else:
        on_drop(body, observation)
    return body


def _followed(body: Any, reading: _Reading, shell: Any) -> Any:
    """The same object with another class; of a proxy, whose class cannot be changed, another proxy."""
    kind = type(body)
    try:
        if hasattr(body, "__wrapped__"):
            body = shell(kind)(body.__wrapped__, body._self_content_length)
        else:
            body.__class__ = shell(kind)
        body._self_callspan = reading
    except (AttributeError, TypeError):
        pass  # a class written in C, or a proxy of somebody else's
    return body


class _Reading(Whole):
    """How far a body has been read."""

    def __init__(self, observation: Observation, length: int | None) -> None:
        super().__init__(observation)
        self._length = length

    @property
    def open(self) -> bool:
        """Whether what is read now is news: a body may read by other methods of its own, and beyond its end."""
        return not (self._observation.inside or self._observation.ended)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Around the client's own reading."""
        self._observation.inside = True
        try:
            yield
        except BaseException as error:
            self._observation.fail(error)
            raise
        finally:
            self._observation.inside = False

    def took(self, piece: bytes, amount: int | None = None) -> None:
        """Take in what was read, where so much, or all, was asked for."""
        self.feed(piece)
        everything = amount is None or amount < 0
        if (
            everything
            or (amount and not piece)
            or (self._length is not None and self.size >= self._length)
        ):
            self.end()

    async def settle(self) -> None:
        """Await the handlers that asked for it."""
        await self._observation.await_handlers()

    def leave(self) -> None:
        """The reader closes it."""
        self._observation.drop()


def _amount(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int | None:
    return args[0] if args else kwargs.get("amt")


@cache
def _reads(kind: Any) -> type:
    class Body(kind):
        _self_callspan: _Reading

        def read(self, *args: Any, **kwargs: Any) -> bytes:
            reading = self._self_callspan
            if not reading.open:
                return super().read(*args, **kwargs)
            with reading.watched():
                piece = super().read(*args, **kwargs)
            reading.took(piece, _amount(args, kwargs))
            return piece

        def readinto(self, buffer: Any) -> int:
            reading = self._self_callspan
            if not reading.open:
                return super().readinto(buffer)
            with reading.watched():
                size = super().readinto(buffer)
            reading.took(bytes(memoryview(buffer)[:size]), len(buffer))
            return size

        def readlines(self, *args: Any) -> list[bytes]:
            reading = self._self_callspan
            if not reading.open:
                return super().readlines(*args)
            with reading.watched():
                lines = super().readlines(*args)
            reading.took(b"".join(lines), _amount(args, {}))
            return lines

    return like(kind, Body)


@cache
def _body(kind: Any) -> type:
    class Body(_reads(kind)):
        def __enter__(self) -> Any:
            # what the app gets here is the stream below
            return _followed(super().__enter__(), self._self_callspan, _reads)

        def __exit__(self, *error: Any) -> Any:
            self._self_callspan.leave()
            return super().__exit__(*error)

        def close(self) -> None:
            self._self_callspan.leave()
            super().close()

    return like(kind, Body)


@cache
def _async_reads(kind: Any) -> type:
    class Body(kind):
        _self_callspan: _Reading

        async def read(self, *args: Any, **kwargs: Any) -> bytes:
            reading = self._self_callspan
            if not reading.open:
                return await super().read(*args, **kwargs)
            try:
                with reading.watched():
                    piece = await super().read(*args, **kwargs)
                reading.took(piece, _amount(args, kwargs))
                return piece
            finally:
                await reading.settle()

        async def readinto(self, buffer: Any) -> int:
            reading = self._self_callspan
            if not reading.open:
                return await super().readinto(buffer)
            try:
                with reading.watched():
                    size = await super().readinto(buffer)
                reading.took(bytes(memoryview(buffer)[:size]), len(buffer))
                return size
            finally:
                await reading.settle()

    return like(kind, Body)


@cache
def _async_body(kind: Any) -> type:
    class Body(_async_reads(kind)):
        async def __aenter__(self) -> Any:
            inner = await super().__aenter__()
            # older clients give the HTTP response here
            return inner if inner is self else _followed(inner, self._self_callspan, _async_reads)

        async def __aexit__(self, *error: Any) -> Any:
            self._self_callspan.leave()
            return await super().__aexit__(*error)

        def close(self) -> Any:
            self._self_callspan.leave()
            return super().close()

        def aclose(self) -> Any:
            self._self_callspan.leave()
            return super().aclose()

    return like(kind, Body)
