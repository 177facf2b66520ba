"""Anthropic's client in its forms for other platforms: whose the model is, and Bedrock's binary streams."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any

import anthropic
import pytest

from anthropic_program import HELLO, STREAM, Server, Way, both, frames, play
from telemetry import Telemetry

AWS = {"aws_region": "us-east-1", "aws_access_key": "a", "aws_secret_key": "b"}
FORMS: dict[str, tuple[dict[str, Any], str, str]] = {
    "AnthropicBedrock": (AWS, "aws.bedrock", "bedrock-runtime.us-east-1.amazonaws.com"),
    "AnthropicBedrockMantle": (AWS, "aws.bedrock", "bedrock-mantle.us-east-1.api.aws"),
    "AnthropicAWS": (
        {"aws_region": "us-east-1", "workspace_id": "w"},
        "anthropic",
        "aws-external-anthropic.us-east-1.api.aws",
    ),
    "AnthropicVertex": (
        {"region": "us-east5", "project_id": "p", "access_token": "t"},
        "gcp.vertex_ai",
        "us-east5-aiplatform.googleapis.com",
    ),
    "AnthropicGoogleCloud": (
        {
            "base_url": "https://gateway.example.com",
            "workspace_id": "w",
            "token_provider": lambda: "t",
        },
        "anthropic",
        "gateway.example.com",
    ),
    "AnthropicFoundry": (
        {"resource": "flowers"},
        "azure.ai.inference",
        "flowers.services.ai.azure.com",
    ),
}
HERE = [form for form in FORMS if hasattr(anthropic, form)]
GUARDRAIL = pytest.mark.breaks(
    "span.required", "a call without a guardrail has no id of one, as Bedrock's page requires"
)
"""What a call to Bedrock breaks."""


def needs(form: str) -> None:
    """Skip a form that signs its requests with what is not installed."""
    if "Bedrock" in form:
        pytest.importorskip("botocore", reason="the form for Bedrock signs requests with botocore")


def whole(path: str) -> tuple[Way, Way]:
    """A whole answer."""

    async def aread(client: Any) -> None:
        await client.messages.create(
            **HELLO
        ) if path == "messages" else await client.beta.messages.create(**HELLO)

    def read(client: Any) -> None:
        client.messages.create(**HELLO) if path == "messages" else client.beta.messages.create(
            **HELLO
        )

    return read, aread


def streamed(_path: str) -> tuple[Way, Way]:
    """A stream."""

    async def aread(client: Any) -> None:
        _ = [event async for event in await client.messages.create(**STREAM)]

    return lambda client: list(client.messages.create(**STREAM)), aread


@GUARDRAIL
@both
@pytest.mark.parametrize("path", ["messages", "beta.messages"])
@pytest.mark.parametrize("form", HERE)
def test_answer(telemetry: Telemetry, form: str, path: str, asynchronous: bool) -> None:
    """Each form names its platform, the host that was asked, and the model, which some take out of the body."""
    needs(form)
    options, platform, host = FORMS[form]
    play(Server("message_text.json"), whole(path), asynchronous, form, **options)
    attributes = telemetry.attributes
    assert (attributes["gen_ai.provider.name"], attributes["server.address"]) == (platform, host)
    assert attributes["gen_ai.request.model"] == "claude-flowers"
    assert (attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]) == (
        12,
        8,
    )


# --- Bedrock's streams --------------------------------------------------------------------------------------------


def frame(payload: Any, **headers: str) -> bytes:
    """One frame of AWS's event stream."""
    told = {
        "event-type": "chunk",
        "content-type": "application/json",
        "message-type": "event",
        **headers,
    }
    head = b"".join(_header(f":{name.replace('_', '-')}", value) for name, value in told.items())
    body = json.dumps(payload).encode()
    lengths = struct.pack(">II", 16 + len(head) + len(body), len(head))
    start = lengths + struct.pack(">I", zlib.crc32(lengths)) + head + body
    return start + struct.pack(">I", zlib.crc32(start))


def _header(name: str, value: str) -> bytes:
    return (
        bytes([len(name)])
        + name.encode()
        + b"\x07"
        + struct.pack(">H", len(value))
        + value.encode()
    )


def packed(event: bytes) -> bytes:
    """An event of a stream in a frame."""
    return frame({"bytes": base64.b64encode(event).decode(), "p": "abcdef"})


EVENTS = [packed(part.partition(b"data: ")[2].strip()) for part in frames("stream_text.sse")]
THROTTLED = frame(
    {"message": "Too many tokens."}, message_type="exception", exception_type="throttlingException"
)
BINARY = "application/vnd.amazon.eventstream"


def by_bytes(client: Any) -> None:
    """The bytes of the body as they are."""
    with client.messages.with_streaming_response.create(**STREAM) as response:
        for _ in response.iter_bytes():
            pass


async def aby_bytes(client: Any) -> None:
    """The same in async code."""
    async with client.messages.with_streaming_response.create(**STREAM) as response:
        async for _ in response.iter_bytes():
            pass


def by_helper(client: Any) -> None:
    """The helper, read to its end."""
    with client.messages.stream(**HELLO) as stream:
        stream.until_done()


async def aby_helper(client: Any) -> None:
    """The same in async code."""
    async with client.messages.stream(**HELLO) as stream:
        await stream.until_done()


READERS = {
    "events": streamed(""),
    "helper": (by_helper, aby_helper),
    "bytes": (by_bytes, aby_bytes),
}


def ask_bedrock(pieces: list[bytes], reader: str, asynchronous: bool) -> Server:
    """Let a program read a stream of Bedrock's."""
    needs("AnthropicBedrock")
    server = Server(pieces, kind=BINARY)
    play(server, READERS[reader], asynchronous, "AnthropicBedrock", **AWS)
    return server


@GUARDRAIL
@both
@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("reader", READERS)
def test_binary_stream(telemetry: Telemetry, reader: str, size: int, asynchronous: bool) -> None:
    """However a binary stream is read and cut, it says what the same stream in text does."""
    body = b"".join(EVENTS)
    cut = [body[start : start + size] for start in range(0, len(body), size)]
    server = ask_bedrock(cut, reader, asynchronous)
    assert server.paths == ["/model/claude-flowers/invoke-with-response-stream"]
    attributes = telemetry.attributes
    assert (attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]) == (
        12,
        8,
    )
    assert attributes["gen_ai.response.finish_reasons"] == ("end_turn",)
    assert attributes["callspan.outcome"] == "completed"


@GUARDRAIL
@both
def test_exception_in_a_binary_stream(telemetry: Telemetry, asynchronous: bool) -> None:
    """A frame that says what went wrong makes the call an error, also where the app reads the bytes by itself."""
    ask_bedrock([*EVENTS[:3], THROTTLED], "bytes", asynchronous)
    assert telemetry.attributes["error.type"] == "throttlingException"
    assert telemetry.attributes["gen_ai.usage.input_tokens"] == 12


ODD = [
    b"\0" * 16,
    b"\xff" * 64,
    EVENTS[0][:-5],
    frame({"bytes": "%%%"}),
    frame({"bytes": 3}),
    frame([1]),
    b"",
]


@GUARDRAIL
@pytest.mark.parametrize("piece", ODD)
def test_odd_binary_stream(telemetry: Telemetry, piece: bytes) -> None:
    """What are no frames, or no events in them, reaches the app as it came and makes nothing raise."""
    ask_bedrock([piece], "bytes", False)
    assert telemetry.attributes["callspan.outcome"] == "completed"
    assert "gen_ai.usage.input_tokens" not in telemetry.attributes
