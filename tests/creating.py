"""Real clients without a method `create`, which get one, and speak to the model server."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator
from importlib import import_module
from typing import Any

import cohere
import httpx
import ollama

_CERTIFICATES = ssl.create_default_context()


class Creating:
    """A method of a client, and perhaps one for streams, as a method `create`."""

    def __init__(self, whole: Any, streamed: Any = None) -> None:
        self._whole, self._streamed = whole, streamed
        self.chat = self

    def create(self, stream: bool = False, **request: Any) -> Any:
        if self._streamed is None:
            return self._whole(stream=stream, **request)
        return (self._streamed if stream else self._whole)(**request)


def _transport(respond: Any) -> dict[str, Any]:
    return {"transport": httpx.MockTransport(respond)} if respond else {"verify": _CERTIFICATES}


def ollama_client(url: str, kind: str = "Client", respond: Any = None) -> Any:
    """Return Ollama's client, which the model server answers, or `respond`."""
    return getattr(ollama, kind)(host=url.removesuffix("/v1"), timeout=20, **_transport(respond))


@contextlib.contextmanager
def ollama_at(url: str) -> Iterator[Creating]:
    """Make Ollama's client speak to the model server."""
    yield Creating(ollama_client(url).chat)


@contextlib.asynccontextmanager
async def async_ollama_at(url: str) -> AsyncIterator[Creating]:
    """Make Ollama's asynchronous client speak to the model server."""
    yield Creating(ollama_client(url, "AsyncClient").chat)


def writer_client(url: str, kind: str = "Writer") -> Any:
    """Return Writer's client, whose chat has a path of its own, before the model server."""

    def at_the_usual_path(request: Any) -> None:
        path = request.url.path
        if path == "/v1/chat":
            path = "/v1/chat/completions"
        request.url = request.url.copy_with(path=path)

    async def awaitable(request: Any) -> None:
        at_the_usual_path(request)

    asynchronous = kind.startswith("Async")
    http_class = httpx.AsyncClient if asynchronous else httpx.Client
    hooks = {"request": [awaitable if asynchronous else at_the_usual_path]}
    http = http_class(verify=_CERTIFICATES, event_hooks=hooks)
    return getattr(import_module("writerai"), kind)(
        api_key="any",
        base_url=url.removesuffix("/v1"),
        http_client=http,
        max_retries=0,
        timeout=20,
    )


@contextlib.contextmanager
def writer_at(url: str) -> Iterator[Creating]:
    """Make Writer's client speak to the model server."""
    with writer_client(url) as client:
        yield Creating(client.chat.chat)


@contextlib.asynccontextmanager
async def async_writer_at(url: str) -> AsyncIterator[Creating]:
    """Make Writer's asynchronous client speak to the model server."""
    async with writer_client(url, "AsyncWriter") as client:
        yield Creating(client.chat.chat)


def ai21_client(url: str, kind: str = "AI21Client") -> Any:
    """Return AI21's client, which the model server answers, and which does not retry."""
    http_class = httpx.AsyncClient if kind.startswith("Async") else httpx.Client
    return getattr(import_module("ai21"), kind)(
        api_key="any",
        api_host=url,
        num_retries=1,
        http_client=http_class(verify=_CERTIFICATES, timeout=20),
    )


def _asking_ai21(client: Any) -> Any:
    """Return a function that asks with the client's own kind of messages, as it takes no others."""
    chat_message = import_module("ai21.models.chat").ChatMessage

    def ask(messages: list[Any], **request: Any) -> Any:
        own_messages = [chat_message(**message) for message in messages]
        return client.chat.completions.create(messages=own_messages, **request)

    return ask


@contextlib.contextmanager
def ai21_at(url: str) -> Iterator[Any]:
    """Make AI21's client speak to the model server."""
    yield Creating(_asking_ai21(ai21_client(url)))


@contextlib.asynccontextmanager
async def async_ai21_at(url: str) -> AsyncIterator[Any]:
    """Make AI21's asynchronous client speak to the model server."""
    yield Creating(_asking_ai21(ai21_client(url, "AsyncAI21Client")))


def azure_client(url: str, module: str = "azure.ai.inference") -> Any:
    """Return Microsoft's client for models in Azure, which does not retry."""
    key = import_module("azure.core.credentials").AzureKeyCredential("any")
    client_class = import_module(module).ChatCompletionsClient
    return client_class(endpoint=url, credential=key, retry_total=0, read_timeout=20)


@contextlib.contextmanager
def azure_at(url: str) -> Iterator[Creating]:
    """Make Microsoft's client for models in Azure speak to the model server."""
    with azure_client(url) as client:
        yield Creating(client.complete)


@contextlib.asynccontextmanager
async def async_azure_at(url: str) -> AsyncIterator[Creating]:
    """Make its asynchronous twin speak to the model server."""
    async with azure_client(url, "azure.ai.inference.aio") as client:
        yield Creating(client.complete)


ONCE = {"request_options": {"max_retries": 0}}
"""The option with which a request of Cohere's client is not repeated."""


def cohere_client(url: str, kind: str = "ClientV2", respond: Any = None, **options: Any) -> Any:
    """Return a client of Cohere's, which the model server answers, or `respond`."""
    http_class = httpx.AsyncClient if kind.startswith("Async") else httpx.Client
    http = http_class(timeout=20, **_transport(respond))
    defaults = {"api_key": "any", "base_url": url.removesuffix("/v1"), "httpx_client": http}
    return getattr(cohere, kind)(**{**defaults, **options})


@contextlib.contextmanager
def cohere_at(url: str) -> Iterator[Creating]:
    """Make Cohere's client speak to the model server."""
    client = cohere_client(url)
    yield Creating(client.chat, client.chat_stream)


@contextlib.asynccontextmanager
async def async_cohere_at(url: str) -> AsyncIterator[Creating]:
    """Make Cohere's asynchronous client speak to the model server."""
    client = cohere_client(url, "AsyncClientV2")

    async def streamed(**request: Any) -> Any:
        return client.chat_stream(**request)

    yield Creating(client.chat, streamed)
