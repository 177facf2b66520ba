"""OpenAI's client before servers that follow its API: what is their own is understood, or at least does no harm."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import openai
import pytest
import yaml

from callspan.formats.usage import read_usage
from clients import AsyncHttpClient, HttpClient, http
from conftest import PAYLOADS
from program import CHAT
from telemetry import Telemetry

SERVERS = yaml.safe_load((PAYLOADS / "compatible.yaml").read_text(encoding="utf-8"))
COUNTS = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read.input_tokens",
    "cache_write": "cache_creation.input_tokens",
    "reasoning": "reasoning.output_tokens",
}


def lines(events: list[Any]) -> bytes:
    """A stream of these events; one that is text already is a comment."""
    told = [
        event if isinstance(event, str) else f"data: {json.dumps(event)}"
        for event in [*events, "data: [DONE]"]
    ]
    return "\n\n".join([*told, ""]).encode()


class Body(http.SyncByteStream, http.AsyncByteStream):  # type: ignore[misc]
    """A body that arrives in two pieces."""

    def __init__(self, whole: bytes) -> None:
        self._pieces = whole[:99], whole[99:]

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


def answering(body: bytes, kind: str) -> Callable[[Any], Any]:
    """A server that has one answer."""
    return lambda request: http.Response(
        200, headers={"content-type": kind}, stream=Body(body), request=request
    )


def client_of(server: dict[str, Any], respond: Any) -> openai.OpenAI:
    """OpenAI's client, told of a server as its users tell it."""
    transport = HttpClient(transport=http.MockTransport(respond))
    headers = server.get("headers", {})
    return openai.OpenAI(
        base_url=server["url"], api_key="any", default_headers=headers, http_client=transport
    )


def whole(server: dict[str, Any]) -> None:
    """The answer as an object."""
    with client_of(
        server, answering(json.dumps(server["answer"]).encode(), "application/json")
    ) as client:
        assert client.chat.completions.create(**CHAT).choices[0].message.content == "Roses."


def streamed(server: dict[str, Any]) -> None:
    """The stream as chunks."""
    with client_of(server, answering(lines(server["stream"]), "text/event-stream")) as client:
        list(client.chat.completions.create(**CHAT, stream=True))


def by_lines(server: dict[str, Any]) -> None:
    """The stream as lines of text."""
    read_lines(server, lines(server["stream"]))


def read_lines(server: dict[str, Any], stream: bytes) -> None:
    """Some stream of a server as lines of text."""
    client = client_of(server, answering(stream, "text/event-stream"))
    with (
        client,
        client.chat.completions.with_streaming_response.create(**CHAT, stream=True) as response,
    ):
        list(response.iter_lines())


async def astreamed(server: dict[str, Any]) -> None:
    """The stream as chunks, in async code."""
    respond = answering(lines(server["stream"]), "text/event-stream")
    transport = AsyncHttpClient(transport=http.MockTransport(respond))
    headers = server.get("headers", {})
    async with openai.AsyncOpenAI(
        base_url=server["url"], api_key="any", default_headers=headers, http_client=transport
    ) as client:
        _ = [chunk async for chunk in await client.chat.completions.create(**CHAT, stream=True)]


def check(telemetry: Telemetry, server: dict[str, Any]) -> None:
    """The one span says what it should, and nothing that nobody has told."""
    told, attributes = server["told"], telemetry.attributes
    counts = {part: attributes.get(f"gen_ai.usage.{name}") for part, name in COUNTS.items()}
    assert {part: value for part, value in counts.items() if value is not None} == {
        part: value for part, value in told.items() if part in COUNTS
    }
    assert attributes["gen_ai.provider.name"] == server["provider"]
    assert attributes["gen_ai.response.model"] == server["answer"]["model"]
    assert attributes["gen_ai.response.id"] == server["answer"]["id"]
    assert attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert attributes["callspan.outcome"] == "completed"
    [message] = json.loads(attributes["gen_ai.output.messages"])
    thought = [{"type": "reasoning", "content": told["thought"]}] if "thought" in told else []
    assert sorted(message["parts"], key=lambda part: part["type"]) == [
        *thought,
        {"type": "text", "content": "Roses."},
    ]


by_server = pytest.mark.parametrize("server", SERVERS, ids=lambda server: server["server"])


@pytest.mark.instrument(capture="span")
@pytest.mark.parametrize("read", [whole, streamed, by_lines])
@by_server
def test_server(telemetry: Telemetry, server: dict[str, Any], read: Callable[[Any], None]) -> None:
    """However an answer is read, its tokens are whole: the input with what was cached, the output with reasoning."""
    read(server)
    check(telemetry, server)


@pytest.mark.instrument(capture="span")
@by_server
async def test_server_in_async_code(telemetry: Telemetry, server: dict[str, Any]) -> None:
    """The same in async code."""
    await astreamed(server)
    check(telemetry, server)


@by_server
def test_tokens_without_content(telemetry: Telemetry, server: dict[str, Any]) -> None:
    """Where nobody reads text, the tokens are the same."""
    streamed(server)
    assert telemetry.tokens == {side: server["told"][side] for side in ("input", "output")}


HEAD = {"id": "gen-1", "object": "chat.completion", "created": 1_790_000_001, "model": "m"}
ERROR = {
    "code": 502,
    "message": "The provider had an error.",
    "metadata": {"provider_name": "Anthropic"},
}
CUT = {"index": 0, "finish_reason": "error", "message": {"role": "assistant", "content": "Ro"}}
BROKEN = {
    "in place of choices": {"error": ERROR, "user_id": "u"},
    "beside a choice": {**HEAD, "error": ERROR, "choices": [CUT]},
    "in a choice": {**HEAD, "choices": [{**CUT, "error": ERROR}]},
}


@pytest.mark.parametrize("kind", BROKEN)
def test_failure_with_status_200(telemetry: Telemetry, kind: str) -> None:
    """A gateway that got an error half way says so in an answer that looks well."""
    body = json.dumps(BROKEN[kind]).encode()
    with client_of(SERVERS[0], answering(body, "application/json")) as client:
        client.chat.completions.create(**CHAT)
    assert telemetry.attributes["error.type"] == "502"
    assert telemetry.attributes["callspan.outcome"] == "error"


def test_failure_in_a_stream(telemetry: Telemetry) -> None:
    """The same half way through a stream, also where the app reads the lines by itself."""
    delta = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
    events = [SERVERS[0]["stream"][2], {**HEAD, "error": ERROR, "choices": [delta]}]
    read_lines(SERVERS[0], lines(events))
    assert telemetry.attributes["error.type"] == "502"


@pytest.mark.parametrize("kind", ["json", "event-stream"])
def test_body_that_is_there_already(telemetry: Telemetry, kind: str) -> None:
    """A body that something else has read before, such as a hook of the HTTP client's, says the same."""
    server, stream = SERVERS[0], kind == "event-stream"
    body = lines(server["stream"]) if stream else b"\n   \n" + json.dumps(server["answer"]).encode()
    headers = {"content-type": f"text/{kind}"}
    client = client_of(
        server, lambda request: http.Response(200, headers=headers, content=body, request=request)
    )
    with (
        client,
        client.chat.completions.with_streaming_response.create(**CHAT, stream=stream) as response,
    ):
        list(response.iter_lines())
    assert telemetry.tokens == {"input": 40, "output": 25}


def test_blanks_before_an_answer(telemetry: Telemetry) -> None:
    """OpenRouter sends blanks until it has the answer."""
    body = b"\n   \n" * 30 + json.dumps(SERVERS[0]["answer"]).encode()
    client = client_of(SERVERS[0], answering(body, "application/json"))
    with client, client.chat.completions.with_streaming_response.create(**CHAT) as response:
        list(response.iter_bytes())
    assert telemetry.tokens == {"input": 40, "output": 25}


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}, (9, 4)),
        ({"prompt_tokens": 9, "completion_tokens": 4}, (9, 4)),
        ({"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 9}, (9, 4)),
        ({"prompt_tokens": 9, "total_tokens": 9}, (9, None)),
        (
            {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 16, "reasoning_tokens": 3},
            (9, 7),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13, "reasoning_tokens": 3},
            (9, 4),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 21, "cached_tokens": 8},
            (17, 4),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13, "cached_tokens": 8},
            (9, 4),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13, "cached_tokens": 10},
            (19, 4),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 19, "cached_tokens": 8},
            (9, 10),
        ),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 4,
                "total_tokens": 24,
                "reasoning_tokens": 3,
                "cached_tokens": 8,
            },
            (17, 7),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 99, "reasoning_tokens": 3},
            (9, 4),
        ),
    ],
)
def test_what_totals_leave_out(
    stated: dict[str, int], expected: tuple[int | None, int | None]
) -> None:
    """What stands beside the totals is told by the numbers alone; what they cannot tell is left as it was stated."""
    found = read_usage(stated)
    assert found is not None
    assert (found.input, found.output) == expected


def test_older_llama_cpp(telemetry: Telemetry) -> None:
    """One that does not say what it had of the prompt already states the output only."""
    *events, last = next(server for server in SERVERS if server["server"] == "llama.cpp")["stream"]
    timings = {name: value for name, value in last["timings"].items() if name != "cache_n"}
    with client_of(
        SERVERS[0], answering(lines([*events, {**last, "timings": timings}]), "text/event-stream")
    ) as client:
        list(client.chat.completions.create(**CHAT, stream=True))
    assert telemetry.tokens == {"output": 25}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, "portkey"),
        ({"x-portkey-config": "pc-1"}, "portkey"),
        ({"x-portkey-provider": "my-own"}, "portkey"),
        ({"X-Portkey-Provider": "azure-openai"}, "azure.ai.openai"),
        ({"x-portkey-provider": "@bedrock"}, "aws.bedrock"),
    ],
)
@pytest.mark.breaks(
    "span.required", "Bedrock's guardrail id, which its OpenAI-compatible API does not have"
)
def test_portkey(telemetry: Telemetry, headers: dict[str, str], expected: str) -> None:
    """The provider is the one that the app has told the gateway; where it did not, the gateway."""
    server = {
        **next(server for server in SERVERS if server["server"] == "Portkey"),
        "headers": headers,
    }
    whole(server)
    assert telemetry.attributes["gen_ai.provider.name"] == expected
    assert telemetry.attributes["server.address"] == "api.portkey.ai"
