"""A small program that calls a model, the same in sync and async code, so that a test can be written once."""

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
    """Speaks to one address; `asynchronous` says in which style. Each method is one call of the program."""

    def __init__(self, url: str, asynchronous: bool, **options: Any) -> None:
        self.asynchronous = asynchronous
        self._url, self._options = url, options

    def ask(self, path: str = "chat.completions.create", **request: Any) -> Any:
        """One whole answer of an endpoint, by its dotted path."""
        if self.asynchronous:
            return asyncio.run(self._aask(path, request))
        with openai_client(self._url, **self._options) as client:
            return _at(client, path)(**request)

    async def _aask(self, path: str, request: dict[str, Any]) -> Any:
        async with async_openai_client(self._url, **self._options) as client:
            return await _at(client, path)(**request)

    def chat(self, **request: Any) -> Any:
        """One whole chat answer."""
        return self.ask(**{**CHAT, **request})

    def read(
        self, path: str = "chat.completions.create", take: int | None = None, **request: Any
    ) -> list[Any]:
        """The items of a stream; only the first few where `take` says so, and then `break`."""
        if self.asynchronous:
            return asyncio.run(self._aread(path, take, request))
        with openai_client(self._url, **self._options) as client:
            return _some(_at(client, path)(**{"stream": True, **request}), take)

    async def _aread(self, path: str, take: int | None, request: dict[str, Any]) -> list[Any]:
        found = []
        async with async_openai_client(self._url, **self._options) as client:
            async for item in await _at(client, path)(**{"stream": True, **request}):
                found.append(item)
                if len(found) == take:
                    break
        return found

    def stream(self, take: int | None = None, **request: Any) -> list[Any]:
        """The chunks of a chat stream."""
        return self.read(take=take, **{**CHAT, **request})


def _at(client: Any, path: str) -> Any:
    for name in path.split("."):
        client = getattr(client, name)
    return client


def _some(stream: Iterable[Any], take: int | None) -> list[Any]:
    found = []
    for item in stream:
        found.append(item)
        if len(found) == take:
            break
    return found


class Body(http.SyncByteStream, http.AsyncByteStream):  # type: ignore[misc, name-defined]
    """A response body of given pieces; one that is an exception is raised in its place."""

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
    """An HTTP client that answers each request with a stream of these pieces (a callable makes them anew)."""

    def respond(_request: Any) -> Any:
        made = pieces() if callable(pieces) else pieces
        return http.Response(200, headers={"content-type": "text/event-stream"}, stream=Body(made))

    kind = AsyncHttpClient if asynchronous else HttpClient
    return kind(transport=http.MockTransport(respond))
