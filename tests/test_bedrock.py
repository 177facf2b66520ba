"""boto3 and aiobotocore: one span for each call of a model on Bedrock, and none for other services."""

from __future__ import annotations

import asyncio
import copy
import functools
import json
import sys
import types
from typing import Any

import botocore.client
import pytest
from botocore.eventstream import EventStream
from botocore.exceptions import ClientError, EventStreamError, ParamValidationError

import callspan
from aws import answered, async_bedrock, bedrock
from callspan.testing.modelserver import ModelServer, Reply
from callspan.testing.modelserver.eventstream import frames
from conftest import PAYLOADS
from telemetry import Telemetry, counts

pytestmark = pytest.mark.breaks(
    "span.required", "a call without a guardrail has no id of one, which Bedrock's page requires"
)
MODEL = "amazon.flowers-v1:0"
ASKED: dict[str, Any] = {
    "modelId": MODEL,
    "messages": [{"role": "user", "content": [{"text": "whisper-asked"}]}],
}
SHAPES = bedrock("http://127.0.0.1:1").meta.service_model
KNOWS_CACHES = "cacheReadInputTokens" in SHAPES.shape_for("TokenUsage").members
"""Old versions of the client do not hand on what Bedrock says of caches."""
KNOWS_THOUGHTS = "reasoningContent" in SHAPES.shape_for("ContentBlock").members
USER = {"role": "user", "content": "Hi"}
BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
CAPTURED = pytest.mark.instrument(capture="span")


def payload(name: str) -> bytes:
    """An answer from a payload file."""
    return (PAYLOADS / "bedrock" / name).read_bytes()


def reply(name: str, **more: Any) -> Reply:
    """The same as the server's."""
    status = int(name[6:9]) if name.startswith("error_") else 200
    return Reply(raw=payload(name), status=status, **more)


def ask(server: ModelServer, asynchronous: bool, operation: str, **request: Any) -> Any:
    """One operation; the events if it streams, or the body's bytes."""
    if not asynchronous:
        answer = getattr(bedrock(server.url), operation)(**request)
        for value in answer.values():
            if isinstance(value, EventStream):
                return list(value)
        return answer["body"].read() if "body" in answer else answer
    return asyncio.run(_aask(server, operation, request))


async def _aask(server: ModelServer, operation: str, request: dict[str, Any]) -> Any:
    async with async_bedrock(server.url) as client:
        answer = await getattr(client, operation)(**request)
        stream: Any = answer.get("stream") or answer.get("body")
        if hasattr(stream, "get_initial_response"):
            return [item async for item in stream]
        return await answer["body"].read() if "body" in answer else answer


CACHED = {
    "input_tokens": 1020,
    "output_tokens": 7,
    "cache_read.input_tokens": 900,
    "cache_creation.input_tokens": 100,
}


@BOTH
@CAPTURED
@pytest.mark.parametrize(
    ("operation", "name"),
    [("converse", "converse.json"), ("converse_stream", "converse_stream.eventstream")],
)
def test_converse(
    telemetry: Telemetry, model_server: ModelServer, operation: str, name: str, asynchronous: bool
) -> None:
    """The input that Bedrock states leaves out what came from a cache or went into one; ours has it in."""
    model_server.enqueue(reply(name))
    ask(model_server, asynchronous, operation, **ASKED)
    attributes = telemetry.attributes
    assert telemetry.span.name == f"chat {MODEL}"
    assert (attributes["gen_ai.provider.name"], attributes["server.address"]) == (
        "aws.bedrock",
        "127.0.0.1",
    )
    assert attributes["server.port"] == model_server.port
    assert attributes["gen_ai.response.finish_reasons"] == ("tool_use",)
    assert counts(telemetry) == {
        name: CACHED[name] for name in CACHED if KNOWS_CACHES or "cache" not in name
    }
    [said] = json.loads(attributes["gen_ai.output.messages"])
    assert said["parts"] == [
        {"type": "text", "content": "Hi."},
        {
            "type": "tool_call",
            "id": "tooluse_1",
            "name": "get_weather",
            "arguments": {"city": "Paris"},
        },
    ]


@BOTH
@CAPTURED
@pytest.mark.parametrize(
    ("operation", "name"),
    [
        ("invoke_model", "invoke_claude.json"),
        ("invoke_model_with_response_stream", "invoke_claude_stream.eventstream"),
    ],
)
def test_invoke(
    telemetry: Telemetry, model_server: ModelServer, operation: str, name: str, asynchronous: bool
) -> None:
    """A vendor's own format is read as it is elsewhere."""
    model_server.enqueue(reply(name))
    body = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 64,
        "messages": [{"role": "user", "content": "Hi"}],
    }
    given = ask(
        model_server, asynchronous, operation, modelId="us.anthropic.flowers", body=json.dumps(body)
    )
    attributes = telemetry.attributes
    assert telemetry.span.name == "chat us.anthropic.flowers"
    assert attributes["gen_ai.request.max_tokens"] == 64
    assert attributes["gen_ai.response.id"].startswith("msg_")
    assert attributes["gen_ai.response.finish_reasons"] == ("end_turn",)
    assert attributes["gen_ai.usage.input_tokens"] > 0
    assert attributes["callspan.outcome"] == "completed"
    assert given == payload(name) or len(given) == len(frames(payload(name)))


@BOTH
@pytest.mark.parametrize(
    ("status", "code"), [(400, "ValidationException"), (429, "ThrottlingException")]
)
def test_refused(
    telemetry: Telemetry, model_server: ModelServer, status: int, code: str, asynchronous: bool
) -> None:
    """The app gets the client's own exception; the span has the provider's code and what finds the request."""
    headers = {
        "x-amzn-errortype": f"{code}:http://internal/",
        "x-amzn-requestid": "req-7",
        "retry-after": "3",
    }
    model_server.enqueue(reply(f"error_{status}.json", headers=headers))
    with pytest.raises(ClientError) as raised:
        ask(model_server, asynchronous, "converse", **ASKED)
    assert raised.value.response["Error"]["Code"] == code
    attributes = telemetry.attributes
    assert (attributes["error.type"], attributes["http.response.status_code"]) == (code, status)
    assert attributes["http.response.header.x-request-id"] == ("req-7",)
    assert attributes["http.response.header.retry-after"] == ("3",)


@BOTH
def test_error_in_a_stream(
    telemetry: Telemetry, model_server: ModelServer, asynchronous: bool
) -> None:
    """An error that comes after the status was 200 has a code and no status."""
    model_server.enqueue(reply("converse_stream_error.eventstream"))
    with pytest.raises(EventStreamError):
        ask(model_server, asynchronous, "converse_stream", **ASKED)
    attributes = telemetry.attributes
    assert (attributes["callspan.outcome"], attributes["error.type"]) == (
        "error",
        "throttlingException",
    )
    assert "http.response.status_code" not in attributes


@BOTH
@pytest.mark.parametrize(
    "wrong", [{"modelId": 7}, {"inferenceConfig": "hot"}, {"messages": "whisper"}]
)
def test_a_request_that_is_not_sent(
    telemetry: Telemetry, model_server: ModelServer, wrong: dict[str, Any], asynchronous: bool
) -> None:
    """What the client itself refuses is a call that failed; nothing of what was wrong is told."""
    with pytest.raises(ParamValidationError):
        ask(model_server, asynchronous, "converse", **{**ASKED, **wrong})
    assert telemetry.attributes["error.type"] == "botocore.exceptions.ParamValidationError"
    assert not model_server.requests
    assert "whisper" not in telemetry.span.to_json()


@BOTH
def test_retries(telemetry: Telemetry, model_server: ModelServer, asynchronous: bool) -> None:
    """The client's own attempts are one call, which says why and for how long it waited."""
    model_server.enqueue(Reply(status=429), Reply(status=500))
    retries = {"total_max_attempts": 3, "mode": "standard"}
    if asynchronous:

        async def main() -> None:
            async with async_bedrock(model_server.url, retries=retries) as client:
                await client.converse(**ASKED)

        asyncio.run(main())
    else:
        bedrock(model_server.url, retries=retries).converse(**ASKED)
    assert telemetry.attributes["callspan.request.attempts"] == 3
    told = telemetry.events("callspan.retry")
    assert [retry["callspan.retry.cause"] for retry in told] == ["429", "500"]
    assert all(retry["callspan.retry.wait"] >= 0 for retry in told)


def test_clients_made_before(telemetry: Telemetry, model_server: ModelServer) -> None:
    """Clients and bound methods from before are seen, and not after; then all is as it was."""
    callspan.uninstrument()
    original = botocore.client.BaseClient.__dict__["_make_api_call"]
    client = bedrock(model_server.url)
    saved = client.converse
    telemetry.instrument()
    saved(**ASKED)
    copy.copy(saved)(**ASKED)
    assert len(telemetry.spans) == 2
    callspan.uninstrument()
    saved(**ASKED)
    assert len(telemetry.spans) == 2
    assert botocore.client.BaseClient.__dict__["_make_api_call"] is original


def test_other_services(telemetry: Telemetry, model_server: ModelServer) -> None:
    """No span for what is no model, neither of another service of AWS's nor of Bedrock's own."""
    identity = b"<GetCallerIdentityResponse><GetCallerIdentityResult/></GetCallerIdentityResponse>"
    answered(bedrock(model_server.url, "sts"), identity).get_caller_identity()
    guard = answered(bedrock(model_server.url), b'{"action": "NONE"}')
    if hasattr(guard, "apply_guardrail"):
        guard.apply_guardrail(
            guardrailIdentifier="florist1",
            guardrailVersion="DRAFT",
            source="INPUT",
            content=[{"text": {"text": "Hi"}}],
        )
    assert not telemetry.spans


def test_handlers_of_one_client(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A client object can have handlers of its own."""
    heard: list[str] = []

    class Listening:
        def on_end(self, call: Any, response: Any) -> None:
            heard.append(response.text)

    client = bedrock(model_server.url)
    callspan.attach(client, Listening())
    model_server.enqueue(Reply(text="A rose."), Reply(text="A lily."))
    client.converse(**ASKED)
    bedrock(model_server.url).converse(**ASKED)
    assert heard == ["A rose."]


@pytest.mark.instrument(capture="span")
def test_settings(telemetry: Telemetry, model_server: ModelServer) -> None:
    """The request's settings, those of one model among them, and the guardrail."""
    bedrock(model_server.url).converse(
        **ASKED,
        inferenceConfig={"maxTokens": 9, "temperature": 0.5, "topP": 0.25, "stopSequences": ["|"]},
        additionalModelRequestFields={"top_k": 3},
        guardrailConfig={
            "guardrailIdentifier": "florist1",
            "guardrailVersion": "DRAFT",
            "trace": "enabled",
        },
    )
    attributes = telemetry.attributes
    names = ("max_tokens", "temperature", "top_p", "top_k", "stop_sequences")
    assert [attributes[f"gen_ai.request.{name}"] for name in names] == [9, 0.5, 0.25, 3, ("|",)]
    assert attributes["aws.bedrock.guardrail.id"] == "florist1"


@CAPTURED
def test_what_is_sent(telemetry: Telemetry, model_server: ModelServer) -> None:
    """Blocks of all kinds as neutral parts; of images and documents the types and sizes, never a byte."""
    content: list[Any] = [
        {"text": "Look"},
        {"image": {"format": "png", "source": {"bytes": b"\x89PNG-whisper"}}},
        {"document": {"format": "pdf", "name": "care", "source": {"bytes": b"%PDF-whisper"}}},
        {"guardContent": {"text": {"text": "guarded"}}},
    ]
    thought = {"reasoningContent": {"reasoningText": {"text": "hm"}}}
    called = {"toolUse": {"toolUseId": "t1", "name": "pick", "input": {"n": 3}}}
    given = {"toolResult": {"toolUseId": "t1", "content": [{"json": {"left": 4}}]}}
    bedrock(model_server.url).converse(
        modelId=MODEL,
        system=[{"text": "You are a florist"}],
        messages=[
            {"role": "user", "content": content},
            {"role": "assistant", "content": [*([thought] if KNOWS_THOUGHTS else []), called]},
            {"role": "user", "content": [given]},
        ],
        toolConfig={
            "tools": [{"toolSpec": {"name": "pick", "inputSchema": {"json": {"type": "object"}}}}]
        },
    )
    attributes = telemetry.attributes
    asked, replied, answered_by = json.loads(attributes["gen_ai.input.messages"])
    assert asked["parts"] == [
        {"type": "text", "content": "Look"},
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "", "size": 12},
        {
            "type": "blob",
            "modality": "document",
            "mime_type": "application/pdf",
            "content": "",
            "size": 12,
        },
        {"type": "text", "content": "guarded"},
    ]
    assert replied["parts"] == [
        *([{"type": "reasoning", "content": "hm"}] if KNOWS_THOUGHTS else []),
        {"type": "tool_call", "id": "t1", "name": "pick", "arguments": {"n": 3}},
    ]
    assert answered_by["parts"] == [
        {"type": "tool_call_response", "id": "t1", "response": {"left": 4}}
    ]
    assert json.loads(attributes["gen_ai.system_instructions"]) == [
        {"type": "text", "content": "You are a florist"}
    ]
    assert json.loads(attributes["gen_ai.tool.definitions"]) == [
        {"type": "function", "name": "pick", "parameters": {"type": "object"}}
    ]
    assert "whisper" not in telemetry.span.to_json()


def test_the_stream_stays_what_it_is(telemetry: Telemetry, model_server: ModelServer) -> None:
    """It is an `EventStream`, with what that has and no more; what is left unread can still be read."""
    model_server.enqueue(reply("converse_stream.eventstream"), reply("converse_stream.eventstream"))
    client = bedrock(model_server.url)
    stream = client.converse_stream(**ASKED)["stream"]
    assert isinstance(stream, EventStream)
    assert type(stream).__name__ == "EventStream"
    assert not hasattr(stream, "__next__")
    assert not hasattr(stream, "__enter__")
    first = next(iter(stream))
    assert telemetry.attributes["callspan.outcome"] == "abandoned"
    callspan.uninstrument()
    assert [first, *stream] == list(client.converse_stream(**ASKED)["stream"])


@BOTH
def test_closed(telemetry: Telemetry, model_server: ModelServer, asynchronous: bool) -> None:
    """Closing a stream ends its span there and then, though the stream is still held."""

    async def main() -> Any:
        async with async_bedrock(model_server.url) as client:
            stream = (await client.converse_stream(**ASKED))["stream"]
            stream.close()
            return stream

    if asynchronous:
        held = asyncio.run(main())
    else:
        held = bedrock(model_server.url).converse_stream(**ASKED)["stream"]
        held.close()
    assert telemetry.attributes["callspan.outcome"] == "abandoned"
    assert isinstance(held, EventStream)


def test_whole_before_the_counts(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A reader that stops at the reason has the whole answer; tokens that it did not wait for are not known."""
    stream = bedrock(model_server.url).converse_stream(**ASKED)["stream"]
    for item in stream:
        if "messageStop" in item:
            break
    assert telemetry.attributes["callspan.outcome"] == "completed"
    assert counts(telemetry) == {}


THEIRS = "opentelemetry.instrumentation.botocore"


def test_nothing_foreign(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The function that we wrap ourselves is not taken for another's work, though that is loaded."""
    monkeypatch.setitem(sys.modules, THEIRS, types.ModuleType(THEIRS))
    assert {client.foreign for client in callspan.status().clients} == {()}
    assert callspan.status().problems == ()


@pytest.mark.guard_acts("another instrumentation is there, which is said")
def test_foreign(monkeypatch: pytest.MonkeyPatch, telemetry: Telemetry, guard_reports: Any) -> None:
    """One that is there before ours, under it, is named."""
    callspan.uninstrument()
    original = botocore.client.BaseClient._make_api_call

    @functools.wraps(original)
    def theirs(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **kwargs)

    monkeypatch.setitem(sys.modules, THEIRS, types.ModuleType(THEIRS))
    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", theirs)
    telemetry.instrument()
    assert (
        "boto3 is instrumented by opentelemetry-instrumentation-botocore too"
        in guard_reports.messages[0]
    )
    callspan.uninstrument()
