"""What InvokeModel gives is a body that is read once, in many ways: the app reads what it would have read."""

from __future__ import annotations

import asyncio
import inspect
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from aiobotocore import httpsession, httpxsession
from botocore.exceptions import IncompleteReadError
from botocore.response import StreamingBody

import callspan
from aws import GUARDED, answered, async_bedrock, bedrock
from callspan.testing.modelserver import ModelServer, Reply
from conftest import PAYLOADS
from telemetry import Telemetry

PAYLOAD = (PAYLOADS / "bedrock" / "invoke_claude.json").read_bytes()
BODY = json.dumps(
    {"anthropic_version": "bedrock-2023-05-31", "messages": [{"role": "user", "content": "Hi"}]}
)
ASKED: dict[str, Any] = {"modelId": "anthropic.flowers", "body": BODY, **GUARDED}
COUNTED = {"x-amzn-bedrock-input-token-count": "12", "x-amzn-bedrock-output-token-count": "8"}


def in_pieces(body: Any) -> list[bytes]:
    return [body.read(10), body.read()]


def to_the_byte(body: Any) -> list[bytes]:
    return [body.read(10), body.read(amt=len(PAYLOAD) - 10)]


def into_a_buffer(body: Any) -> list[bytes]:
    if not hasattr(body, "readinto"):  # older bodies do not have it
        return in_pieces(body)
    buffer, found = bytearray(100), []
    while size := body.readinto(buffer):
        found.append(bytes(buffer[:size]))
    return found


def by_next(body: Any) -> list[bytes]:
    return [next(body), *body]


def by_line(body: Any) -> list[bytes]:
    return list(iter(body.readline, b""))


def in_with(body: Any) -> list[bytes]:
    with body as raw:
        return [raw.read(10), raw.read()]


READERS: list[Callable[[Any], list[bytes]]] = [
    lambda body: [body.read()],
    lambda body: [body.read(-1)],
    in_pieces,
    to_the_byte,
    into_a_buffer,
    by_next,
    by_line,
    in_with,
    lambda body: list(body.iter_lines()),
    lambda body: list(body.iter_lines(chunk_size=7, keepends=True)),
    lambda body: list(body.iter_chunks(50)),
    lambda body: body.readlines(),
]
NAMES = [
    "read",
    "all",
    "pieces",
    "byte",
    "buffer",
    "next",
    "readline",
    "with",
    "lines",
    "short",
    "chunks",
    "readlines",
]


@pytest.mark.parametrize("read", READERS, ids=NAMES)
def test_ways_to_read(
    telemetry: Telemetry, model_server: ModelServer, read: Callable[[Any], Any]
) -> None:
    """Bytes, pieces and class are the same, and the one span has what the whole answer states."""
    model_server.enqueue(Reply(raw=PAYLOAD), Reply(raw=PAYLOAD))
    client = bedrock(model_server.url)
    callspan.uninstrument()
    without = read(client.invoke_model(**ASKED)["body"])
    telemetry.instrument()
    body = client.invoke_model(**ASKED)["body"]
    assert (isinstance(body, StreamingBody), type(body).__name__) == (True, "StreamingBody")
    assert not telemetry.spans
    assert read(body) == without
    assert telemetry.attributes["callspan.outcome"] == "completed"
    assert telemetry.attributes["gen_ai.usage.output_tokens"] == 8


async def _in_pieces(body: Any) -> list[bytes]:
    return [await body.read(10), await body.read()]


async def _in_with(body: Any) -> list[bytes]:
    async with body as inner:
        return [await inner.read()]


async def _chunks(body: Any) -> list[bytes]:
    return [chunk async for chunk in body.iter_chunks(50)]


async def _lines(body: Any) -> list[bytes]:
    return [line async for line in body.iter_lines()]


async def _loop(body: Any) -> list[bytes]:
    return [await body.__anext__(), *[chunk async for chunk in body]]


@pytest.mark.parametrize("read", [_in_pieces, _in_with, _chunks, _lines, _loop])
def test_ways_to_read_async(
    telemetry: Telemetry, model_server: ModelServer, read: Callable[[Any], Any]
) -> None:
    """The same in asynchronous code, where an `async with` gives the body, or the response underneath."""
    model_server.enqueue(Reply(raw=PAYLOAD), Reply(raw=PAYLOAD))

    async def ask() -> tuple[type, Any]:
        async with async_bedrock(model_server.url) as client:
            body = (await client.invoke_model(**ASKED))["body"]
            return type(body), await read(body)

    callspan.uninstrument()
    kind, without = asyncio.run(ask())
    telemetry.instrument()
    seen, given = asyncio.run(ask())
    assert given == without
    assert issubclass(seen, kind)
    assert (seen.__name__, seen.__module__) == (kind.__name__, kind.__module__)
    assert telemetry.attributes["callspan.outcome"] == "completed"
    assert telemetry.attributes["gen_ai.usage.output_tokens"] == 8


LEFT: list[Callable[[Any], Any]] = [
    lambda body: None,
    lambda body: body.close(),
    lambda body: body.read(10),
    lambda body: body.__exit__(None, None, None),
]


@pytest.mark.parametrize("leave", LEFT, ids=["never read", "closed", "read in part", "left"])
def test_left_early(
    telemetry: Telemetry, model_server: ModelServer, leave: Callable[[Any], Any]
) -> None:
    """One that is not read to its end is abandoned; the tokens that its headers state are known."""
    model_server.enqueue(Reply(raw=PAYLOAD, headers=COUNTED))
    leave(bedrock(model_server.url).invoke_model(**ASKED)["body"])
    attributes = telemetry.attributes
    assert attributes["callspan.outcome"] == "abandoned"
    assert (attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]) == (
        12,
        8,
    )


@pytest.mark.parametrize("method", ["close", "aclose"])
@pytest.mark.parametrize("session", ["AIOHTTPSession", "HttpxSession"])
def test_async_body_that_is_closed(
    telemetry: Telemetry, model_server: ModelServer, session: str, method: str
) -> None:
    """Closing ends the call at once, over aiohttp, whose bodies have a plain `close`, and over httpx."""
    if not hasattr(httpxsession, "HttpxSession"):
        pytest.skip("this aiobotocore has no sessions over httpx")
    model_server.enqueue(Reply(raw=PAYLOAD, headers=COUNTED))
    session_class = getattr(httpsession, session, None) or getattr(httpxsession, session)

    async def ask() -> None:
        url = model_server.url
        async with async_bedrock(url, http_session_cls=session_class) as client:
            body = (await client.invoke_model(**ASKED))["body"]
            closing = getattr(body, method)()
            if inspect.isawaitable(closing):
                await closing
            # not only when the body is dropped
            assert telemetry.attributes["callspan.outcome"] == "abandoned"

    asyncio.run(ask())


def test_too_short(telemetry: Telemetry, model_server: ModelServer) -> None:
    """What the client finds wrong while the app reads is an error, raised as ever."""
    client = answered(bedrock(model_server.url), PAYLOAD[:-9], content_length=str(len(PAYLOAD)))
    with pytest.raises(IncompleteReadError):
        client.invoke_model(**ASKED)["body"].read()
    assert telemetry.attributes["error.type"] == "botocore.exceptions.IncompleteReadError"


def test_a_body_that_is_no_json(telemetry: Telemetry, model_server: ModelServer) -> None:
    """It came, and says nothing."""
    client = answered(bedrock(model_server.url), b"\x00whisper")
    assert client.invoke_model(**ASKED)["body"].read() == b"\x00whisper"
    assert telemetry.attributes["callspan.outcome"] == "completed"


@pytest.mark.parametrize(
    "body", [BODY, BODY.encode(), bytearray(BODY.encode()), io.BytesIO(BODY.encode())]
)
def test_requests_reach_the_server_whole(
    telemetry: Telemetry, model_server: ModelServer, body: Any
) -> None:
    """The app's body is looked at, whatever it is, and not read away."""
    bedrock(model_server.url).invoke_model(**{**ASKED, "body": body})["body"].read()
    assert model_server.requests[0].raw == BODY.encode()
    assert telemetry.span.name == "chat anthropic.flowers"


def test_a_file_is_left_alone(
    telemetry: Telemetry, model_server: ModelServer, tmp_path: Any
) -> None:
    """A file is not read by us; the answer is."""
    file = tmp_path / "body.json"
    file.write_text(BODY)
    with file.open("rb") as body:
        bedrock(model_server.url).invoke_model(**{**ASKED, "body": body})["body"].read()
    assert model_server.requests[0].raw == BODY.encode()
    assert telemetry.attributes["gen_ai.usage.output_tokens"] > 0
