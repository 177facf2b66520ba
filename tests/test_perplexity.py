"""Perplexity's client: chats, agents, embeddings, and jobs that are no calls.

The answers are written from the classes of perplexityai 0.46; none was recorded.
"""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from scripted import ScriptedServer
from telemetry import Telemetry, counts

perplexity = pytest.importorskip("perplexity", reason="perplexityai is not installed")

HELLO: dict[str, Any] = {"model": "sonar", "messages": [{"role": "user", "content": "Hello"}]}
COST = {"input_tokens_cost": 0.001, "output_tokens_cost": 0.002, "total_cost": 0.008}
USAGE = {
    "prompt_tokens": 40,
    "completion_tokens": 25,
    "total_tokens": 65,
    "num_search_queries": 2,
    "search_context_size": "low",
    "cost": {**COST, "request_cost": 0.005},
}
ANSWER = {
    "id": "p-1",
    "model": "sonar",
    "created": 1_790_000_001,
    "object": "chat.completion",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "Roses."},
            "delta": {"role": "assistant", "content": ""},
        }
    ],
    "usage": USAGE,
}
EMBEDDED = {
    "object": "list",
    "model": "pplx-embed-v1-0.6b",
    "data": [{"index": 0, "embedding": base64.b64encode(bytes(1024)).decode()}],
    "usage": {"prompt_tokens": 3, "total_tokens": 3, "cost": {"total_cost": 1e-6}},
}
RESPONSE = {
    "id": "resp-1",
    "object": "response",
    "created_at": 1_790_000_001,
    "model": "openai/gpt-5.1",
    "status": "completed",
    "output": [
        {
            "type": "message",
            "id": "m-1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Roses.", "annotations": []}],
        }
    ],
    "usage": {
        "input_tokens": 100,
        "output_tokens": 7,
        "total_tokens": 107,
        "input_tokens_details": {"cache_read_input_tokens": 64, "cache_creation_input_tokens": 8},
        "tool_calls_details": {"search_web": {"invocation": 3}},
        "cost": {"currency": "USD", "total_cost": 0.02},
    },
}


def client_at(server: ScriptedServer, kind: str = "Perplexity") -> Any:
    """The client, which does not retry."""
    return getattr(perplexity, kind)(api_key="any", base_url=server.url, max_retries=0)


async def _await(answer: Any) -> Any:
    return await answer


@pytest.mark.instrument(cost=True)
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_chat(telemetry: Telemetry, scripted_server: ScriptedServer, asynchronous: bool) -> None:
    """An answer states its tokens and its whole cost, the fee of the request among it."""
    scripted_server.answer(ANSWER)

    kind = "AsyncPerplexity" if asynchronous else "Perplexity"
    answer = client_at(scripted_server, kind).chat.completions.create(**HELLO)
    if asynchronous:
        answer = asyncio.run(_await(answer))
    # on Python 3.10 the client leaves choices as plain data
    assert answer.model_dump()["choices"][0]["message"]["content"] == "Roses."
    attributes = telemetry.attributes
    assert (telemetry.span.name, attributes["gen_ai.provider.name"]) == ("chat sonar", "perplexity")
    assert telemetry.tokens == {"input": 40, "output": 25}
    assert attributes["callspan.cost.usd"] == pytest.approx(0.008)


@pytest.mark.instrument(request_usage=True)
def test_usage_is_not_asked_for(telemetry: Telemetry, scripted_server: ScriptedServer) -> None:
    """Each chunk of a stream has the counts so far, so the request is sent as the app made it."""
    piece = {"index": 0, "finish_reason": None, "delta": {"content": "Ro"}}
    early = {**ANSWER, "choices": [piece], "usage": {**USAGE, "completion_tokens": 1}}
    scripted_server.stream(early, {**ANSWER, "object": "chat.completion.done"})
    assert len(list(client_at(scripted_server).chat.completions.create(**HELLO, stream=True))) == 2
    assert scripted_server.bodies == [{**HELLO, "stream": True}]
    assert telemetry.tokens == {"input": 40, "output": 25}
    assert telemetry.attributes["gen_ai.response.finish_reasons"] == ("stop",)


@pytest.mark.parametrize(
    ("path", "model", "inputs"),
    [
        ("embeddings", "pplx-embed-v1-0.6b", ["a rose"]),
        ("contextualized_embeddings", "pplx-embed-context-v1-0.6b", [["a rose"]]),
    ],
)
def test_embeddings(
    telemetry: Telemetry, scripted_server: ScriptedServer, path: str, model: str, inputs: Any
) -> None:
    """Vectors have numbers of one byte or one bit, so their length is not told by their size."""
    scripted_server.answer(EMBEDDED)
    resource = getattr(client_at(scripted_server), path, None)
    if resource is None:
        pytest.skip("this version of the client makes no embeddings")
    resource.create(input=inputs, model=model)
    assert telemetry.span.name == f"embeddings {model}"
    assert telemetry.tokens == {"input": 3}
    assert "gen_ai.embeddings.dimension.count" not in telemetry.attributes


@pytest.mark.instrument(cost=True)
def test_agent(telemetry: Telemetry, scripted_server: ScriptedServer) -> None:
    """An agent's answer states what was cached and searched under names of its own."""
    scripted_server.answer(RESPONSE)
    client = client_at(scripted_server)
    if not hasattr(client, "responses"):
        pytest.skip("this version of the client has no agents")
    client.responses.create(model="openai/gpt-5.1", input="Which flowers?")
    assert counts(telemetry) == {
        "input_tokens": 100,
        "output_tokens": 7,
        "cache_read.input_tokens": 64,
        "cache_creation.input_tokens": 8,
    }
    assert telemetry.attributes["callspan.cost.usd"] == pytest.approx(0.02)
    assert telemetry.attributes["gen_ai.response.finish_reasons"] == ("stop",)


def test_agent_that_fails(telemetry: Telemetry, scripted_server: ScriptedServer) -> None:
    """The last event of a failed agent has the error in place of the response."""
    created = {"type": "response.created", "sequence_number": 0, "response": RESPONSE}
    error = {"message": "no", "type": "invalid_request", "code": "bad_tool"}
    failed = {"type": "response.failed", "sequence_number": 1, "error": error}
    scripted_server.stream(created, failed, named=True)
    client = client_at(scripted_server)
    if not hasattr(client, "responses"):
        pytest.skip("this version of the client has no agents")
    list(client.responses.create(model="sonar", input="Which flowers?", stream=True))
    assert telemetry.attributes["callspan.outcome"] == "error"
    assert telemetry.attributes["error.type"] == "bad_tool"


def test_job_is_no_call(telemetry: Telemetry, scripted_server: ScriptedServer) -> None:
    """A chat that is handed over for later is no call, nor is a search, which asks no model."""
    job = {"id": "j-1", "created_at": 1, "model": "sonar", "status": "CREATED"}
    scripted_server.answer(job)
    scripted_server.answer({"id": "s-1", "results": []})
    client = client_at(scripted_server)
    if not hasattr(client, "async_"):
        pytest.skip("this version of the client hands over no jobs")
    client.async_.chat.completions.create(request=HELLO)
    client.search.create(query="flowers")
    assert scripted_server.paths == ["/async/chat/completions", "/search"]
    assert not telemetry.spans
