"""Responses whose body the app reads by itself: hooks on the one response object, taken off when the call ends.

They cover raw and streaming responses, and the helpers that close the response instead of their stream.
"""

from __future__ import annotations

import inspect
import json
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any

from callspan.background import watch_collector
from callspan.observation import Observation
from callspan.streams import observe, on_drop

BODY_LIMIT = 4 * 1024 * 1024
"""Bytes of a JSON body kept to be read at its end; a larger one tells nothing but that it came."""


def follow(observation: Observation, response: Any, raw: Any | None) -> None:
    """Follow an HTTP response to its end; with `raw`, the client's own object around it, also what it is parsed to."""
    reader = _Reader(observation, response)
    hooks = {"close": reader.close, "aclose": reader.aclose}
    if raw is not None:
        hooks |= {"iter_bytes": reader.iter_bytes, "aiter_bytes": reader.aiter_bytes}
        watch_collector()
        raw.parse = _parse(observation, reader, raw)
    for name, hook in hooks.items():
        if hasattr(response, name):
            setattr(response, name, hook)


def _parse(observation: Observation, reader: _Reader, raw: Any) -> Any:
    owner, kind = weakref.ref(raw), type(raw)
    dropped = on_drop(raw, observation)

    def adopt(result: Any) -> Any:
        if hasattr(result, "_iterator") and not hasattr(result, "_callspan"):
            reader.adopted = True
            dropped.detach()  # from here on the stream is what the reader holds
            observe(result, observation)
        return result

    async def aparse(*args: Any, **kwargs: Any) -> Any:
        return adopt(await kind.parse(owner(), *args, **kwargs))

    def parse(*args: Any, **kwargs: Any) -> Any:
        return adopt(kind.parse(owner(), *args, **kwargs))

    return aparse if inspect.iscoroutinefunction(kind.parse) else parse


class _Reader:
    """Looks on while a body is read. It knows the response weakly, so that dropping one still closes it at once."""

    def __init__(self, observation: Observation, response: Any) -> None:
        self.observation = observation
        self.adopted = False
        self._response = weakref.ref(response)
        self._kind = type(response)
        self._body = _Events(observation) if _is_events(observation, response) else _Whole(observation)

    def close(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return self._kind.close(self._response(), *args, **kwargs)
        finally:
            self._closed()

    async def aclose(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return await self._kind.aclose(self._response(), *args, **kwargs)
        finally:
            self._closed()
            await self.observation.settle()

    def _closed(self) -> None:
        # a client closes the response by itself at the end of its own reading
        if not self.observation.inside:
            self.observation.abandon()

    def iter_bytes(self, *args: Any, **kwargs: Any) -> Iterator[bytes]:
        source = self._kind.iter_bytes(self._response(), *args, **kwargs)
        return source if self.adopted else self._look_on(source)

    def _look_on(self, source: Iterator[bytes]) -> Iterator[bytes]:
        self.observation.inside = True
        try:
            for piece in source:
                self._body.feed(piece)
                self.observation.inside = False
                yield piece
                self.observation.inside = True
        except GeneratorExit:
            raise
        except BaseException as error:
            self.observation.fail(error)
            raise
        else:
            self._body.end()
        finally:
            self.observation.inside = False

    def aiter_bytes(self, *args: Any, **kwargs: Any) -> AsyncIterator[bytes]:
        source = self._kind.aiter_bytes(self._response(), *args, **kwargs)
        return source if self.adopted else self._alook_on(source)

    async def _alook_on(self, source: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        self.observation.inside = True
        try:
            async for piece in source:
                self._body.feed(piece)
                self.observation.inside = False
                yield piece
                self.observation.inside = True
        except GeneratorExit:
            raise
        except BaseException as error:
            self.observation.fail(error)
            raise
        else:
            self._body.end()
        finally:
            self.observation.inside = False


def _is_events(observation: Observation, response: Any) -> bool:
    kind = response.headers.get("content-type", "")
    return "event-stream" in kind or (observation.call.stream and "json" not in kind)


class _Whole:
    """A body that is one answer: read when it is complete, if it is JSON."""

    def __init__(self, observation: Observation) -> None:
        self._observation = observation
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size <= BODY_LIMIT and (self._pieces or piece[:1] in (b"{", b"[")):
            self._pieces.append(piece)

    def end(self) -> None:
        whole = self._size <= BODY_LIMIT
        self._observation.answer(loaded(b"".join(self._pieces)) if whole else None)


class _Events:
    """A body of server-sent events: each is read as it comes."""

    def __init__(self, observation: Observation) -> None:
        self._observation = observation
        self._rest = b""

    def feed(self, piece: bytes) -> None:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            self._line(line.strip())

    def _line(self, line: bytes) -> None:
        if line.startswith(b"data:"):
            event = loaded(line[5:].strip())
            if event is not None:
                self._observation.chunk(event)

    def end(self) -> None:
        self._line(self._rest.strip())
        self._observation.finish()


def loaded(text: bytes) -> Any:
    """What a JSON text says; `None` where it is none. Headers are no guide: some servers leave the type out."""
    try:
        return json.loads(text)
    except ValueError:
        return None
