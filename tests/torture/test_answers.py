"""What the program gets is what it would have got: answers, streams and helpers; section A of the list."""

from __future__ import annotations

import gc
import warnings
from collections.abc import AsyncIterator
from typing import Any

import openai
import pydantic
import pytest

import callspan
from callspan.testing.modelserver import ModelServer, Reply
from clients import async_openai_client
from program import CHAT, MODEL, WITH_USAGE, Program
from telemetry import Telemetry


@pytest.fixture
async def async_client(model_server: ModelServer) -> AsyncIterator[openai.AsyncOpenAI]:
    async with async_openai_client(model_server.url) as client:
        yield client


pytestmark = pytest.mark.usefixtures("capture")  # each test here runs with content off and on


def assert_counted(telemetry: Telemetry, server: ModelServer) -> None:
    """One span, completed, with the tokens that the server told."""
    total, attributes = server.ledger.total_told, telemetry.attributes
    assert attributes["callspan.outcome"] == "completed"
    assert (attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]) == (
        total.input,
        total.output,
    )


# --- raw responses -------------------------------------------------------------------------------------------------


def test_a_raw_response(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """A raw response has its headers, and parses twice to the same object."""
    raw = client.chat.completions.with_raw_response.create(**CHAT)
    assert raw.headers["x-request-id"] == "req_000001"
    assert raw.parse() is raw.parse()
    assert isinstance(raw.parse().choices[0].message.content, str)
    assert_counted(telemetry, model_server)


async def test_a_raw_response_async(
    telemetry: Telemetry, async_client: openai.AsyncOpenAI, model_server: ModelServer
) -> None:
    """The same in asynchronous code."""
    raw = await async_client.chat.completions.with_raw_response.create(**CHAT)
    assert raw.headers["x-request-id"] == "req_000001"
    assert raw.parse() is raw.parse()
    assert_counted(telemetry, model_server)


def test_a_raw_stream(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """A raw response to a stream parses to the client's own stream, which has all its chunks."""
    raw = client.chat.completions.with_raw_response.create(**CHAT, **WITH_USAGE)
    assert raw.headers["content-type"].startswith("text/event-stream")
    stream = raw.parse()
    assert isinstance(stream, openai.Stream)
    assert raw.parse() is stream
    assert len(list(stream)) > 3
    assert_counted(telemetry, model_server)


async def test_a_raw_stream_async(
    telemetry: Telemetry, async_client: openai.AsyncOpenAI, model_server: ModelServer
) -> None:
    """The same in asynchronous code."""
    raw = await async_client.chat.completions.with_raw_response.create(**CHAT, **WITH_USAGE)
    stream = raw.parse()
    assert isinstance(stream, openai.AsyncStream)
    assert len([chunk async for chunk in stream]) > 3
    assert_counted(telemetry, model_server)


def test_a_raw_stream_that_is_never_parsed(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """A raw response to a stream that nobody parses is a call that was abandoned."""
    raw = client.chat.completions.with_raw_response.create(**CHAT, stream=True)
    del raw
    gc.collect()
    callspan.flush()
    assert telemetry.attributes["callspan.outcome"] == "abandoned"


@pytest.mark.needs("chat.completions.with_streaming_response")
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize(
    "way", ["iter_lines", "iter_bytes", "iter_text", "read", "json", "parse", "text"]
)
def test_a_streaming_response(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer, stream: bool, way: str
) -> None:
    """The body of a streaming response can be read in every way; the call ends when it has been read."""
    if stream and way == "json":
        pytest.skip("a stream of events is not JSON")
    read = []
    for instrumented in (True, False):
        model_server.requests.clear()
        if not instrumented:
            callspan.uninstrument()
        request = {**CHAT, **(WITH_USAGE if stream else {})}
        with client.chat.completions.with_streaming_response.create(**request) as response:
            assert not response.http_response.is_closed
            found = getattr(response, way)()
            if way == "parse":
                read.append([repr(item) for item in found] if stream else repr(found))
            else:
                read.append(list(found) if way.startswith("iter") else found)
    assert _joined(read[0]) == _joined(read[1])
    found, total = telemetry.attributes, model_server.ledger.total_told
    assert found["callspan.outcome"] == "completed"
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (
        total.input // 2,
        total.output // 2,
    )


def _joined(read: Any) -> Any:
    """How a body is cut into pieces is a matter of the network's timing."""
    if isinstance(read, list) and read and isinstance(read[0], bytes | str):
        return read[0][:0].join(read)
    return read


@pytest.mark.needs("chat.completions.with_streaming_response")
@pytest.mark.parametrize("way", ["iter_lines", "read", "parse"])
async def test_a_streaming_response_async(
    telemetry: Telemetry, async_client: openai.AsyncOpenAI, model_server: ModelServer, way: str
) -> None:
    """The same in asynchronous code."""
    async with async_client.chat.completions.with_streaming_response.create(**CHAT) as response:
        if way == "iter_lines":
            assert [line async for line in response.iter_lines()]
        else:
            assert await getattr(response, way)()
    assert_counted(telemetry, model_server)


@pytest.mark.needs("chat.completions.with_streaming_response")
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_a_streaming_response_left_unread(
    telemetry: Telemetry, client: openai.OpenAI, stream: bool
) -> None:
    """A body that the program does not read is not read by us, and the call was abandoned."""
    with client.chat.completions.with_streaming_response.create(**CHAT, stream=stream) as response:
        assert response.http_response.num_bytes_downloaded == 0
    assert not response.http_response.is_stream_consumed
    assert telemetry.attributes["callspan.outcome"] == "abandoned"


@pytest.mark.needs("chat.completions.with_streaming_response")
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
async def test_a_streaming_response_left_unread_async(
    telemetry: Telemetry, async_client: openai.AsyncOpenAI, stream: bool
) -> None:
    """The same in asynchronous code."""
    async with async_client.chat.completions.with_streaming_response.create(
        **CHAT, stream=stream
    ) as response:
        assert response.http_response.num_bytes_downloaded == 0
    assert not response.http_response.is_stream_consumed
    assert telemetry.attributes["callspan.outcome"] == "abandoned"


# --- helpers -------------------------------------------------------------------------------------------------------


class Flower(pydantic.BaseModel):
    """What the model is to answer."""

    name: str
    days: int


PARSED = Reply(text='{"name":"rose","days":9}')


@pytest.mark.needs("chat.completions.parse")
def test_parsed_answers(telemetry: Telemetry, program: Program, model_server: ModelServer) -> None:
    """`parse()` gives the model's object, in one span, without a warning of pydantic's."""
    model_server.enqueue(PARSED)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = program.ask("chat.completions.parse", **CHAT, response_format=Flower)
    assert answer.choices[0].message.parsed == Flower(name="rose", days=9)
    assert telemetry.attributes["gen_ai.output.type"] == "json"
    assert_counted(telemetry, model_server)


@pytest.mark.needs("responses.parse")
def test_parsed_answers_of_responses(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """The same of the responses API."""
    model_server.enqueue(PARSED)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = program.ask(
            "responses.parse", model=MODEL, input="Which flower?", text_format=Flower
        )
    assert answer.output_parsed == Flower(name="rose", days=9)
    assert telemetry.attributes["gen_ai.output.type"] == "json"
    assert_counted(telemetry, model_server)


def assert_ended(telemetry: Telemetry, server: ModelServer, way: str) -> None:
    """One span: abandoned if the helper was left, else completed with the tokens that the server told."""
    if way == "leave":
        assert telemetry.attributes["callspan.outcome"] == "abandoned"
    else:
        assert_counted(telemetry, server)


USAGE: dict[str, Any] = {"stream_options": {"include_usage": True}}


@pytest.mark.needs("chat.completions.stream")
@pytest.mark.parametrize("way", ["events", "until_done", "get_final_completion", "leave"])
def test_the_stream_helper(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer, way: str
) -> None:
    """The stream helper keeps its type and its methods, and ends its one span in whatever way it is used."""
    with client.chat.completions.stream(**CHAT, **USAGE) as stream:
        assert type(stream).__name__ == "ChatCompletionStream"
        if way == "events":
            assert "content.done" in [event.type for event in stream]
        elif way == "until_done":
            assert stream.until_done() is stream
        elif way == "get_final_completion":
            assert stream.get_final_completion().choices[0].finish_reason == "stop"
    assert_ended(telemetry, model_server, way)


@pytest.mark.needs("chat.completions.stream")
@pytest.mark.parametrize("way", ["events", "until_done", "get_final_completion", "leave"])
async def test_the_stream_helper_async(
    telemetry: Telemetry, async_client: openai.AsyncOpenAI, model_server: ModelServer, way: str
) -> None:
    """The same in asynchronous code."""
    async with async_client.chat.completions.stream(**CHAT, **USAGE) as stream:
        assert type(stream).__name__ == "AsyncChatCompletionStream"
        if way == "events":
            assert "content.done" in [event.type async for event in stream]
        elif way == "until_done":
            assert await stream.until_done() is stream
        elif way == "get_final_completion":
            assert (await stream.get_final_completion()).choices[0].finish_reason == "stop"
    assert_ended(telemetry, model_server, way)


@pytest.mark.needs("chat.completions.stream")
def test_a_stream_helper_that_is_never_entered(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """A helper that is made and never entered asks nobody, so there is no call."""
    client.chat.completions.stream(**CHAT)
    assert (model_server.requests, telemetry.spans) == ([], [])
