"""LiteLLM's functions in the formats of Anthropic and Google: one span for each request, whoever makes it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

import callspan
from callspan.testing.modelserver import Counts, ModelServer, Reply
from frameworks.litellm.models import ASK, CLAUDE, GEMINI, MODELS, OPENAI, VLLM, Model, litellm
from frameworks.litellm.native import (
    PLAIN,
    STREAMED,
    Program,
    anthropic,
    needs_proxy,
    over,
    run,
    streaming,
)
from telemetry import Telemetry

ALL = [(name, program, "plain") for name, program in PLAIN.items()]
ALL += [(name, program, "stream") for name, program in STREAMED.items()]
PROGRAMS = pytest.mark.parametrize(
    ("name", "program", "mode"), ALL, ids=[f"{name} {mode}" for name, _program, mode in ALL]
)
LONG = Reply(text="roses " * 400)
CODES = {"anthropic": "rate_limit_error", "gcp.gemini": "RESOURCE_EXHAUSTED"}


@pytest.fixture(autouse=True)
def without_aiohttp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Older versions leave responses of aiohttp open where a stream is left, which then complain in a later test."""
    monkeypatch.setattr(litellm, "disable_aiohttp_transport", True)


def prepare(name: str, mode: str) -> None:
    """Skip what LiteLLM cannot do here."""
    if (
        mode == "stream" or "generate_content" in name
    ):  # whose plain function imports what its stream needs
        needs_proxy(name)


@PROGRAMS
def test_each_call_once(
    telemetry: Telemetry, model_server: ModelServer, name: str, program: Program, mode: str
) -> None:
    """One span with the place, the model, the provider's id and its tokens; one call in counters."""
    prepare(name, mode)
    with callspan.count_tokens() as count:
        answer = run(program, model_server)
    assert answer
    (span,) = telemetry.spans
    model = CLAUDE if "content" not in name and "interactions" not in name else GEMINI
    attributes = span.attributes
    assert attributes["gen_ai.provider.name"] == model.provider
    assert attributes["gen_ai.request.model"] == model.name.partition("/")[2]
    assert attributes["gen_ai.response.id"]
    assert attributes["gen_ai.response.finish_reasons"] in (("stop",), ("end_turn",), ("STOP",))
    assert attributes["server.port"] == model_server.port
    assert attributes["callspan.client.name"] == "litellm"
    assert attributes["callspan.framework.name"] == "litellm"
    assert attributes["callspan.outcome"] == "completed"
    assert attributes.get("gen_ai.request.stream", False) is (mode == "stream")
    total = model_server.ledger.total_told
    assert telemetry.tokens == {"input": total.input, "output": total.output}
    assert (count.calls, count.input, count.output) == (1, total.input, total.output)
    assert len(model_server.requests) == 1


@PROGRAMS
@pytest.mark.instrument(capture="span")
def test_content(
    telemetry: Telemetry, model_server: ModelServer, name: str, program: Program, mode: str
) -> None:
    """What was asked and what was answered, and the system's words, where content is captured."""
    prepare(name, mode)
    run(program, model_server)
    attributes = telemetry.attributes
    question, answer = (
        json.loads(attributes[f"gen_ai.{side}.messages"]) for side in ("input", "output")
    )
    assert question[0]["parts"][0]["content"] == ASK[0]["content"]
    assert answer[0]["parts"][0]["content"].startswith("You said")
    if "Be short." in json.dumps(
        model_server.requests[-1].json
    ):  # older versions lose it on the way
        assert "Be short." in attributes["gen_ai.system_instructions"]
    assert "sk-test-secret" not in telemetry.everything()


@PROGRAMS
def test_nothing_of_content_by_default(
    telemetry: Telemetry, model_server: ModelServer, name: str, program: Program, mode: str
) -> None:
    """Neither keys nor words leave the process unasked, also where a call fails with words of the app's."""
    prepare(name, mode)
    run(program, model_server)
    model_server.enqueue(Reply(status=400, error_message=ASK[0]["content"]))
    with pytest.raises(Exception, match="flowers"):
        run(program, model_server)
    assert len(telemetry.spans) == 2
    assert not any(
        secret in telemetry.everything() for secret in ("sk-test-secret", "flowers", "Be short")
    )


@PROGRAMS
def test_a_refusal(
    telemetry: Telemetry, model_server: ModelServer, name: str, program: Program, mode: str
) -> None:
    """The provider's own code and status."""
    prepare(name, mode)
    model_server.enqueue(Reply(status=429, retry_after=2))
    with pytest.raises(Exception, match=r".") as raised:
        run(program, model_server)
    assert not isinstance(raised.value, callspan.BudgetExceeded)
    attributes = telemetry.attributes
    assert attributes["callspan.outcome"] == "error"
    if not isinstance(
        raised.value, litellm.APIConnectionError
    ):  # as older versions call what they do not know
        assert attributes["http.response.status_code"] == 429
    assert attributes["error.type"] == CODES[attributes["gen_ai.provider.name"]]


@pytest.mark.parametrize("name", STREAMED)
def test_left_early(telemetry: Telemetry, model_server: ModelServer, name: str) -> None:
    """A stream whose reader leaves is abandoned, with what was known until then."""
    needs_proxy(name)
    gate = threading.Event()
    model_server.enqueue(Reply(gate=gate, gate_after=3))  # else all of it may come at once
    try:
        run(STREAMED[name], model_server, pieces=1)
    finally:
        gate.set()
    attributes = telemetry.attributes
    assert attributes["callspan.outcome"] == "abandoned"
    assert attributes["gen_ai.response.id"]


@pytest.mark.parametrize("name", ["anthropic_messages", "messages.acreate"])
def test_an_error_in_a_stream(telemetry: Telemetry, model_server: ModelServer, name: str) -> None:
    """LiteLLM passes an error on as one more event; the call has failed."""
    needs_proxy(name)
    model_server.enqueue(Reply(error_after=4))
    run(STREAMED[name], model_server)
    attributes = telemetry.attributes
    assert attributes["callspan.outcome"] == "error"
    assert attributes["error.type"] == "api_error"


@PROGRAMS
def test_a_call_too_many(
    telemetry: Telemetry, model_server: ModelServer, name: str, program: Program, mode: str
) -> None:
    """A budget refuses a call before it is sent, and the app gets the refusal itself."""
    prepare(name, mode)
    with callspan.budget(calls=1) as budget:
        run(program, model_server)
        with pytest.raises(callspan.BudgetExceeded) as caught:
            run(program, model_server)
    total = model_server.ledger.total_told
    assert caught.value.budget is budget
    assert (budget.spent["calls"], budget.spent["tokens"]) == (1, total.input + total.output)
    assert (len(model_server.requests), len(telemetry.spans)) == (1, 1)
    assert not any(budget._reserved.values())


@pytest.mark.parametrize("name", STREAMED)
def test_a_stream_is_stopped(telemetry: Telemetry, model_server: ModelServer, name: str) -> None:
    """A stream that says more than there is raises from its next step."""
    needs_proxy(name)
    model_server.enqueue(LONG)
    with callspan.budget(tokens=130) as budget, pytest.raises(callspan.BudgetExceeded):
        run(STREAMED[name], model_server)
    assert telemetry.attributes["error.type"].endswith("BudgetExceeded")
    assert not any(budget._reserved.values())


@pytest.mark.parametrize("mode", ["plain", "stream"])
def test_tokens_with_cache(telemetry: Telemetry, model_server: ModelServer, mode: str) -> None:
    """Anthropic states the parts of a prompt; all of them together are the input."""
    prepare("anthropic_messages", mode)
    model_server.enqueue(Reply(usage=Counts(input=1000, output=20, cached=600, cache_write=300)))
    run((PLAIN if mode == "plain" else STREAMED)["anthropic_messages"], model_server)
    attributes = telemetry.attributes
    assert attributes["gen_ai.usage.input_tokens"] == 1000
    assert attributes["gen_ai.usage.output_tokens"] == 20
    assert attributes["gen_ai.usage.cache_read.input_tokens"] == 600
    assert attributes["gen_ai.usage.cache_creation.input_tokens"] == 300


EVENTS = b"".join(
    b"event: %s\r\ndata: %s\r\n\r\n"
    % (event["type"].encode(), json.dumps(event, ensure_ascii=False).encode())
    for event in (
        {
            "type": "message_start",
            "message": {"id": "msg_1", "model": "claude-x", "usage": {"input_tokens": 9}},
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "Röschen "},
        },
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "blühen"},
        },
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"output_tokens": 5},
        },
        {"type": "message_stop"},
    )
)


class _Pieces(httpx.AsyncByteStream):
    """A body that comes in pieces of this size."""

    def __init__(self, body: bytes, size: int) -> None:
        self._pieces = [body[start : start + size] for start in range(0, len(body), size)]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


@pytest.mark.instrument(capture="span")
@pytest.mark.parametrize("cut", [0, 3], ids=["whole", "without its end"])
@pytest.mark.parametrize("size", [1, 7, 100, 5000])
def test_events_in_pieces(telemetry: Telemetry, size: int, cut: int) -> None:
    """LiteLLM passes the bytes on as they come: however they are cut, each event is read once."""
    needs_proxy("anthropic_messages")
    body = EVENTS[: len(EVENTS) - cut]
    client: Any = pytest.importorskip("litellm.llms.custom_httpx.http_handler").AsyncHTTPHandler()
    stream = httpx.Response(
        200, headers={"content-type": "text/event-stream"}, stream=_Pieces(body, size)
    )
    client.client = httpx.AsyncClient(transport=httpx.MockTransport(lambda _request: stream))

    async def read() -> bytes:
        options = {
            "model": CLAUDE.name,
            "messages": ASK,
            "max_tokens": 9,
            "stream": True,
            "api_key": "k",
        }
        answer = await litellm.anthropic_messages(client=client, **options)
        return b"".join([piece async for piece in answer])

    assert asyncio.run(read()) == body
    attributes = telemetry.attributes
    assert attributes["gen_ai.response.id"] == "msg_1"
    assert attributes["gen_ai.response.finish_reasons"] == ("end_turn",)
    assert telemetry.tokens == {"input": 9, "output": 5}
    (answer,) = json.loads(attributes["gen_ai.output.messages"])
    assert answer["parts"] == [{"type": "text", "content": "Röschen blühen"}]


@pytest.mark.parametrize("mode", ["plain", "stream"])
@pytest.mark.parametrize("model", [model for model in MODELS if model is not CLAUDE], ids=str)
def test_messages_of_other_providers(
    telemetry: Telemetry, model_server: ModelServer, model: Model, mode: str
) -> None:
    """LiteLLM translates Anthropic's format for others: the call inside is the only one."""
    if mode == "stream":
        needs_proxy("anthropic_messages")
    options = over(model, model_server, stream=mode == "stream")
    run(lambda _server: litellm.anthropic_messages(**options), model_server)
    _one_call(telemetry, model_server)


@pytest.mark.parametrize("model", [OPENAI, VLLM], ids=str)
def test_plain_messages_of_other_providers(
    telemetry: Telemetry, model_server: ModelServer, model: Model
) -> None:
    """So do the plain functions; of their streams some can be read by an asynchronous loop alone."""
    options = over(model, model_server)
    run(lambda _server: litellm.anthropic.messages.create(**options), model_server)
    _one_call(telemetry, model_server)


@pytest.mark.parametrize("model", [OPENAI, VLLM], ids=str)
@pytest.mark.parametrize(
    "function", ["generate_content", "agenerate_content", "agenerate_content_stream"]
)
def test_contents_of_other_providers(
    telemetry: Telemetry, model_server: ModelServer, model: Model, function: str
) -> None:
    """The same for Google's format."""
    contents = [{"role": "user", "parts": [{"text": "Flowers?"}]}]
    options = {"contents": contents, **model.at(model_server)}
    run(lambda _server: getattr(litellm.google_genai, function)(**options), model_server)
    _one_call(telemetry, model_server)


@pytest.mark.parametrize("mode", ["plain", "stream"])
@pytest.mark.parametrize("function", ["create", "acreate"])
def test_interactions_of_other_providers(
    telemetry: Telemetry, model_server: ModelServer, function: str, mode: str
) -> None:
    """And for interactions, which LiteLLM makes responses of."""
    options = {"input": "Flowers?", **OPENAI.at(model_server), "stream": mode == "stream"}
    run(lambda _server: getattr(litellm.interactions, function)(**options), model_server)
    _one_call(telemetry, model_server)


def _one_call(telemetry: Telemetry, model_server: ModelServer) -> None:
    (span,) = telemetry.spans
    assert span.attributes["callspan.outcome"] == "completed"
    assert len(model_server.requests) == 1
    total = model_server.ledger.total_told
    assert span.attributes.get("gen_ai.usage.input_tokens", total.input) == total.input
    assert span.attributes.get("gen_ai.usage.output_tokens", total.output) == total.output


def test_a_mock_answer_is_no_call(telemetry: Telemetry, model_server: ModelServer) -> None:
    """LiteLLM's own answers ask no model, and what it refuses is not sent."""
    run(
        lambda server: litellm.anthropic_messages(**anthropic(server), mock_response="Roses."),
        model_server,
    )
    with pytest.raises(ValueError, match="sync"):
        litellm.anthropic.messages.create(**anthropic(model_server))
    assert not telemetry.spans
    assert not model_server.requests


def test_the_kind_of_stream_stays(model_server: ModelServer) -> None:
    """What the app gets behaves as it does without us."""
    needs_proxy("anthropic_messages")

    async def kind() -> type:
        stream = await litellm.anthropic_messages(**streaming(anthropic(model_server)))
        async for _piece in stream:
            pass
        return stream.__class__

    bare = asyncio.run(kind())
    litellm.in_memory_llm_clients_cache.flush_cache()
    telemetry = Telemetry()
    telemetry.instrument()
    try:
        watched = asyncio.run(kind())
    finally:
        callspan.uninstrument()
        telemetry.shutdown()
    assert (watched.__name__, watched.__module__) == (bare.__name__, bare.__module__)
    assert issubclass(watched, bare)
