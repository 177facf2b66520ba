"""Bedrock's agents and knowledge bases, which are asked through a service of their own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.eventstream import EventStream
from opentelemetry.trace import SpanKind

import callspan
from aws import answered, async_bedrock, bedrock
from callspan.testing.modelserver.eventstream import event
from telemetry import Telemetry

pytestmark = pytest.mark.breaks(
    "span.required", "a call without a guardrail has no id of one, which Bedrock's page requires"
)
SERVICE, NOWHERE = "bedrock-agent-runtime", "http://127.0.0.1:1"
CAPTURED = pytest.mark.instrument(capture="span")
AGENT = {
    "agentId": "FLORIST1",
    "agentAliasId": "LIVE",
    "sessionId": "s-1",
    "inputText": "whisper-asked",
}
TRACE = {
    "agentId": "FLORIST1",
    "trace": {"orchestrationTrace": {"rationale": {"text": "whisper-thought"}}},
}
BASE = {
    "knowledgeBaseId": "GREENHOUSE",
    "modelArn": "arn:aws:bedrock:us-east-1::foundation-model/amazon.flowers-v1:0",
}


def events(*told: tuple[str, Any]) -> bytes:
    """A stream of these events; bytes stand in it as base64."""
    return b"".join(event(kind, json.dumps(said).encode()) for kind, said in told)


def agents(body: bytes) -> Any:
    """A client of the agents' service that gets one answer to all it asks."""
    return answered(bedrock(NOWHERE, SERVICE), body)


SAID = events(
    ("chunk", {"bytes": "QSA="}), ("trace", TRACE), ("chunk", {"bytes": "cm9zZS4="})
)  # "A ", "rose."


@CAPTURED
def test_an_agent(telemetry: Telemetry) -> None:
    """An agent at Bedrock is asked as a server is; what its trace tells of its thoughts is not in the span."""
    stream = agents(SAID).invoke_agent(**AGENT, enableTrace=True)["completion"]
    assert isinstance(stream, EventStream)
    assert b"".join(item["chunk"]["bytes"] for item in stream if "chunk" in item) == b"A rose."
    span, attributes = telemetry.span, telemetry.attributes
    assert (span.name, span.kind) == ("invoke_agent", SpanKind.CLIENT)
    assert (attributes["gen_ai.agent.id"], attributes["gen_ai.conversation.id"]) == (
        "FLORIST1",
        "s-1",
    )
    assert attributes["callspan.outcome"] == "completed"
    assert "A rose." in attributes["gen_ai.output.messages"]
    assert "whisper-asked" in attributes["gen_ai.input.messages"]
    assert "whisper-thought" not in span.to_json()


@CAPTURED
def test_an_agent_that_returns_control(telemetry: Telemetry) -> None:
    """Functions that the caller is to run are tool calls."""
    wanted = {
        "function": "pick",
        "actionGroup": "garden",
        "parameters": [{"name": "n", "type": "int", "value": "3"}],
    }
    told = {"invocationId": "i-1", "invocationInputs": [{"functionInvocationInput": wanted}]}
    list(agents(events(("returnControl", told))).invoke_agent(**AGENT)["completion"])
    [said] = json.loads(telemetry.attributes["gen_ai.output.messages"])
    assert said["parts"] == [
        {"type": "tool_call", "id": None, "name": "pick", "arguments": {"n": "3"}}
    ]


def test_an_agent_left_early(telemetry: Telemetry) -> None:
    """A reader that stops has abandoned it; its tokens are nobody's guess."""
    with callspan.count_tokens() as count:
        for _ in agents(SAID).invoke_agent(**AGENT)["completion"]:
            break
    assert telemetry.attributes["callspan.outcome"] == "abandoned"
    assert count.calls == 0


def asked_of_the_base(**more: Any) -> dict[str, Any]:
    """A question to a knowledge base."""
    wanted = {"type": "KNOWLEDGE_BASE", "knowledgeBaseConfiguration": {**BASE, **more}}
    return {"input": {"text": "whisper-asked"}, "retrieveAndGenerateConfiguration": wanted}


@CAPTURED
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_answer_out_of_a_knowledge_base(telemetry: Telemetry, stream: bool) -> None:
    """A model is asked with what is found: the span names the model, the base and the guardrail."""
    body = events(("output", {"text": "A "}), ("citation", {}), ("output", {"text": "rose."}))
    client = agents(
        body if stream else b'{"sessionId": "s-1", "output": {"text": "A rose."}, "citations": []}'
    )
    if stream and not hasattr(client, "retrieve_and_generate_stream"):
        pytest.skip("an old version of the client")
    settings: dict[str, Any] = {"inferenceConfig": {"textInferenceConfig": {"maxTokens": 9}}}
    settings["guardrailConfiguration"] = {"guardrailId": "florist1", "guardrailVersion": "1"}
    found_in = {"vectorSearchConfiguration": {"numberOfResults": 4}}
    request = asked_of_the_base(generationConfiguration=settings, retrievalConfiguration=found_in)
    if stream:
        list(client.retrieve_and_generate_stream(**request)["stream"])
    else:
        client.retrieve_and_generate(**request)
    attributes = telemetry.attributes
    assert telemetry.span.name == f"chat {BASE['modelArn']}"
    assert (
        attributes["aws.bedrock.knowledge_base.id"],
        attributes["aws.bedrock.guardrail.id"],
    ) == (
        "GREENHOUSE",
        "florist1",
    )
    assert attributes["gen_ai.request.max_tokens"] == 9
    [said] = json.loads(attributes["gen_ai.output.messages"])
    assert said["parts"] == [{"type": "text", "content": "A rose."}]
    # the service began it, as the request named none; events of a stream do not state it
    assert attributes.get("gen_ai.conversation.id") == (None if stream else "s-1")


FOUND = {
    "content": {"text": "Roses last a week."},
    "location": {"type": "S3", "s3Location": {"uri": "s3://garden/roses.txt"}},
    "score": 0.75,
}


def search() -> dict[str, Any]:
    """A search of a knowledge base."""
    wanted = {"vectorSearchConfiguration": {"numberOfResults": 4}}
    query = {"text": "whisper-asked"}
    return {
        "knowledgeBaseId": "GREENHOUSE",
        "retrievalQuery": query,
        "retrievalConfiguration": wanted,
    }


@CAPTURED
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_a_search(telemetry: Telemetry, model_server: Any, asynchronous: bool) -> None:
    """What is searched for and found, where that is captured."""
    body = json.dumps({"retrievalResults": [FOUND]}).encode()
    if asynchronous:
        pytest.importorskip("aiobotocore")
        given = asyncio.run(_search(body))
    else:
        given = agents(body).retrieve(**search())
    assert given["retrievalResults"] == [FOUND]
    span, attributes = telemetry.span, telemetry.attributes
    assert (span.name, span.kind) == ("retrieval GREENHOUSE", SpanKind.CLIENT)
    assert attributes["gen_ai.retrieval.top_k"] == 4
    assert attributes["gen_ai.retrieval.query.text"] == "whisper-asked"
    assert json.loads(attributes["gen_ai.retrieval.documents"]) == [
        {"id": "s3://garden/roses.txt", "score": 0.75, "content": "Roses last a week."}
    ]


def test_searches_of_two_bases(telemetry: Telemetry) -> None:
    """Each span is named after the base that was searched."""
    client = agents(json.dumps({"retrievalResults": []}).encode())
    for base in ("GREENHOUSE", "WATERHOUSE"):
        client.retrieve(**{**search(), "knowledgeBaseId": base})
    assert [span.name for span in telemetry.spans] == [
        "retrieval GREENHOUSE",
        "retrieval WATERHOUSE",
    ]


class _Answer:
    """An answer as aiobotocore's sessions give it."""

    def __init__(self, body: bytes) -> None:
        self.status_code, self.headers, self._body = 200, {}, body
        self.raw = SimpleNamespace(raw_headers=())

    @property
    async def content(self) -> bytes:
        return self._body


async def _search(body: bytes) -> Mapping[str, Any]:
    async with async_bedrock(NOWHERE, SERVICE) as client:
        client.meta.events.register("before-send.*", lambda **_: _Answer(body))
        return await client.retrieve(**search())


def test_nothing_private(telemetry: Telemetry) -> None:
    """Without capture nothing is told of what was asked, thought, found or said."""
    list(agents(SAID).invoke_agent(**AGENT, enableTrace=True)["completion"])
    agents(json.dumps({"retrievalResults": [FOUND]}).encode()).retrieve(**search())
    agents(b'{"output": {"text": "A rose."}}').retrieve_and_generate(**asked_of_the_base())
    told = "".join(span.to_json() for span in telemetry.spans)
    assert len(telemetry.spans) == 3
    assert not [word for word in ("whisper", "rose", "Roses") if word in told]
