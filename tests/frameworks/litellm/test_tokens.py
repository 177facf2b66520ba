"""Tokens as the provider has counted them, or none: LiteLLM counts by itself what nobody tells it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from callspan.testing.modelserver import Counts, ModelServer, Reply
from frameworks.litellm.models import ASK, CLAUDE, GEMINI, VLLM, Model, litellm
from telemetry import Telemetry

USAGE = {"stream": True, "stream_options": {"include_usage": True}}


def ask(model: Model, server: ModelServer, asynchronous: bool = False, **options: Any) -> Any:
    """What LiteLLM says of the tokens, to the end of a stream."""
    given = {"messages": ASK, **model.at(server, **options)}

    async def aread() -> Any:
        answer = await litellm.acompletion(**given)
        return [chunk async for chunk in answer][-1] if "stream" in options else answer

    if asynchronous:
        return getattr(asyncio.run(aread()), "usage", None)
    answer = litellm.completion(**given)
    return getattr(list(answer)[-1] if "stream" in options else answer, "usage", None)


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_a_stream_that_litellm_counts_itself(
    telemetry: Telemetry, model_server: ModelServer, asynchronous: bool
) -> None:
    """A server that does not count: the app is given LiteLLM's own count, and telemetry none."""
    model_server.enqueue(Reply(text="Roses and lilies.", usage=False))
    assert ask(VLLM, model_server, asynchronous, **USAGE).completion_tokens > 0
    assert "gen_ai.usage.input_tokens" not in telemetry.attributes
    assert not telemetry.tokens


def test_an_answer_without_counts(telemetry: Telemetry, model_server: ModelServer) -> None:
    """The same for an answer that is not streamed, in which unknown is written as zero."""
    model_server.enqueue(Reply(text="Roses and lilies.", usage=False))
    ask(VLLM, model_server)
    assert "gen_ai.usage.input_tokens" not in telemetry.attributes
    assert not telemetry.tokens


def test_embeddings_that_litellm_counts_itself(
    telemetry: Telemetry, model_server: ModelServer
) -> None:
    """Gemini does not say how many tokens it has read to embed them."""
    given = {**GEMINI.at(model_server), "model": "gemini/text-embedding-004"}
    answer = litellm.embedding(input=["Roses"], **given)
    assert answer.usage.prompt_tokens > 0
    assert telemetry.attributes["gen_ai.embeddings.dimension.count"] == len(
        answer.data[0]["embedding"]
    )
    assert not telemetry.tokens


def test_reasoning_that_litellm_counts_itself(
    telemetry: Telemetry, model_server: ModelServer
) -> None:
    """Anthropic does not say how much of its output was thinking; LiteLLM guesses it from the text."""
    said = [
        {"type": "thinking", "thinking": "Let me think about flowers.", "signature": "s"},
        {"type": "text", "text": "Roses."},
    ]
    answer = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": said,
        "stop_reason": "end_turn",
        "usage": {
            "input_tokens": 21,
            "cache_read_input_tokens": 1800,
            "cache_creation_input_tokens": 188,
            "output_tokens": 40,
        },
    }
    model_server.enqueue(Reply(raw=json.dumps(answer)))
    assert ask(CLAUDE, model_server).completion_tokens_details.reasoning_tokens > 0
    attributes = telemetry.attributes
    assert {
        name[13:]: value for name, value in attributes.items() if name.startswith("gen_ai.usage.")
    } == {
        "input_tokens": 2009,
        "output_tokens": 40,
        "cache_read.input_tokens": 1800,
        "cache_creation.input_tokens": 188,
    }
    assert attributes["gen_ai.response.id"] == "msg_1"


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_parts_that_the_provider_counts(
    telemetry: Telemetry, model_server: ModelServer, stream: bool
) -> None:
    """What was cached and what was reasoning, where the provider says it."""
    model_server.enqueue(Reply(text="Roses.", usage=Counts(100, 30, cached=64, reasoning=20)))
    ask(VLLM, model_server, **(USAGE if stream else {}))
    attributes = telemetry.attributes
    assert attributes["gen_ai.usage.cache_read.input_tokens"] == 64
    assert attributes["gen_ai.usage.reasoning.output_tokens"] == 20
    assert telemetry.tokens == {"input": 100, "output": 30}


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("model", [CLAUDE, GEMINI], ids=str)
def test_counts_that_litellm_keeps_from_the_app(
    telemetry: Telemetry, model_server: ModelServer, model: Model, asynchronous: bool
) -> None:
    """Providers that count without being asked do so in streams too, though LiteLLM does not show it."""
    assert ask(model, model_server, asynchronous, stream=True) is None
    total = model_server.ledger.total_told
    assert telemetry.tokens == {"input": total.input, "output": total.output}
