"""One span for each real call of a model, whoever makes the request (what the server has counted decides)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import openai
import pytest

import callspan
from callspan.testing.modelserver import ModelServer, Reply
from frameworks.litellm.models import ASK, CLAUDE, GEMINI, MODELS, OPENAI, VLLM, Model, litellm
from telemetry import Telemetry

USAGE = {"stream": True, "stream_options": {"include_usage": True}}
Given = dict[str, Any]


def _embedding(model: Model) -> str:
    return f"{model.name.partition('/')[0]}/text-embedding-3-small"


def _all(stream: Any) -> list[Any]:
    return list(stream)


async def _aall(coming: Any) -> list[Any]:
    return [item async for item in await coming]


async def _in_a_loop(given: Given) -> Any:
    return litellm.completion(messages=ASK, **given)


async def _together(given: Given) -> Any:
    return await asyncio.gather(*(litellm.acompletion(messages=ASK, **given) for _ in range(3)))


PROGRAMS: dict[str, Callable[[Given], Any]] = {
    "completion": lambda given: litellm.completion(messages=ASK, **given),
    "acompletion": lambda given: litellm.acompletion(messages=ASK, **given),
    "by position": lambda given: litellm.completion(given.pop("model"), ASK, **given),
    "stream": lambda given: _all(litellm.completion(messages=ASK, **USAGE, **given)),
    "astream": lambda given: _aall(litellm.acompletion(messages=ASK, **USAGE, **given)),
    "text": lambda given: litellm.text_completion(prompt="Flowers:", **given),
    "atext": lambda given: litellm.atext_completion(prompt="Flowers:", **given),
    "text stream": lambda given: _all(
        litellm.text_completion(prompt="Flowers:", stream=True, **given)
    ),
    "batch": lambda given: litellm.batch_completion(messages=[ASK, ASK], **given),
    "in a loop": _in_a_loop,
    "together": _together,
    "responses": lambda given: litellm.responses(input="Flowers?", **given),
    "aresponses": lambda given: litellm.aresponses(input="Flowers?", **given),
    "responses stream": lambda given: _all(
        litellm.responses(input="Flowers?", stream=True, **given)
    ),
    "aresponses stream": lambda given: _aall(
        litellm.aresponses(input="Flowers?", stream=True, **given)
    ),
}


def played(program: Callable[[Given], Any], given: Given) -> Any:
    """What a program gives, on an event loop of its own where it needs one."""
    found = program(given)
    return asyncio.run(found) if asyncio.iscoroutine(found) else found


def told(telemetry: Telemetry, server: ModelServer) -> list[Any]:
    """The spans, once they are as many as the requests, and their tokens those that the server has told."""
    spans, counts = telemetry.spans, server.ledger.total_told
    assert len(spans) == len(server.requests)
    assert telemetry.tokens == {
        k: n for k, n in (("input", counts.input), ("output", counts.output)) if n
    }
    return spans


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_each_call_once(
    telemetry: Telemetry, model_server: ModelServer, model: Model, name: str
) -> None:
    """Whatever LiteLLM makes the request with, each is one span, which says where it went and that it was LiteLLM's."""
    if "responses" in name and not hasattr(litellm, "responses"):
        pytest.skip("LiteLLM of this age has no responses")
    with callspan.count_tokens() as count:
        played(PROGRAMS[name], model.at(model_server))
    spans = told(telemetry, model_server)
    assert spans
    for span in spans:
        found = span.attributes
        assert found["callspan.framework.name"] == "litellm"
        assert found["server.port"] == model_server.port
        assert found["gen_ai.request.model"] == model.name.partition("/")[2]
        assert found["gen_ai.response.finish_reasons"] == ("stop",)
        if (
            found["callspan.client.name"] == "litellm"
        ):  # OpenAI's client does not know who stands behind an address
            assert found["gen_ai.provider.name"] == model.provider
    assert count.calls == len(spans)


@pytest.mark.parametrize("model", [OPENAI, VLLM], ids=str)
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_embeddings(
    telemetry: Telemetry, model_server: ModelServer, model: Model, asynchronous: bool
) -> None:
    """Embeddings give input tokens and dimensions."""
    ask = litellm.aembedding if asynchronous else litellm.embedding
    given = {**model.at(model_server), "model": _embedding(model), "input": ["Roses", "Lilies"]}
    played(lambda _: ask(**given), {})
    (span,) = told(telemetry, model_server)
    assert span.name == "embeddings text-embedding-3-small"
    assert span.attributes["gen_ai.embeddings.dimension.count"] > 0


@pytest.mark.parametrize("model", [OPENAI, CLAUDE], ids=str)
def test_what_asks_no_model_is_no_call(
    telemetry: Telemetry, model_server: ModelServer, model: Model
) -> None:
    """Mock answers, whole or streamed or failing, and calls that LiteLLM refuses before it sends anything."""
    given = model.at(model_server)
    litellm.completion(messages=ASK, mock_response="Roses.", **given)
    _all(litellm.completion(messages=ASK, mock_response="Roses.", stream=True, **given))
    asyncio.run(litellm.acompletion(messages=ASK, mock_response="Roses.", **given))
    with pytest.raises(litellm.RateLimitError):
        litellm.completion(messages=ASK, mock_response="litellm.RateLimitError", **given)
    with pytest.raises(litellm.BadRequestError):
        litellm.completion("nobody-knows-this-model", ASK)
    assert not telemetry.spans
    assert not telemetry.tokens


@pytest.mark.parametrize("model", [OPENAI, CLAUDE], ids=str)
def test_a_cached_answer_is_no_call(
    telemetry: Telemetry, model_server: ModelServer, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What LiteLLM's cache knows was not asked of a model."""
    monkeypatch.setattr(litellm, "cache", litellm.Cache())
    given = model.at(model_server, caching=True)
    litellm.completion(messages=ASK, **given)
    with contextlib.suppress(
        ImportError
    ):  # a hit wants packages of LiteLLM's proxy in some versions
        litellm.completion(messages=ASK, **given)
    assert len(model_server.requests) == 1
    told(telemetry, model_server)


def test_a_direct_call_is_not_litellms(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A client that the app itself calls, between the chunks of LiteLLM's stream, has a span of its own."""
    with openai.OpenAI(base_url=model_server.url, api_key="sk-test-secret") as client:
        for number, _chunk in enumerate(
            litellm.completion(messages=ASK, **USAGE, **GEMINI.at(model_server))
        ):
            if number == 0:
                client.chat.completions.create(model="gpt-4.1-mini", messages=ASK)  # type: ignore[arg-type]
    direct, own = told(telemetry, model_server)
    assert "callspan.framework.name" not in direct.attributes
    assert own.attributes["callspan.client.name"] == "litellm"


@pytest.mark.parametrize("name", ["completion", "acompletion", "stream", "astream"])
def test_clients_that_nobody_watches(model_server: ModelServer, name: str) -> None:
    """With OpenAI's client unwatched, LiteLLM tells of what it asks by it."""
    telemetry = Telemetry()
    telemetry.instrument(clients=["litellm"])
    try:
        played(PROGRAMS[name], OPENAI.at(model_server))
        (span,) = told(telemetry, model_server)
    finally:
        callspan.uninstrument()
        telemetry.shutdown()
    assert span.attributes["callspan.client.name"] == "litellm"
    assert span.attributes["gen_ai.response.id"] == "chatcmpl-000001"


class OwnProvider(litellm.CustomLLM):
    """A provider of the app's, which asks OpenAI's client; its stream does so only when it is first read."""

    def __init__(self, server: ModelServer) -> None:
        super().__init__()
        self._client = openai.OpenAI(base_url=server.url, api_key="sk-test-secret")

    def completion(self, *_args: Any, **_given: Any) -> Any:
        answer: Any = self._client.chat.completions.create(model="gpt-4.1-mini", messages=ASK)  # type: ignore[arg-type]
        return litellm.ModelResponse(**answer.model_dump())

    def streaming(self, *_args: Any, **_given: Any) -> Any:
        request: Any = {"model": "gpt-4.1-mini", "messages": ASK, **USAGE}
        for chunk in self._client.chat.completions.create(**request):
            for choice in chunk.choices:
                yield _piece(choice.delta.content or "")
        yield _piece("", "stop")  # older versions read no further than this


def _piece(text: str, finish: str = "") -> Given:
    """A chunk as LiteLLM wants it of such a provider."""
    ends = {"is_finished": bool(finish), "finish_reason": finish}
    return {"text": text, **ends, "usage": None, "index": 0, "tool_use": None}


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_provider_of_the_apps_own(
    telemetry: Telemetry, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    """What such a provider asks of a client that is watched is told by that client alone."""
    monkeypatch.setattr(
        litellm,
        "custom_provider_map",
        [{"provider": "own", "custom_handler": OwnProvider(model_server)}],
    )
    found = litellm.completion("own/model", ASK, stream=stream)
    if stream:
        _all(found)
    (span,) = told(telemetry, model_server)
    assert (
        span.attributes["callspan.client.name"],
        span.attributes["callspan.framework.name"],
    ) == (
        "openai",
        "litellm",
    )


def test_a_slow_answer_is_cancelled(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A call that its task gives up is a cancelled one."""

    async def program() -> None:
        model_server.enqueue(Reply(delay=20))
        task = asyncio.ensure_future(litellm.acompletion(messages=ASK, **CLAUDE.at(model_server)))
        while not model_server.requests:
            await asyncio.sleep(0.002)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(program())
    assert telemetry.attributes["callspan.outcome"] == "cancelled"
