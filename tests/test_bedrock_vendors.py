"""InvokeModel for every vendor: request and answer, whole and as chunks, in the vendor's own words."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from aws import GUARDED, bedrock
from callspan.testing.modelserver import ModelServer, Reply
from callspan.testing.modelserver.eventstream import event
from telemetry import Telemetry

PROFILE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3"
"""A model whose name tells nothing of its vendor."""
CAPTURED = pytest.mark.instrument(capture="span")


@dataclass(frozen=True)
class Case:
    """What a vendor is sent and answers, and what the span is to say of that; `chunks` are those of a stream.

    `input` and `output` are tokens that the vendor itself states; else they stand in the headers, or the last chunk.
    """

    name: str
    request: dict[str, Any]
    answer: dict[str, Any]
    finish: str
    chunks: tuple[dict[str, Any], ...] = ()
    operation: str = "text_completion"
    tokens: tuple[int, int] = (5, 2)
    told: dict[str, Any] = field(default_factory=dict)
    stated: bool = True

    def __str__(self) -> str:
        return self.name


ASKED = [{"role": "user", "content": "whisper-asked"}]
CHUNK = {"object": "chat.completion.chunk", "id": "c-1", "model": "flowers"}
CASES = (
    Case(
        "claude",
        {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "top_k": 3, "messages": ASKED},
        {
            "type": "message",
            "id": "msg_1",
            "model": "claude-flowers",
            "content": [{"type": "text", "text": "A rose."}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 1, "output_tokens": 2, "cache_read_input_tokens": 4},
        },
        "end_turn",
        (
            {
                "type": "message_start",
                "message": {"id": "msg_1", "model": "claude-flowers", "usage": {"input_tokens": 5}},
            },
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": "A rose."},
            },
            {
                "type": "message_delta",
                "delta": {"stop_reason": "end_turn"},
                "usage": {"output_tokens": 2},
            },
            {"type": "message_stop"},
        ),
        operation="chat",
        told={
            "gen_ai.request.max_tokens": 9,
            "gen_ai.request.top_k": 3,
            "gen_ai.response.id": "msg_1",
        },
    ),
    Case(
        "the first claudes",
        {"prompt": "\n\nHuman: whisper-asked", "max_tokens_to_sample": 9, "stop_sequences": ["|"]},
        {"type": "completion", "completion": "A rose.", "stop_reason": "stop_sequence"},
        "stop_sequence",
        (
            {"completion": "A ", "stop_reason": None},
            {"completion": "rose.", "stop_reason": "stop_sequence"},
        ),
        told={"gen_ai.request.max_tokens": 9, "gen_ai.request.stop_sequences": ("|",)},
        stated=False,
    ),
    Case(
        "nova",
        {
            "messages": [{"role": "user", "content": [{"text": "whisper-asked"}]}],
            "inferenceConfig": {"max_new_tokens": 9, "topK": 3},
        },
        {
            "output": {"message": {"role": "assistant", "content": [{"text": "A rose."}]}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": 1, "outputTokens": 2, "cacheReadInputTokenCount": 4},
        },
        "end_turn",
        (
            {"messageStart": {"role": "assistant"}},
            {"contentBlockDelta": {"delta": {"text": "A rose."}, "contentBlockIndex": 0}},
            {"contentBlockStop": {"contentBlockIndex": 0}},
            {"messageStop": {"stopReason": "end_turn"}},
            {"metadata": {"usage": {"inputTokens": 5, "outputTokens": 2}}},
        ),
        operation="chat",
        told={"gen_ai.request.max_tokens": 9, "gen_ai.request.top_k": 3},
    ),
    Case(
        "titan",
        {"inputText": "whisper-asked", "textGenerationConfig": {"maxTokenCount": 9, "topP": 0.5}},
        {
            "inputTextTokenCount": 5,
            "results": [{"tokenCount": 2, "outputText": "A rose.", "completionReason": "FINISH"}],
        },
        "FINISH",
        (
            {
                "outputText": "A ",
                "index": 0,
                "totalOutputTextTokenCount": None,
                "completionReason": None,
            },
            {
                "outputText": "rose.",
                "index": 0,
                "totalOutputTextTokenCount": 2,
                "completionReason": "FINISH",
                "inputTextTokenCount": 5,
            },
        ),
        told={"gen_ai.request.max_tokens": 9, "gen_ai.request.top_p": 0.5},
    ),
    Case(
        "llama",
        {"prompt": "whisper-asked", "max_gen_len": 9, "temperature": 0.5},
        {
            "generation": "A rose.",
            "prompt_token_count": 5,
            "generation_token_count": 2,
            "stop_reason": "stop",
        },
        "stop",
        (
            {
                "generation": "A ",
                "prompt_token_count": 5,
                "generation_token_count": 1,
                "stop_reason": None,
            },
            {
                "generation": "rose.",
                "prompt_token_count": None,
                "generation_token_count": 2,
                "stop_reason": "stop",
            },
        ),
        told={"gen_ai.request.max_tokens": 9, "gen_ai.request.temperature": 0.5},
    ),
    Case(
        "mistral",
        {"prompt": "<s>[INST] whisper-asked [/INST]", "max_tokens": 9, "top_k": 3},
        {"outputs": [{"text": "A rose.", "stop_reason": "stop"}]},
        "stop",
        (
            {"outputs": [{"text": "A ", "stop_reason": None}]},
            {"outputs": [{"text": "rose.", "stop_reason": "stop"}]},
        ),
        told={"gen_ai.request.max_tokens": 9, "gen_ai.request.top_k": 3},
        stated=False,
    ),
    Case(
        "mistral's chat",
        {"messages": ASKED, "max_tokens": 9},
        {
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "A rose."},
                    "stop_reason": "stop",
                }
            ]
        },
        "stop",
        (
            {
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": "A "},
                        "stop_reason": None,
                    }
                ]
            },
            {
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": "rose."},
                        "stop_reason": "stop",
                    }
                ]
            },
        ),
        operation="chat",
        told={"gen_ai.request.max_tokens": 9},
        stated=False,
    ),
    Case(
        "cohere's command",
        {"prompt": "whisper-asked", "max_tokens": 9, "p": 0.5, "k": 3},
        {"id": "g-1", "generations": [{"id": "x", "text": "A rose.", "finish_reason": "COMPLETE"}]},
        "COMPLETE",
        (
            {"text": "A ", "is_finished": False},
            {"text": "rose.", "is_finished": False},
            {"is_finished": True, "finish_reason": "COMPLETE"},
        ),
        told={"gen_ai.request.top_p": 0.5, "gen_ai.request.top_k": 3},
        stated=False,
    ),
    Case(
        "cohere's chat",
        {
            "message": "whisper-asked",
            "max_tokens": 9,
            "p": 0.5,
            "chat_history": [{"role": "CHATBOT", "message": "Hm?"}],
        },
        {
            "response_id": "r-1",
            "generation_id": "g-1",
            "text": "A rose.",
            "finish_reason": "COMPLETE",
        },
        "COMPLETE",
        (
            {"event_type": "stream-start", "generation_id": "g-1", "is_finished": False},
            {"event_type": "text-generation", "text": "A ", "is_finished": False},
            {"event_type": "text-generation", "text": "rose.", "is_finished": False},
            {
                "event_type": "stream-end",
                "is_finished": True,
                "finish_reason": "COMPLETE",
                "response": {"response_id": "r-1", "text": "A rose.", "finish_reason": "COMPLETE"},
            },
        ),
        operation="chat",
        told={"gen_ai.response.id": "r-1", "gen_ai.request.top_p": 0.5},
        stated=False,
    ),
    Case(
        "jurassic",
        {"prompt": "whisper-asked", "maxTokens": 9, "topP": 0.5},
        {
            "id": 1234,
            "completions": [{"data": {"text": "A rose."}, "finishReason": {"reason": "endoftext"}}],
        },
        "endoftext",
        told={"gen_ai.request.max_tokens": 9, "gen_ai.request.top_p": 0.5},
        stated=False,
    ),
    Case(
        "mistral's chat, with an id",
        {"messages": ASKED, "max_tokens": 9},
        {
            "id": "chatcmpl-1",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "A rose."},
                    "stop_reason": "stop",
                }
            ],
        },
        "stop",
        (
            {"id": "chatcmpl-1", "choices": [{"index": 0, "message": {"content": "A "}}]},
            {"id": "chatcmpl-1", "choices": [{"index": 0, "message": {"content": "rose."}}]},
            # with id and first token, a chunk of mere text is not read
            {
                "id": "chatcmpl-1",
                "choices": [{"index": 0, "message": {"content": ""}, "stop_reason": "stop"}],
            },
        ),
        operation="chat",
        stated=False,
    ),
    Case(
        "jamba",
        {"messages": ASKED, "max_tokens": 9},
        {
            "id": "chatcmpl-1",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "A rose."},
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
        },
        "stop",
        (
            {**CHUNK, "choices": [{"index": 0, "delta": {"content": "A "}, "finish_reason": None}]},
            {
                **CHUNK,
                "choices": [{"index": 0, "delta": {"content": "rose."}, "finish_reason": "stop"}],
            },
            {**CHUNK, "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}},
        ),
        operation="chat",
    ),
    Case(
        "deepseek",
        {"prompt": "whisper-asked", "max_tokens": 9},
        {"choices": [{"text": "A rose.", "stop_reason": "stop"}]},
        "stop",
        (
            {"choices": [{"text": "A ", "stop_reason": None}]},
            {"choices": [{"text": "rose.", "stop_reason": "stop"}]},
        ),
        stated=False,
    ),
    Case(
        "gpt-oss",
        {"messages": ASKED, "max_completion_tokens": 9, "reasoning_effort": "low"},
        {
            "id": "c-1",
            "model": "openai.flowers",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "A rose."},
                    "finish_reason": "stop",
                }
            ],
            "usage": {
                "prompt_tokens": 5,
                "completion_tokens": 2,
                "prompt_tokens_details": {"cached_tokens": 4},
            },
        },
        "stop",
        operation="chat",
        told={
            "gen_ai.request.max_tokens": 9,
            "gen_ai.request.reasoning.level": "low",
            "gen_ai.response.id": "c-1",
        },
    ),
)


def check(telemetry: Telemetry, case: Case) -> None:
    """The one span says what was asked and answered."""
    attributes = telemetry.attributes
    expected = {
        "gen_ai.operation.name": case.operation,
        "gen_ai.request.model": PROFILE,
        "gen_ai.response.finish_reasons": (case.finish,),
        "gen_ai.usage.input_tokens": case.tokens[0],
        "gen_ai.usage.output_tokens": case.tokens[1],
        "callspan.outcome": "completed",
        **case.told,
    }
    assert {name: attributes.get(name) for name in expected} == expected
    [said] = json.loads(attributes["gen_ai.output.messages"])
    assert said["parts"] == [{"type": "text", "content": "A rose."}]
    assert "whisper-asked" in attributes["gen_ai.input.messages"]


@CAPTURED
@pytest.mark.parametrize("case", CASES, ids=str)
def test_whole(telemetry: Telemetry, model_server: ModelServer, case: Case) -> None:
    """The format is told by its shape; what the vendor states counts, else what the headers do."""
    wrong = (5, 2) if not case.stated else (777, 888)
    headers = {
        f"x-amzn-bedrock-{side}-token-count": str(n)
        for side, n in zip(("input", "output"), wrong, strict=True)
    }
    model_server.enqueue(Reply(raw=json.dumps(case.answer), headers=headers))
    bedrock(model_server.url).invoke_model(
        modelId=PROFILE, body=json.dumps(case.request), **GUARDED
    )["body"].read()
    check(telemetry, case)


@CAPTURED
@pytest.mark.parametrize("case", [case for case in CASES if case.chunks], ids=str)
def test_streamed(telemetry: Telemetry, model_server: ModelServer, case: Case) -> None:
    """The same as chunks, of which the last has the platform's own counts."""
    read, written = (5, 2) if not case.stated else (777, 888)
    metered = {
        "inputTokenCount": read,
        "outputTokenCount": written,
        "invocationLatency": 9,
        "firstByteLatency": 1,
    }
    *chunks, last = case.chunks
    chunks.append({**last, "amazon-bedrock-invocationMetrics": metered})
    sent = [
        json.dumps({"bytes": base64.b64encode(json.dumps(chunk).encode()).decode()})
        for chunk in chunks
    ]
    model_server.enqueue(Reply(raw=b"".join(event("chunk", one.encode()) for one in sent)))
    request = {"modelId": PROFILE, "body": json.dumps(case.request), **GUARDED}
    given = list(bedrock(model_server.url).invoke_model_with_response_stream(**request)["body"])
    assert [json.loads(item["chunk"]["bytes"]) for item in given] == chunks
    check(telemetry, case)


EMBEDDINGS = [
    (
        {"inputText": "whisper", "dimensions": 2},
        {"embedding": [0.625, 0.2], "inputTextTokenCount": 5},
        2,
    ),
    (
        {"inputText": "whisper", "embeddingTypes": ["float"]},
        {"embeddingsByType": {"float": [0.625, 0.2]}, "inputTextTokenCount": 5},
        2,
    ),
    (
        {"inputImage": "aGk=", "embeddingConfig": {"outputEmbeddingLength": 3}},
        {"embedding": [0.625, 0.2, 0.3]},
        3,
    ),
    (
        {"texts": ["whisper"], "input_type": "search_query"},
        {"id": "e", "embeddings": [[0.625, 0.2, 0.3]]},
        3,
    ),
    (
        {"texts": ["whisper"], "input_type": "search_query", "embedding_types": ["float"]},
        {"embeddings": {"float": [[0.625, 0.2, 0.3]]}},
        3,
    ),
]


@CAPTURED
@pytest.mark.parametrize(("request_body", "answer", "size"), EMBEDDINGS)
@pytest.mark.breaks(
    "span.required", "a call without a guardrail has no id of one, which Bedrock's page requires"
)
def test_embeddings(
    telemetry: Telemetry, model_server: ModelServer, request_body: Any, answer: Any, size: int
) -> None:
    """Tokens and dimensions, by the vendor or by the headers; never a vector."""
    headers = {"x-amzn-bedrock-input-token-count": "5"}
    model_server.enqueue(Reply(raw=json.dumps(answer), headers=headers))
    client = bedrock(model_server.url)
    client.invoke_model(modelId="amazon.flowers-embed", body=json.dumps(request_body))[
        "body"
    ].read()
    attributes = telemetry.attributes
    assert telemetry.span.name == "embeddings amazon.flowers-embed"
    assert (
        attributes["gen_ai.usage.input_tokens"],
        attributes["gen_ai.embeddings.dimension.count"],
    ) == (
        5,
        size,
    )
    assert "gen_ai.usage.output_tokens" not in attributes
    assert "0.625" not in telemetry.span.to_json()


def test_an_image(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A picture has no finish reason, and no byte of it is kept."""
    model_server.enqueue(Reply(raw=json.dumps({"images": ["whisper="]})))
    wanted = {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "A rose"}}
    request = {"modelId": "amazon.flowers-canvas", "body": json.dumps(wanted), **GUARDED}
    bedrock(model_server.url).invoke_model(**request)["body"].read()
    assert telemetry.span.name == "generate_content amazon.flowers-canvas"
    assert telemetry.attributes["gen_ai.output.type"] == "image"
    assert "whisper" not in telemetry.span.to_json()


def test_what_nobody_knows(telemetry: Telemetry, model_server: ModelServer) -> None:
    """Of a format that is not known there is what the headers say."""
    model_server.enqueue(
        Reply(raw='{"verses": ["whisper"]}', headers={"x-amzn-bedrock-input-token-count": "5"})
    )
    request = {"modelId": "new.flowers", "body": '{"theme": "whisper"}', **GUARDED}
    bedrock(model_server.url).invoke_model(**request)["body"].read()
    assert telemetry.span.name == "generate_content new.flowers"
    assert telemetry.attributes["gen_ai.usage.input_tokens"] == 5
    assert "gen_ai.response.finish_reasons" not in telemetry.attributes


def test_titan_without_a_configuration(telemetry: Telemetry, model_server: ModelServer) -> None:
    """Where the shape fits two formats the model's name decides."""
    answer = {
        "inputTextTokenCount": 5,
        "results": [{"tokenCount": 2, "outputText": "A rose.", "completionReason": "FINISH"}],
    }
    model_server.enqueue(Reply(raw=json.dumps(answer)))
    request = {"modelId": "amazon.titan-text-lite-v1", "body": '{"inputText": "Hi"}', **GUARDED}
    bedrock(model_server.url).invoke_model(**request)["body"].read()
    assert telemetry.span.name == "text_completion amazon.titan-text-lite-v1"
