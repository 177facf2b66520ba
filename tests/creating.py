"""Real clients that have no `create`, made to speak to the model server, under that name where the table calls them."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Any

import cohere
import httpx
import ollama

_CERTIFICATES = ssl.create_default_context()


class Creating:
    """One method of a client, with another for streams if there is one, under the name that the table calls."""

    def __init__(self, whole: Any, streamed: Any = None) -> None:
        self._whole, self._streamed = whole, streamed
        self.chat = self

    def create(self, stream: bool = False, **request: Any) -> Any:
        if self._streamed is None:
            return self._whole(stream=stream, **request)
        return (self._streamed if stream else self._whole)(**request)


def _speaks(respond: Any) -> dict[str, Any]:
    return {"transport": httpx.MockTransport(respond)} if respond else {"verify": _CERTIFICATES}


def ollama_client(url: str, kind: str = "Client", respond: Any = None) -> Any:
    """Ollama's client, speaking to the model server, or answered by a function."""
    return getattr(ollama, kind)(host=url.removesuffix("/v1"), timeout=20, **_speaks(respond))


@contextlib.contextmanager
def ollama_at(url: str) -> Iterator[Creating]:
    """Ollama's client, speaking to the model server."""
    yield Creating(ollama_client(url).chat)


@contextlib.asynccontextmanager
async def async_ollama_at(url: str) -> AsyncIterator[Creating]:
    """The same in asynchronous code."""
    yield Creating(ollama_client(url, "AsyncClient").chat)


ONCE = {"request_options": {"max_retries": 0}}
"""For a request of Cohere's client: most versions try again unless told not to."""


def cohere_client(url: str, kind: str = "ClientV2", respond: Any = None, **options: Any) -> Any:
    """Cohere's client of some kind, speaking to the model server, or answered by a function."""
    speaker = (httpx.AsyncClient if kind.startswith("Async") else httpx.Client)(
        timeout=20, **_speaks(respond)
    )
    known = {"api_key": "any", "base_url": url.removesuffix("/v1"), "httpx_client": speaker}
    return getattr(cohere, kind)(**{**known, **options})


@contextlib.contextmanager
def cohere_at(url: str) -> Iterator[Creating]:
    """Cohere's client, speaking to the model server."""
    client = cohere_client(url)
    yield Creating(client.chat, client.chat_stream)


@contextlib.asynccontextmanager
async def async_cohere_at(url: str) -> AsyncIterator[Creating]:
    """The same in asynchronous code."""
    client = cohere_client(url, "AsyncClientV2")

    async def streamed(**request: Any) -> Any:
        return client.chat_stream(**request)

    yield Creating(client.chat, streamed)
