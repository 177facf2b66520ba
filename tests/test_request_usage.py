"""What goes out: byte for byte what the app wrote, unless it is asked to ask for token counts."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

import callspan
from callspan.testing.modelserver import ModelServer
from clients import async_openai_client, openai_client
from program import CHAT, Program
from telemetry import Telemetry

pytestmark = pytest.mark.needs("chat.completions.create:stream_options")
REQUESTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "streamed": {"stream": True},
    "with_usage": {"stream": True, "stream_options": {"include_usage": True}},
    "without_usage": {"stream": True, "stream_options": {"include_usage": False}},
    "extra": {
        "stream": True,
        "extra_body": {"mine": [1, {"a": None}]},
        "temperature": 0,
        "max_tokens": None,
    },
    "umlauts": {"messages": [{"role": "user", "content": "Blümchen 花 \U0001f339"}]},
}
IGNORED = ("host", "x-stainless-retry-count")

HELPER = pytest.param("helper", marks=pytest.mark.needs("chat.completions.stream"))


def sent(server: ModelServer) -> list[Any]:
    """Method, path, query, headers and body of what the server has got, and forget it."""
    found = [
        (
            request.method,
            request.path,
            request.query,
            {name: value for name, value in request.headers.items() if name not in IGNORED},
            request.raw,
        )
        for request in server.requests
    ]
    server.requests.clear()
    return found


def ask(program: Program, request: dict[str, Any]) -> Any:
    """A plain or a streamed call."""
    return program.stream(**request) if request.get("stream") else program.chat(**request)


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_requests_keep_their_bytes(
    telemetry: Telemetry, program: Program, model_server: ModelServer, request_: dict[str, Any]
) -> None:
    """By default a request goes out byte for byte, and with the headers, with which it would without us."""
    telemetry.instrument(capture="both")
    ask(program, request_)
    with_us = sent(model_server)
    callspan.uninstrument()
    ask(program, request_)
    assert with_us == sent(model_server)


# --- asked for -------------------------------------------------------------------------------------------------------


def chosen(server: ModelServer) -> Any:
    """The stream options that the server has got."""
    return json.loads(server.requests[-1].raw).get("stream_options")


def looks(chunks: list[Any]) -> list[str]:
    """Chunks as the app sees them, but for the `usage: null` that the provider adds once it is asked."""
    return [chunk.model_dump_json(exclude={"usage"}) for chunk in chunks]


@pytest.mark.instrument(request_usage=True)
def test_asked(telemetry: Telemetry, program: Program, model_server: ModelServer) -> None:
    """The stream asks for usage, the app sees the chunks that it would have seen, and the span has the counts."""
    chunks = program.stream()
    assert chosen(model_server) == {"include_usage": True}
    total = model_server.ledger.total_told
    assert telemetry.tokens == {"input": total.input, "output": total.output}
    assert telemetry.attributes["callspan.usage.source"] == "requested"
    assert telemetry.attributes["callspan.outcome"] == "completed"
    callspan.uninstrument()
    model_server.requests.clear()
    assert looks(chunks) == looks(program.stream())
    assert all(chunk.choices for chunk in chunks)


@pytest.mark.instrument(request_usage=True)
def test_asked_not_by_us(telemetry: Telemetry, program: Program, model_server: ModelServer) -> None:
    """An app that asks for itself gets its own chunk with the usage, which is the provider's."""
    chunks = program.stream(stream_options={"include_usage": True})
    assert chunks[-1].usage is not None
    assert chunks[-1].choices == []
    assert "callspan.usage.source" not in telemetry.attributes


@pytest.mark.instrument(request_usage=True)
def test_refused_by_the_app(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """An app that has said no is not overruled."""
    program.stream(stream_options={"include_usage": False})
    assert chosen(model_server) == {"include_usage": False}
    assert telemetry.tokens == {}


@pytest.mark.instrument(request_usage=True)
def test_asked_by_extra_body(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """An app that asks in its `extra_body` gets its own chunk with the usage too."""
    chunks = program.stream(extra_body={"stream_options": {"include_usage": True}})
    assert chunks[-1].usage is not None
    assert chunks[-1].choices == []
    assert "callspan.usage.source" not in telemetry.attributes


@pytest.mark.instrument(request_usage=True)
def test_refused_by_extra_body(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """An app that says no in its `extra_body` is not overruled."""
    program.stream(extra_body={"stream_options": {"include_usage": False}})
    assert chosen(model_server) == {"include_usage": False}
    assert telemetry.tokens == {}


@pytest.mark.instrument(request_usage=True)
def test_extra_body_stays(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """An app's `extra_body` is sent as it is, with the counts asked for beside it."""
    options = {"stream_options": {"include_obfuscation": False}, "top_k": 5}
    chunks = program.stream(extra_body=options)
    assert chosen(model_server) == {"include_obfuscation": False, "include_usage": True}
    assert json.loads(model_server.requests[-1].raw)["top_k"] == 5
    assert all(chunk.choices for chunk in chunks)
    assert telemetry.attributes["callspan.usage.source"] == "requested"


@pytest.mark.instrument(request_usage=True)
def test_other_options_stay(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """Other stream options stay as they are."""
    program.stream(stream_options={"include_obfuscation": False})
    assert chosen(model_server) == {"include_obfuscation": False, "include_usage": True}


@pytest.mark.instrument(request_usage=True)
@pytest.mark.parametrize("path", ["chat.completions.create", "completions.create"])
def test_plain_calls_are_left_alone(
    telemetry: Telemetry, program: Program, model_server: ModelServer, path: str
) -> None:
    """A call that is not streamed gets no stream options, which some servers refuse."""
    program.ask(
        path, **(CHAT if "chat" in path else {"model": "gpt-3.5-turbo-instruct", "prompt": "roses"})
    )
    assert chosen(model_server) is None


@pytest.mark.needs("responses")
@pytest.mark.instrument(request_usage=True)
def test_other_endpoints(telemetry: Telemetry, program: Program, model_server: ModelServer) -> None:
    """Completions ask in the same way; the responses API always tells and is not asked."""
    program.read("completions.create", model="gpt-3.5-turbo-instruct", prompt="roses")
    assert chosen(model_server) == {"include_usage": True}
    assert telemetry.attributes["callspan.usage.source"] == "requested"
    telemetry.clear()
    program.read("responses.create", model="gpt-4.1", input="roses")
    assert chosen(model_server) is None
    assert "callspan.usage.source" not in telemetry.attributes


@pytest.mark.instrument(request_usage=True)
@pytest.mark.parametrize("way", ["next", "raw", "streaming_raw", HELPER, "with"])
def test_hidden_in_every_way(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer, way: str
) -> None:
    """The extra chunk is hidden, and counted, in whatever way the stream is read."""
    create = client.chat.completions
    if way == "next":
        stream = create.create(**CHAT, stream=True)
        chunks = []
        while (chunk := next(stream, None)) is not None:
            chunks.append(chunk)
    elif way == "raw":
        chunks = list(create.with_raw_response.create(**CHAT, stream=True).parse())
    elif way == "streaming_raw":
        with create.with_streaming_response.create(**CHAT, stream=True) as response:
            chunks = list(response.parse())
    elif way == "helper":
        with create.stream(**CHAT) as helper:
            chunks = [event.chunk for event in helper if event.type == "chunk"]
            assert helper.get_final_completion().choices[0].message.content
    else:
        with create.create(**CHAT, stream=True) as stream:
            chunks = list(stream)
    assert all(chunk.choices for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"
    total = model_server.ledger.total_told
    assert total.output
    assert telemetry.tokens == {"input": total.input, "output": total.output}


@pytest.mark.instrument(request_usage=True)
@pytest.mark.parametrize("way", ["raw", HELPER, "with"])
async def test_hidden_in_every_way_async(
    telemetry: Telemetry, model_server: ModelServer, way: str
) -> None:
    """The same in asynchronous code."""
    async with async_openai_client(model_server.url) as client:
        create = client.chat.completions
        if way == "raw":
            chunks = [
                c
                async for c in (await create.with_raw_response.create(**CHAT, stream=True)).parse()
            ]
        elif way == "helper":
            async with create.stream(**CHAT) as helper:
                chunks = [event.chunk async for event in helper if event.type == "chunk"]
        else:
            async with await create.create(**CHAT, stream=True) as stream:
                chunks = [chunk async for chunk in stream]
    assert all(chunk.choices for chunk in chunks)
    total = model_server.ledger.total_told
    assert telemetry.tokens == {"input": total.input, "output": total.output}


@pytest.mark.instrument(request_usage=True)
def test_the_request_of_the_app_is_not_changed(
    telemetry: Telemetry, model_server: ModelServer
) -> None:
    """What the app passed stays as it was, so that it can pass it again."""
    options: dict[str, Any] = {"include_obfuscation": False}
    request = {**CHAT, "stream": True, "stream_options": options}
    with openai_client(model_server.url) as client:
        list(client.chat.completions.create(**request))
    assert options == {"include_obfuscation": False}
