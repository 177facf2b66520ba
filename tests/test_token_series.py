"""Every series of tokens, summed up and held against what the server says that it has told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from callspan.testing.modelserver import Counts, ModelServer, Reply
from clients import anthropic_at
from program import CHAT, HELLO, WITH_USAGE, Program
from telemetry import Telemetry

TOLD = (
    Counts(input=100, output=50, cached=80, reasoning=30),
    Counts(input=1210, output=5, cached=1000),
    Counts(input=7, output=0),
)
OURS = {
    "cached": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "reasoning": "reasoning_tokens",
}
NEWEST = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cached": "cache_read.input_tokens",
    "cache_write": "cache_write.input_tokens",
    "reasoning": "reasoning.output_tokens",
}


def total(telemetry: Telemetry, name: str) -> int:
    """The sum over all points of a metric."""
    return sum(
        point["value"] if "value" in point else point["sum"] for point in telemetry.points(name)
    )


@pytest.mark.parametrize("semconv", ["released", "latest", "both"])
def test_sums_are_those_of_the_server(
    program: Program, model_server: ModelServer, semconv: str
) -> None:
    """Input, output and each subset of them have a series that sums up to the truth, whichever text is chosen."""
    telemetry = Telemetry()
    telemetry.instrument(semconv=semconv)
    model_server.enqueue(*[Reply(usage=counts) for counts in TOLD for _ in range(2)])
    for number in range(len(TOLD)):
        program.chat(model=f"m{number}")
        program.stream(model=f"m{number}", **WITH_USAGE)
    model_server.enqueue(Reply(usage=Counts(input=1210, output=5, cached=1000, cache_write=200)))
    with anthropic_at(model_server.url) as client:
        client.messages.create(model="claude-9", max_tokens=9, messages=HELLO)
    truth = model_server.ledger.total_told
    if semconv != "latest":
        assert telemetry.tokens == {"input": truth.input, "output": truth.output}
        found = {kind: total(telemetry, f"callspan.client.{name}") for kind, name in OURS.items()}
        assert found == {kind: getattr(truth, kind) for kind in OURS}
    if semconv != "released":
        found = {
            kind: total(telemetry, f"gen_ai.client.inference.usage.{name}")
            for kind, name in NEWEST.items()
        }
        assert found == {kind: getattr(truth, kind) for kind in NEWEST}
    telemetry.shutdown()


@pytest.mark.instrument(extra_metrics=["output_rate", "modality_tokens", "active"])
def test_rate_modalities_and_calls_in_flight(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """Asked for by name: tokens a second, tokens by what they stand for, and no call in flight when all have ended."""
    usage: dict[str, Any] = {
        "prompt_tokens": 60, "completion_tokens": 40, "total_tokens": 100,
        "prompt_tokens_details": {"text_tokens": 20, "audio_tokens": 40},
        "completion_tokens_details": {"text_tokens": 10, "audio_tokens": 30},
    }  # fmt: skip
    model_server.enqueue(chat_answer(usage), Reply(usage=False))
    program.ask(**CHAT)
    program.ask(**CHAT)
    told = {
        tuple(
            point["attributes"][f"callspan.token.{name}"] for name in ("type", "modality")
        ): point["value"]
        for point in telemetry.points("callspan.client.modality_tokens")
    }
    assert told == {
        ("input", "text"): 20,
        ("input", "audio"): 40,
        ("output", "text"): 10,
        ("output", "audio"): 30,
    }
    (rate,) = telemetry.points("callspan.client.output_rate")
    span = telemetry.spans[0]
    assert span.end_time is not None
    assert span.start_time is not None
    assert (rate["count"], rate["sum"]) == (
        1,
        pytest.approx(40e9 / (span.end_time - span.start_time), rel=1e-3),
    )
    assert total(telemetry, "callspan.client.active") == 0


def chat_answer(usage: dict[str, Any]) -> Reply:
    """A chat answer with these counts."""
    return Reply(
        raw=json.dumps({
            "id": "1", "object": "chat.completion", "created": 1, "model": "m", "usage": usage,
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi"}}],
        })
    )  # fmt: skip


def by_modality(telemetry: Telemetry, name: str) -> dict[str, int]:
    """The values of a metric by the modality of the tokens."""
    points = telemetry.points(f"gen_ai.client.inference.usage.{name}")
    return {point["attributes"]["gen_ai.token.modality"]: point["value"] for point in points}


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({"text_tokens": 20, "audio_tokens": 40}, {"text": 20, "audio": 40}),
        ({"audio_tokens": 1}, {"audio": 1, "unknown": 59}),
        ({"text_tokens": 20, "audio_tokens": 41}, {"unknown": 60}),
        ({}, {"unknown": 60}),
    ],
    ids=["all", "a part", "more than all", "none"],
)
@pytest.mark.instrument(semconv="latest")
def test_each_token_has_one_modality(
    telemetry: Telemetry,
    program: Program,
    model_server: ModelServer,
    details: dict[str, int],
    expected: dict[str, int],
) -> None:
    """The modalities sum up to the total; what no part states is of unknown modality."""
    usage = {
        "prompt_tokens": 60, "prompt_tokens_details": details,
        "completion_tokens": 60, "completion_tokens_details": details, "total_tokens": 120,
    }  # fmt: skip
    model_server.enqueue(chat_answer(usage))
    program.ask(**CHAT)
    assert by_modality(telemetry, "input_tokens") == expected
    assert by_modality(telemetry, "output_tokens") == expected


@pytest.mark.parametrize("semconv", ["released", "latest", "both"])
def test_durations(program: Program, semconv: str) -> None:
    """Of the names, the newer convention has one for inference and one for all else."""
    telemetry = Telemetry()
    telemetry.instrument(semconv=semconv)
    program.chat()
    program.ask("embeddings.create", model="text-embedding-3-small", input="Roses?")
    inference = telemetry.points("gen_ai.client.inference.duration")
    operation = telemetry.points("gen_ai.client.operation.duration")
    chat_only, embeddings_only = ["chat"], ["embeddings"]
    both = chat_only + embeddings_only
    expected = {
        "released": ([], both),
        "latest": (chat_only, embeddings_only),
        "both": (chat_only, both),
    }
    names = tuple(
        sorted(point["attributes"]["gen_ai.operation.name"] for point in points)
        for points in (inference, operation)
    )
    assert names == expected[semconv]
    assert {point["count"] for point in inference + operation} == {1}
    telemetry.shutdown()


@pytest.mark.needs("responses")
@pytest.mark.instrument(semconv="both")
def test_the_type_of_an_error(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """Durations and distributions have it; sums of tokens do not, which the model has used all the same."""
    usage = {
        "input_tokens": 9, "input_tokens_details": {"cached_tokens": 5},
        "output_tokens": 4, "output_tokens_details": {"reasoning_tokens": 3}, "total_tokens": 13,
    }  # fmt: skip
    error = {"code": "server_error", "message": "whisper"}
    answer = {
        "id": "resp_1", "object": "response", "created_at": 1, "model": "m", "output": [],
        "status": "failed", "error": error, "usage": usage,
    }  # fmt: skip
    model_server.enqueue(Reply(raw=json.dumps(answer)))
    program.ask("responses.create", model="m", input="Roses?")
    with_error = {
        name
        for name, points in telemetry.metrics.items()
        if any("error.type" in point["attributes"] for point in points)
    }
    assert with_error == {
        "gen_ai.client.operation.duration",
        "gen_ai.client.inference.duration",
        "gen_ai.client.inference.operation.input_tokens",
        "gen_ai.client.inference.operation.output_tokens",
    }
    assert total(telemetry, "callspan.client.cache_read_tokens") == 5
    assert total(telemetry, "gen_ai.client.inference.usage.reasoning.output_tokens") == 3
