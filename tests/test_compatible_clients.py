"""Clients that Stainless made and that speak OpenAI's formats, with additions of their own."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from callspan.testing.modelserver import ModelServer, Reply
from clients import stainless_at
from telemetry import Telemetry

HELLO: dict[str, Any] = {"model": "flowers-8b", "messages": [{"role": "user", "content": "Hello"}]}
CLIENTS = {
    "groq": ("groq", "Groq", {}),
    "together": ("together", "Together", {}),
    "cerebras": ("cerebras.cloud.sdk", "Cerebras", {"warm_tcp_connection": False}),
    "fireworks": ("fireworks", "Fireworks", {}),
    "sambanova": ("sambanova", "SambaNova", {}),
    "perplexity": ("perplexity", "Perplexity", {"unversioned": True}),
}


@pytest.fixture(params=CLIENTS)
def name(request: pytest.FixtureRequest) -> str:
    """Each client by its name."""
    return request.param


def client_of(name: str, url: str) -> Any:
    """A client, speaking to the model server."""
    module, kind, options = CLIENTS[name]
    return stainless_at(module, kind, **options)(url)


def test_provider_is_the_clients_own(
    telemetry: Telemetry, model_server: ModelServer, name: str
) -> None:
    """Where the address says nothing, the provider is the one that the client was made for."""
    with client_of(name, model_server.url) as client:
        client.chat.completions.create(**HELLO)
    attributes = telemetry.attributes
    assert attributes["gen_ai.provider.name"] == name
    assert (attributes["gen_ai.operation.name"], attributes["server.address"]) == (
        "chat",
        "127.0.0.1",
    )
    assert (attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]) != (
        None,
        None,
    )


def test_parallel_calls(telemetry: Telemetry, model_server: ModelServer, name: str) -> None:
    """Calls of one asynchronous client that run at the same time have a span each."""
    module, kind, options = CLIENTS[name]

    async def both() -> None:
        async with stainless_at(module, f"Async{kind}", **options)(model_server.url) as client:
            await asyncio.gather(*(client.chat.completions.create(**HELLO) for _ in range(2)))

    asyncio.run(both())
    assert len(telemetry.spans) == 2


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_groq_states_its_counts_in_a_field_of_its_own(
    telemetry: Telemetry, model_server: ModelServer, payload: Any, stream: bool
) -> None:
    """The counts of a stream come in `x_groq`, without being asked for; those of an answer as usual."""
    model_server.enqueue(Reply(raw=payload("groq/chat_stream.sse" if stream else "groq/chat.json")))
    with client_of("groq", model_server.url) as client:
        answer = client.chat.completions.create(**HELLO, stream=stream)
        if stream:
            assert len(list(answer)) == 4
    attributes = telemetry.attributes
    usage = {key: value for key, value in attributes.items() if key.startswith("gen_ai.usage.")}
    assert usage == {
        "gen_ai.usage.input_tokens": 18,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 8,
    }
    assert attributes["gen_ai.response.model"] == "openai/gpt-oss-20b"
    assert attributes["gen_ai.response.finish_reasons"] == ("stop",)


@pytest.mark.instrument(capture="span")
def test_groq_thoughts(telemetry: Telemetry, model_server: ModelServer, payload: Any) -> None:
    """What a model thought is told as reasoning, beside its answer."""
    model_server.enqueue(Reply(raw=payload("groq/chat.json")))
    with client_of("groq", model_server.url) as client:
        client.chat.completions.create(**HELLO)
    said = telemetry.attributes["gen_ai.output.messages"]
    assert '"reasoning"' in said
    assert "User greets." in said


@pytest.mark.instrument(request_usage=True)
@pytest.mark.parametrize("name", sorted(CLIENTS.keys() - {"perplexity"}))
def test_usage_is_asked_for_and_hidden(
    telemetry: Telemetry, model_server: ModelServer, name: str
) -> None:
    """With `request_usage` a stream asks for its counts, and the app does not see the chunk that brings them."""
    with client_of(name, model_server.url) as client:
        chunks = list(client.chat.completions.create(**HELLO, stream=True))
    assert all(chunk.choices for chunk in chunks)
    assert telemetry.attributes["gen_ai.usage.input_tokens"] == model_server.ledger.total_told.input


def test_fireworks_speaks_anthropics_format_too(
    telemetry: Telemetry, model_server: ModelServer
) -> None:
    """Messages of Anthropic's kind, through Fireworks's client."""
    with client_of("fireworks", model_server.url) as client:
        if not hasattr(client, "messages"):
            pytest.skip("an old version of the client")
        client.messages.create(**HELLO, max_tokens=64)
    assert telemetry.attributes["gen_ai.provider.name"] == "fireworks"
    assert telemetry.attributes["gen_ai.response.finish_reasons"] == ("end_turn",)


RANKED: dict[str, Any] = {"model": "rank-8b", "query": "whisper", "documents": ["a rose", "a lily"]}
RANKS = {
    "object": "rerank",
    "id": "k-1",
    "model": "rank-8b-turbo",
    "results": [{"index": 1, "relevance_score": 0.9, "document": {"text": "a lily"}}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 0, "total_tokens": 9},
}


@pytest.mark.instrument(capture="span")
@pytest.mark.parametrize("kind", ["Together", "AsyncTogether"])
def test_together_reranks(telemetry: Telemetry, model_server: ModelServer, kind: str) -> None:
    """Reranking by Together is a call that reads tokens and writes none."""
    model_server.enqueue(Reply(raw=json.dumps(RANKS).encode()))
    client = stainless_at("together", kind)(model_server.url)
    if not hasattr(client, "rerank"):
        pytest.skip("this version of Together's client does not rerank")
    answer = client.rerank.create(**RANKED)
    if kind.startswith("Async"):
        answer = asyncio.run(answer)
    assert answer.results[0].index == 1
    attributes = telemetry.attributes
    assert telemetry.span.name == "rerank rank-8b"
    assert attributes["gen_ai.provider.name"] == "together"
    assert attributes["gen_ai.response.id"] == "k-1"
    assert telemetry.tokens == {"input": 9}
    assert "a rose" in attributes["gen_ai.input.messages"]
