"""AWS's clients for Bedrock, made to speak to the model server."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import boto3
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.awsrequest import AWSResponse
from botocore.config import Config

_SECRETS = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "secret"}
GUARDED = {"guardrailIdentifier": "florist1", "guardrailVersion": "DRAFT"}
"""The conventions want a guardrail's id on each span."""
_ONCE = {"total_max_attempts": 1, "mode": "standard"}
# a session keeps the descriptions of the services, which take long to read
_SESSION = boto3.Session(region_name="us-east-1", **_SECRETS)
_ASYNC_SESSION = get_session()


def bedrock(url: str, service: str = "bedrock-runtime", **options: Any) -> Any:
    """Return boto3's client, which by default does not retry."""
    config = Config(**{"retries": _ONCE, "read_timeout": 20, **options})
    return _SESSION.client(service, endpoint_url=url.removesuffix("/v1"), config=config)


def async_bedrock(url: str, service: str = "bedrock-runtime", **options: Any) -> Any:
    """Return aiobotocore's client as a context manager."""
    config = AioConfig(**{"retries": _ONCE, "read_timeout": 20, **options})
    location = {"region_name": "us-east-1", "endpoint_url": url.removesuffix("/v1"), **_SECRETS}
    return _ASYNC_SESSION.create_client(service, config=config, **location)


class _Raw(io.BytesIO):
    """A body with the method that botocore reads of urllib3's."""

    def stream(self, amt: int = 64, decode_content: Any = None) -> Iterator[bytes]:
        return iter(lambda: self.read(amt), b"")


def answered(client: Any, body: bytes, status: int = 200, **headers: str) -> Any:
    """Make a client answer each request with this body before it is sent; return the client."""
    response_headers = {"content-length": str(len(body))}
    for name, value in headers.items():
        response_headers[name.replace("_", "-")] = value

    def answer(request: Any, **_more: Any) -> AWSResponse:
        return AWSResponse(request.url, status, response_headers, _Raw(body))

    client.meta.events.register_last("before-send.*", answer)
    return client


class Events:
    """A stream of events with the methods of other clients' streams: `next()` and `with`."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._steps: Any = None

    def __iter__(self) -> Any:
        return iter(self._stream)

    def __next__(self) -> Any:
        self._steps = self._steps or iter(self._stream)
        return next(self._steps)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_error: object) -> None:
        self._stream.close()

    def close(self) -> None:
        self._stream.close()


class AsyncEvents:
    """An asynchronous stream of events with the methods of other clients' streams."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._steps: Any = None

    def __aiter__(self) -> Any:
        return aiter(self._stream)

    async def __anext__(self) -> Any:
        self._steps = self._steps or aiter(self._stream)
        return await anext(self._steps)

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._stream.close()

    async def close(self) -> None:
        self._stream.close()


class Converse:
    """Converse with a method `create`, for whole answers and streams, as other clients have it."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.chat = self

    def create(self, model: str, stream: bool = False, **request: Any) -> Any:
        if stream:
            return Events(self._client.converse_stream(modelId=model, **request)["stream"])
        return self._client.converse(modelId=model, **request)


class AsyncConverse(Converse):
    """Converse with `create` in asynchronous code."""

    async def create(self, model: str, stream: bool = False, **request: Any) -> Any:
        if stream:
            response = await self._client.converse_stream(modelId=model, **request)
            return AsyncEvents(response["stream"])
        return await self._client.converse(modelId=model, **request)


def _call(model: str, request: dict[str, Any]) -> dict[str, Any]:
    return {"modelId": model, "body": json.dumps(request), **GUARDED}


class Invoke:
    """InvokeModel with a method `create`, which reads a whole body at once."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.chat = self

    def create(self, model: str, stream: bool = False, **request: Any) -> Any:
        if stream:
            response = self._client.invoke_model_with_response_stream(**_call(model, request))
            return Events(response["body"])
        return self._client.invoke_model(**_call(model, request))["body"].read()


class AsyncInvoke(Invoke):
    """InvokeModel with `create` in asynchronous code."""

    async def create(self, model: str, stream: bool = False, **request: Any) -> Any:
        if stream:
            response = await self._client.invoke_model_with_response_stream(
                modelId=model, body=json.dumps(request), **GUARDED
            )
            return AsyncEvents(response["body"])
        response = await self._client.invoke_model(**_call(model, request))
        return await response["body"].read()


@contextlib.contextmanager
def converse_at(url: str) -> Iterator[Converse]:
    """Make a client for Converse."""
    yield Converse(bedrock(url))


@contextlib.asynccontextmanager
async def async_converse_at(url: str) -> AsyncIterator[AsyncConverse]:
    """Make an asynchronous client for Converse."""
    async with async_bedrock(url) as client:
        yield AsyncConverse(client)


@contextlib.contextmanager
def invoke_at(url: str) -> Iterator[Invoke]:
    """Make a client for InvokeModel."""
    yield Invoke(bedrock(url))


@contextlib.asynccontextmanager
async def async_invoke_at(url: str) -> AsyncIterator[AsyncInvoke]:
    """Make an asynchronous client for InvokeModel."""
    async with async_bedrock(url) as client:
        yield AsyncInvoke(client)
