"""Tokens, section C of the list of what the package must survive."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

import callspan
from callspan.testing.modelserver import Counts, ModelServer, Reply
from clients import anthropic_at
from program import CHAT, HELLO, WITH_USAGE, Program
from telemetry import Telemetry
from wire import HEAD, chunk, completion, says, sse

STATED = {
    "prompt_tokens": 100,
    "completion_tokens": 50,
    "total_tokens": 150,
    "prompt_tokens_details": {"cached_tokens": 80},
    "completion_tokens_details": {"reasoning_tokens": 30},
}


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_token_counts_of_openai(
    telemetry: Telemetry, program: Program, model_server: ModelServer, stream: bool
) -> None:
    """Input includes what was cached, output what was reasoned, and both subsets are told beside them."""
    model_server.enqueue(
        sse(chunk(says({"content": "Roses."}, finish="stop")), chunk(usage=STATED))
        if stream
        else completion(STATED)
    )
    with callspan.count_tokens() as count:
        program.stream(**WITH_USAGE) if stream else program.chat()
    usage = {
        name: value
        for name, value in telemetry.attributes.items()
        if name.startswith("gen_ai.usage")
    }
    assert usage == {
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 50,
        "gen_ai.usage.cache_read.input_tokens": 80,
        "gen_ai.usage.reasoning.output_tokens": 30,
    }
    assert telemetry.tokens == {"input": 100, "output": 50}
    assert telemetry.points("callspan.client.cache_read_tokens")[0]["value"] == 80
    assert telemetry.points("callspan.client.reasoning_tokens")[0]["value"] == 30
    assert (count.input, count.output, count.cached, count.reasoning, count.total) == (
        100,
        50,
        80,
        30,
        150,
    )


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_token_counts_of_anthropic(
    telemetry: Telemetry, model_server: ModelServer, stream: bool
) -> None:
    """Anthropic states the input without what came from a cache or went into one; ours, and the total, have it in."""
    model_server.enqueue(Reply(usage=Counts(input=1210, output=5, cached=1000, cache_write=200)))
    request = {"model": "claude-9", "max_tokens": 9, "messages": HELLO, "stream": stream}
    with callspan.count_tokens() as count, anthropic_at(model_server.url) as client:
        answer = client.messages.create(**request)
        [first, *_] = (
            [event.message for event in answer if event.type == "message_start"]
            if stream
            else [answer]
        )
    assert first.usage.input_tokens == 10
    usage = {
        name: value
        for name, value in telemetry.attributes.items()
        if name.startswith("gen_ai.usage")
    }
    assert usage == {
        "gen_ai.usage.input_tokens": 1210,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.cache_read.input_tokens": 1000,
        "gen_ai.usage.cache_creation.input_tokens": 200,
    }
    assert telemetry.tokens == {"input": 1210, "output": 5}
    assert (count.input, count.output, count.cached, count.total) == (1210, 5, 1000, 1215)


@pytest.mark.parametrize(
    "usage",
    [
        {},
        {"prompt_tokens": None, "completion_tokens": None},
        {"prompt_tokens": "9", "completion_tokens": [4]},
        {"prompt_tokens": -1, "completion_tokens": True},
    ],
    ids=["empty", "null", "no_numbers", "no_counts"],
)
def test_usage_of_odd_types(
    telemetry: Telemetry, program: Program, model_server: ModelServer, usage: Any
) -> None:
    """What is no count is not counted."""
    model_server.enqueue(completion(usage))
    program.chat()
    assert not [name for name in telemetry.attributes if name.startswith("gen_ai.usage")]
    assert telemetry.tokens == {}


def test_zero_is_a_count(telemetry: Telemetry, program: Program, model_server: ModelServer) -> None:
    """A count of 0 was stated, so it is reported; details of 0 say nothing."""
    model_server.enqueue(Reply(text="Roses.", usage=Counts(0, 0)))
    program.chat()
    usage = {
        name: value
        for name, value in telemetry.attributes.items()
        if name.startswith("gen_ai.usage")
    }
    assert usage == {"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0}


EMBED: dict[str, Any] = {"model": "text-embedding-3-small", "input": "roses"}


@pytest.mark.parametrize(
    "more",
    [
        {"encoding_format": "float"},
        {"encoding_format": "base64"},
        {},
        {"input": [[1, 2, 3]]},
        {"input": ["a", "b"]},
    ],
    ids=["float", "base64", "default", "token_ids", "batch"],
)
def test_token_counts_of_embeddings(
    telemetry: Telemetry,
    capture: str,
    program: Program,
    model_server: ModelServer,
    more: dict[str, Any],
) -> None:
    """Embeddings have input tokens and no output tokens, and the vector is nowhere in the telemetry."""
    answer = program.ask("embeddings.create", **{**EMBED, **more})
    total = model_server.ledger.total_told
    assert telemetry.span.name == "embeddings text-embedding-3-small"
    assert telemetry.attributes["gen_ai.usage.input_tokens"] == total.input
    assert "gen_ai.usage.output_tokens" not in telemetry.attributes
    assert telemetry.tokens == {"input": total.input}
    vector = answer.data[0].embedding
    assert (
        vector[:40] if isinstance(vector, str) else ", ".join(map(str, vector[:3]))
    ) not in telemetry.everything()


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
async def test_calls_of_azure_name_deployment_and_model(
    telemetry: Telemetry, model_server: ModelServer, asynchronous: bool
) -> None:
    """On Azure the request names the deployment, and the answer the model; the provider is Azure."""
    options = {
        "azure_endpoint": model_server.url.removesuffix("/v1"),
        "api_key": "any",
        "api_version": "2025-01-01",
    }
    model_server.enqueue(Reply(text="Roses.", model="gpt-4-0613"))
    if asynchronous:
        async with openai.AsyncAzureOpenAI(**options) as aclient:
            await aclient.chat.completions.create(model="my-gpt4", messages=HELLO)
    else:
        with openai.AzureOpenAI(**options) as client:
            client.chat.completions.create(model="my-gpt4", messages=HELLO)
    assert "/deployments/my-gpt4/" in model_server.requests[0].path
    attributes = telemetry.attributes
    assert (attributes["gen_ai.request.model"], attributes["gen_ai.response.model"]) == (
        "my-gpt4",
        "gpt-4-0613",
    )
    assert attributes["gen_ai.provider.name"] == "azure.ai.openai"
    assert attributes["server.address"] == "127.0.0.1"


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_retries_are_one_call(
    telemetry: Telemetry, model_server: ModelServer, stream: bool, asynchronous: bool
) -> None:
    """Two failed attempts and a success inside the client are one call, three attempts, and tokens once."""
    program = Program(model_server.url, asynchronous, max_retries=2)
    model_server.enqueue(Reply(status=500, retry_after=0.001), Reply(status=429, retry_after=0.001))
    program.stream(**WITH_USAGE) if stream else program.chat()
    assert len(model_server.requests) == 3
    assert telemetry.attributes["callspan.request.attempts"] == 3
    assert [event["callspan.retry.cause"] for event in telemetry.events("callspan.retry")] == [
        "500",
        "429",
    ]
    assert telemetry.points("gen_ai.client.operation.duration")[0]["count"] == 1
    total = model_server.ledger.total_told
    assert telemetry.tokens == {"input": total.input, "output": total.output}


GATEWAYS = {
    "groq": {"x_groq": {"usage": STATED}},
    "last_choice": {"choices": [{**says({}, finish="stop"), "usage": STATED}]},
}


@pytest.mark.parametrize("last", GATEWAYS.values(), ids=GATEWAYS)
def test_usage_in_odd_places(
    telemetry: Telemetry, program: Program, model_server: ModelServer, last: Any
) -> None:
    """Servers that state usage under a field of their own, or inside the last choice, are understood."""
    end = {**HEAD, "choices": [says({}, finish="stop")], **last}
    model_server.enqueue(sse(chunk(says({"content": "Roses."})), end))
    program.stream()
    assert telemetry.tokens == {"input": 100, "output": 50}


def test_error_in_an_answer_of_status_200(
    telemetry: Telemetry, program: Program, model_server: ModelServer, payload: Any
) -> None:
    """A gateway's error in place of an answer makes the call a failed one, though the client raises nothing."""
    model_server.enqueue(Reply(raw=payload("openai/chat_error_200_body.json")))
    program.chat()
    wanted = json.loads(payload("openai/chat_error_200_body.json"))["error"]
    assert telemetry.attributes["callspan.outcome"] == "error"
    assert telemetry.attributes["error.type"] == str(wanted.get("code") or wanted.get("type"))


CASES = {
    "openai/chat_basic.json": ((24, 9, 16, 4), ("stop",)),
    "openai/chat_tool_calls.json": (None, ("tool_calls",)),
    "openai/chat_multi_choice.json": (None, ("stop", "length", "stop")),
    "openai/chat_stream_usage.sse": ((24, 9, 16, 4), ("stop",)),
    "openai/chat_stream_tool_calls.sse": (None, ("tool_calls",)),
    "openai/chat_stream_multi_choice.sse": (None, ("stop", "length")),
}


@pytest.mark.breaks(
    "span.finish", "payloads with more choices than the one that the request asks for"
)
@pytest.mark.parametrize("name", CASES)
def test_payloads(
    telemetry: Telemetry, program: Program, model_server: ModelServer, payload: Any, name: str
) -> None:
    """What real answers state is what the span says."""
    model_server.enqueue(Reply(raw=payload(name)))
    program.stream() if name.endswith(".sse") else program.ask(**CHAT)
    counts, reasons = CASES[name]
    attributes = telemetry.attributes
    assert attributes["gen_ai.response.finish_reasons"] == reasons
    if counts:
        fields = (
            "input_tokens",
            "output_tokens",
            "cache_read.input_tokens",
            "reasoning.output_tokens",
        )
        assert tuple(attributes[f"gen_ai.usage.{field}"] for field in fields) == counts
