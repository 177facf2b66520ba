"""Bedrock's ranks of documents, and the searches that a model plans."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from opentelemetry.trace import SpanKind

from aws import answered, async_bedrock, bedrock
from telemetry import Telemetry
from test_bedrock_agents import CAPTURED, NOWHERE, SERVICE, _Answer, agents, events

_OPERATIONS = bedrock(NOWHERE, SERVICE).meta.service_model.operation_names
pytestmark = [
    pytest.mark.breaks(
        "span.required",
        "a call without a guardrail has no id of one, which Bedrock's page requires",
    ),
    pytest.mark.skipif(
        "AgenticRetrieveStream" not in _OPERATIONS, reason="an old version of the client"
    ),
]
MODEL = "arn:aws:bedrock:us-east-1::foundation-model/amazon.flowers-v1:0"
NAMED_MODEL = {"modelConfiguration": {"modelArn": MODEL}}
TEXT_SOURCE = {"type": "TEXT", "textDocument": {"text": "whisper-text"}}
JSON_SOURCE = {"type": "JSON", "jsonDocument": {"flower": "whisper-json"}}
RANKS = b'{"results": [{"index": 1, "relevanceScore": 0.75}]}'


def rank_request() -> dict[str, Any]:
    """Return a request to rank a text and an object."""
    return {
        "queries": [{"type": "TEXT", "textQuery": {"text": "whisper-query"}}],
        "sources": [
            {"type": "INLINE", "inlineDocumentSource": source}
            for source in (TEXT_SOURCE, JSON_SOURCE)
        ],
        "rerankingConfiguration": {
            "type": "BEDROCK_RERANKING_MODEL",
            "bedrockRerankingConfiguration": NAMED_MODEL,
        },
    }


async def _rank() -> Any:
    async with async_bedrock(NOWHERE, SERVICE) as client:
        client.meta.events.register("before-send.*", lambda **_: _Answer(RANKS))
        return await client.rerank(**rank_request())


@CAPTURED
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_ranks(telemetry: Telemetry, asynchronous: bool) -> None:
    """Ranks are made by a model; its tokens are unknown, for the service states none."""
    answer = asyncio.run(_rank()) if asynchronous else agents(RANKS).rerank(**rank_request())
    assert answer["results"] == [{"index": 1, "relevanceScore": 0.75}]
    span, attributes = telemetry.span, telemetry.attributes
    assert (span.name, span.kind) == (f"rerank {MODEL}", SpanKind.CLIENT)
    assert attributes["gen_ai.provider.name"] == "aws.bedrock"
    assert "gen_ai.usage.input_tokens" not in attributes
    [message] = json.loads(attributes["gen_ai.input.messages"])
    texts = [part["content"] for part in message["parts"]]
    assert texts == ["whisper-query", "whisper-text", '{"flower": "whisper-json"}']


def test_refused_ranks(telemetry: Telemetry) -> None:
    """A refusal has the service's code."""
    refusal = b'{"message": "whisper-reason"}'
    client = answered(
        bedrock(NOWHERE, SERVICE), refusal, 429, x_amzn_errortype="ThrottlingException"
    )
    with pytest.raises(client.exceptions.ThrottlingException):
        client.rerank(**rank_request())
    assert telemetry.attributes["error.type"] == "ThrottlingException"
    assert telemetry.attributes["http.response.status_code"] == 429


def retriever(base: str) -> dict[str, Any]:
    """Return a knowledge base as a request names it."""
    overrides = {"maxNumberOfResults": 4}
    return {
        "configuration": {
            "knowledgeBase": {"knowledgeBaseId": base, "retrievalOverrides": overrides}
        }
    }


def plan_request(*bases: str, **more: Any) -> dict[str, Any]:
    """Return a request to search these knowledge bases."""
    texts = [("user", "whisper-first"), ("assistant", "whisper-answer"), ("user", "whisper-query")]
    return {
        "messages": [{"role": role, "content": {"text": text}} for role, text in texts],
        "retrievers": [retriever(base) for base in bases],
        "agenticRetrieveConfiguration": {
            "foundationModelType": "CUSTOM",
            "foundationModelConfiguration": {
                "type": "BEDROCK_FOUNDATION_MODEL",
                "bedrockFoundationModelConfiguration": NAMED_MODEL,
            },
        },
        **more,
    }


MEMORY = {
    "memoryId": "memory-of-flowers",
    "sessionBinding": {"actorId": "a-1", "sessionId": "s-1"},
}
STEP = {"step": "Planning", "status": "IN_PROGRESS", "message": "whisper-step"}
DOCUMENT = {
    "content": {"mimeType": "text/plain", "text": "Roses last a week."},
    "sourceRetriever": {"identifier": "GREENHOUSE"},
}
RESULT = ("result", {"results": [DOCUMENT]})
FOUND = events(("traceEvent", {"id": "t-1", "timestamp": 1, "attributes": STEP}), RESULT)
ANSWERED = events(
    ("responseEvent", {"text": "A "}),
    ("responseEvent", {"text": "week."}),
    ("result", {"results": [DOCUMENT], "generatedResponse": {"answer": "A week."}}),
)


def read(body: bytes, request: dict[str, Any]) -> list[Any]:
    """Return all events of a search."""
    return list(agents(body).agentic_retrieve_stream(**request)["stream"])


@CAPTURED
def test_a_planned_search(telemetry: Telemetry) -> None:
    """A search that a model plans is a search; the steps of its plan are not in the span."""
    request = plan_request("GREENHOUSE", memoryConfiguration=MEMORY)
    assert [*read(FOUND, request)[1]] == ["result"]
    span, attributes = telemetry.span, telemetry.attributes
    assert (span.name, span.kind) == ("retrieval GREENHOUSE", SpanKind.CLIENT)
    assert attributes["gen_ai.retrieval.top_k"] == 4
    assert attributes["gen_ai.request.model"] == MODEL
    assert attributes["gen_ai.retrieval.query.text"] == "whisper-query"
    [document] = json.loads(attributes["gen_ai.retrieval.documents"])
    assert document["content"] == "Roses last a week."
    assert attributes["callspan.outcome"] == "completed"
    assert "whisper-step" not in span.to_json()


def test_a_search_of_several_bases(telemetry: Telemetry) -> None:
    """The conventions have a name for one source alone, so of several none is named."""
    read(FOUND, plan_request("GREENHOUSE", "WATERHOUSE"))
    assert telemetry.span.name == "retrieval"
    assert "gen_ai.data_source.id" not in telemetry.attributes


@CAPTURED
def test_an_answer_after_a_planned_search(telemetry: Telemetry) -> None:
    """With an answer it is a chat, as where a base is asked for an answer; the answer is told once."""
    rail = {"bedrockGuardrailConfiguration": {"guardrailId": "florist1", "guardrailVersion": "1"}}
    more = {"memoryConfiguration": MEMORY, "policyConfiguration": rail}
    read(ANSWERED, plan_request("GREENHOUSE", generateResponse=True, **more))
    attributes = telemetry.attributes
    assert telemetry.span.name == f"chat {MODEL}"
    assert attributes["gen_ai.conversation.id"] == "s-1"
    assert attributes["aws.bedrock.guardrail.id"] == "florist1"
    assert attributes["aws.bedrock.knowledge_base.id"] == "GREENHOUSE"
    sent = json.loads(attributes["gen_ai.input.messages"])
    assert [message["role"] for message in sent] == ["user", "assistant", "user"]
    [answer] = json.loads(attributes["gen_ai.output.messages"])
    assert answer["parts"] == [{"type": "text", "content": "A week."}]
    assert "gen_ai.usage.output_tokens" not in attributes


@pytest.mark.parametrize("wants_answer", [False, True], ids=["search", "answer"])
def test_a_search_left_early(telemetry: Telemetry, wants_answer: bool) -> None:
    """A reader that stops has abandoned it."""
    request = plan_request("GREENHOUSE", generateResponse=wants_answer)
    for _ in agents(ANSWERED).agentic_retrieve_stream(**request)["stream"]:
        break
    assert telemetry.attributes["callspan.outcome"] == "abandoned"


async def _read(service: Any, request: dict[str, Any]) -> list[Any]:
    from test_bedrock_agents_async import agents as async_agents

    async with async_agents(service) as client:
        answer = await client.agentic_retrieve_stream(**request)
        return [event async for event in answer["stream"]]


def test_a_planned_search_in_asynchronous_code(telemetry: Telemetry) -> None:
    """The asynchronous client's stream is followed as the other's."""
    from test_bedrock_agents_async import Service

    told = asyncio.run(_read(Service(FOUND), plan_request("GREENHOUSE")))
    assert len(told) == 2
    assert telemetry.span.name == "retrieval GREENHOUSE"
    assert telemetry.attributes["callspan.outcome"] == "completed"


def test_nothing_private(telemetry: Telemetry) -> None:
    """Without capture nothing is told of what was asked, planned, found or said."""
    agents(RANKS).rerank(**rank_request())
    read(FOUND, plan_request("GREENHOUSE"))
    read(ANSWERED, plan_request("GREENHOUSE", generateResponse=True))
    told = "".join(span.to_json() for span in telemetry.spans)
    assert len(telemetry.spans) == 3
    assert not [word for word in ("whisper", "week", "Roses") if word in told]
