"""xAI's client before a gRPC server on loopback: whole answers, streams, batches, errors, and its own spans.

The answers are made of the client's own messages; none was recorded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import pytest

import callspan
from telemetry import Telemetry, counts

xai_sdk = pytest.importorskip("xai_sdk", reason="xai-sdk is not installed")
grpc = pytest.importorskip("grpc", reason="grpcio is not installed")
from xai_sdk.chat import system, user  # noqa: E402  only where it is installed
from xai_sdk.proto import chat_pb2, chat_pb2_grpc, sample_pb2, usage_pb2  # noqa: E402

MODEL = "grok-flowers"
USAGE: dict[str, Any] = {
    "prompt_tokens": 40,
    "completion_tokens": 5,
    "reasoning_tokens": 20,
    "total_tokens": 65,
    "prompt_text_tokens": 40,
    "cached_prompt_text_tokens": 32,
    "server_side_tools_used": [usage_pb2.SERVER_SIDE_TOOL_WEB_SEARCH] * 2,
}
STATES_COST = "cost_in_usd_ticks" in usage_pb2.SamplingUsage.DESCRIPTOR.fields_by_name
"""Whether the messages of this version have a place for the cost."""
if STATES_COST:
    USAGE["cost_in_usd_ticks"] = 50_000_000
STOP = sample_pb2.FinishReason.REASON_STOP
ASSISTANT = chat_pb2.MessageRole.ROLE_ASSISTANT
HEAD: dict[str, Any] = {"id": "x-1", "model": "grok-flowers-2026"}


def _output(index: int) -> Any:
    message = chat_pb2.CompletionMessage(content="Roses.", role=ASSISTANT)
    return chat_pb2.CompletionOutput(index=index, finish_reason=STOP, message=message)


def _chunk(text: str, finish: Any = None, **more: Any) -> Any:
    delta = chat_pb2.Delta(content=text, role=ASSISTANT)
    output = chat_pb2.CompletionOutputChunk(index=0, delta=delta, finish_reason=finish)
    return chat_pb2.GetChatCompletionChunk(outputs=[output], **HEAD, **more)


class _Chat(chat_pb2_grpc.ChatServicer):
    """Answers each request with roses, or refuses it."""

    def __init__(self) -> None:
        self.refusal: Any = None
        self.error_after: int | None = None

    def GetCompletion(self, request: Any, context: Any) -> Any:
        if self.refusal:
            context.abort(self.refusal, "no roses")
        outputs = [_output(index) for index in range(request.n)]
        usage = usage_pb2.SamplingUsage(**USAGE)
        return chat_pb2.GetChatCompletionResponse(outputs=outputs, usage=usage, **HEAD)

    def GetCompletionChunk(self, _request: Any, context: Any) -> Iterator[Any]:
        chunks = [
            _chunk("Ro"),
            _chunk("ses."),
            _chunk("", STOP, usage=usage_pb2.SamplingUsage(**USAGE)),
        ]
        for number, chunk in enumerate(chunks):
            if number == self.error_after:
                context.abort(grpc.StatusCode.UNAVAILABLE, "no more roses")
            yield chunk


@pytest.fixture
def server() -> Iterator[tuple[str, _Chat]]:
    """The server's address, and what it answers."""
    chat = _Chat()
    grpc_server = grpc.server(futures.ThreadPoolExecutor(2))
    chat_pb2_grpc.add_ChatServicer_to_server(chat, grpc_server)
    port = grpc_server.add_insecure_port("127.0.0.1:0")
    grpc_server.start()
    yield f"127.0.0.1:{port}", chat
    grpc_server.stop(None).wait()


def make(host: str, asynchronous: bool) -> Any:
    """A client object, which does not retry."""
    kind = xai_sdk.AsyncClient if asynchronous else xai_sdk.Client
    options = [("grpc.enable_retries", 0)]
    return kind(
        api_key="any", api_host=host, use_insecure_channel=True, channel_options=options, timeout=20
    )


def ask(host: str, asynchronous: bool, name: str = "sample", *args: Any, most: int = 9) -> Any:
    """One method of a chat; of a stream at most so many items."""

    def chat_of(client: Any) -> Any:
        messages = [system("You sell flowers."), user("Which last longest?")]
        return client.chat.create(model=MODEL, messages=messages, temperature=0.7, max_tokens=64)

    if not asynchronous:
        with make(host, False) as client:
            result = getattr(chat_of(client), name)(*args)
            if not name.startswith("stream"):
                return result
            return [item for item, _ in zip(result, range(most), strict=False)]

    async def aask() -> Any:
        async with make(host, True) as client:
            result = getattr(chat_of(client), name)(*args)
            if not name.startswith("stream"):
                return await result
            chunks: list[Any] = []
            async for item in result:
                chunks.append(item)
                if len(chunks) == most:
                    break
            return chunks

    return asyncio.run(aask())


BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


@BOTH
@pytest.mark.instrument(capture="span")
@pytest.mark.parametrize("name", ["sample", "stream"])
def test_what_an_answer_states(
    telemetry: Telemetry, server: tuple[str, _Chat], name: str, asynchronous: bool
) -> None:
    """Settings, server, texts, and counts with their parts."""
    host, _ = server
    result = ask(host, asynchronous, name)
    response = result[-1][0] if name == "stream" else result
    assert response.content == "Roses."
    attributes = telemetry.attributes
    assert telemetry.span.name == f"chat {MODEL}"
    assert attributes["gen_ai.provider.name"] == "x_ai"
    assert f"{attributes['server.address']}:{attributes['server.port']}" == host
    assert attributes["gen_ai.request.temperature"] == 0.7
    assert attributes["gen_ai.response.model"] == "grok-flowers-2026"
    assert attributes["gen_ai.response.finish_reasons"] == ("REASON_STOP",)
    assert counts(telemetry) == {
        "input_tokens": 40,
        "output_tokens": 25,
        "cache_read.input_tokens": 32,
        "reasoning.output_tokens": 20,
        "text.input_tokens": 40,
    }
    assert "You sell flowers." in str(dict(attributes))
    assert "Roses." in attributes["gen_ai.output.messages"]


@pytest.mark.skipif(not STATES_COST, reason="this version of the client states no cost")
@pytest.mark.instrument(cost=True)
@pytest.mark.parametrize("name", ["sample", "stream"])
def test_cost(telemetry: Telemetry, server: tuple[str, _Chat], name: str) -> None:
    """The cost is the one that xAI states, in ticks."""
    ask(server[0], False, name)
    assert telemetry.attributes["callspan.cost.usd"] == pytest.approx(0.005)


@BOTH
@pytest.mark.parametrize("name", ["sample_batch", "stream_batch"])
def test_batch(
    telemetry: Telemetry, server: tuple[str, _Chat], name: str, asynchronous: bool
) -> None:
    """Several answers of one request are one call with its counts once."""
    host, _ = server
    ask(host, asynchronous, name, 2)
    attributes = telemetry.attributes
    assert attributes["gen_ai.request.choice.count"] == 2
    assert telemetry.tokens == {"input": 40, "output": 25}


@BOTH
def test_stream_that_is_left(
    telemetry: Telemetry, server: tuple[str, _Chat], asynchronous: bool
) -> None:
    """A stream that its reader leaves is abandoned."""
    host, _ = server
    assert len(ask(host, asynchronous, "stream", most=1)) == 1
    assert callspan.flush()
    assert telemetry.attributes["callspan.outcome"] == "abandoned"


@BOTH
@pytest.mark.parametrize("name", ["sample", "stream"])
def test_refusal(
    telemetry: Telemetry, server: tuple[str, _Chat], name: str, asynchronous: bool
) -> None:
    """A refused call has gRPC's code; the app gets the client's own exception."""
    host, chat = server
    chat.refusal, chat.error_after = grpc.StatusCode.UNAUTHENTICATED, 0
    with pytest.raises(grpc.RpcError):
        ask(host, asynchronous, name)
    attributes = telemetry.attributes
    code = "UNAUTHENTICATED" if name == "sample" else "UNAVAILABLE"
    assert (attributes["callspan.outcome"], attributes["error.type"]) == ("error", code)


@BOTH
def test_stream_that_breaks(
    telemetry: Telemetry, server: tuple[str, _Chat], asynchronous: bool
) -> None:
    """An error in a stream ends the call with what was answered so far."""
    host, chat = server
    chat.error_after = 2
    with pytest.raises(grpc.RpcError):
        ask(host, asynchronous, "stream")
    assert telemetry.attributes["error.type"] == "UNAVAILABLE"
    assert telemetry.attributes["gen_ai.response.id"] == "x-1"


@BOTH
@pytest.mark.parametrize("name", ["sample", "stream"])
def test_own_spans(
    telemetry: Telemetry,
    server: tuple[str, _Chat],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    asynchronous: bool,
) -> None:
    """The client's own span gives way to ours, unless it is to be kept."""
    host, _ = server
    for kind in ("sync", "aio"):
        monkeypatch.setattr(f"xai_sdk.{kind}.chat.tracer", telemetry.tracer)
    names: dict[str, list[str]] = {}
    for on_native in ("mute", "keep"):
        before = len(telemetry.all_spans)
        telemetry.instrument(on_native=on_native)
        ask(host, asynchronous, name)
        callspan.uninstrument()
        names[on_native] = sorted(span.name for span in telemetry.all_spans[before:])
    assert names == {"mute": [f"chat {MODEL}"], "keep": [f"chat {MODEL}", f"chat.{name} {MODEL}"]}
