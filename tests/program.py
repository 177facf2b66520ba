"""A small program that calls a model, in sync and async code, so that a test is written once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

from clients import AsyncHttpClient, HttpClient, async_openai_client, http, openai_client

MODEL = "gpt-4.1-mini"
HELLO: list[Any] = [{"role": "user", "content": "Which flowers last longest?"}]
WITH_USAGE: dict[str, Any] = {
    "stream": True,
    "extra_body": {"stream_options": {"include_usage": True}},
}
"""Old clients do not know the option by name."""
CHAT: dict[str, Any] = {"model": MODEL, "messages": HELLO}


class Program:
    """A program that calls one address, in sync or asynchronous code; each method is one call."""

    def __init__(self, url: str, asynchronous: bool, **options: Any) -> None:
        self.asynchronous = asynchronous
        self._url, self._options = url, options

    def ask(self, path: str = "chat.completions.create", **request: Any) -> Any:
        """Return a whole answer of an endpoint, by its dotted path in the client."""
        if self.asynchronous:
            return asyncio.run(self._aask(path, request))
        with openai_client(self._url, **self._options) as client:
            return _at(client, path)(**request)

    async def _aask(self, path: str, request: dict[str, Any]) -> Any:
        async with async_openai_client(self._url, **self._options) as client:
            return await _at(client, path)(**request)

    def chat(self, **request: Any) -> Any:
        """Return a whole answer of a chat."""
        return self.ask(**{**CHAT, **request})

    def read(
        self, path: str = "chat.completions.create", take: int | None = None, **request: Any
    ) -> list[Any]:
        """Return the items of a stream; with `take` only so many, after which the program leaves it."""
        if self.asynchronous:
            return asyncio.run(self._aread(path, take, request))
        with openai_client(self._url, **self._options) as client:
            return _take(_at(client, path)(**{"stream": True, **request}), take)

    async def _aread(self, path: str, take: int | None, request: dict[str, Any]) -> list[Any]:
        items: list[Any] = []
        async with async_openai_client(self._url, **self._options) as client:
            async for item in await _at(client, path)(**{"stream": True, **request}):
                items.append(item)
                if len(items) == take:
                    break
        return items

    def stream(self, take: int | None = None, **request: Any) -> list[Any]:
        """Return the chunks of a chat stream."""
        return self.read(take=take, **{**CHAT, **request})


def _at(client: Any, path: str) -> Any:
    for name in path.split("."):
        client = getattr(client, name)
    return client


def _take(stream: Iterable[Any], take: int | None) -> list[Any]:
    items: list[Any] = []
    for item in stream:
        items.append(item)
        if len(items) == take:
            break
    return items


class Body(http.SyncByteStream, http.AsyncByteStream):  # type: ignore[misc, name-defined]
    """A response body of these pieces; one that is an exception is raised."""

    def __init__(self, pieces: Iterable[bytes | BaseException]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, BaseException):
                raise piece
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


def answering(pieces: Any, asynchronous: bool = False) -> Any:
    """Return an HTTP client that answers each request with a stream of pieces.

    `pieces` may be a function that makes them anew for each request.
    """

    def respond(_request: Any) -> Any:
        body = Body(pieces() if callable(pieces) else pieces)
        return http.Response(200, headers={"content-type": "text/event-stream"}, stream=body)

    kind = AsyncHttpClient if asynchronous else HttpClient
    return kind(transport=http.MockTransport(respond))
