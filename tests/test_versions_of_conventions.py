"""Where the versions of the conventions differ in more than names: types, demands, words, schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

import callspan
from aws import bedrock
from callspan.testing.modelserver import ModelServer, Reply
from clients import anthropic_at
from formats import CHAT as PLAIN_CHAT
from program import CHAT
from telemetry import Telemetry
from test_bedrock_agents import agents

RELEASED = "https://opentelemetry.io/schemas/1.41.0"
LATEST = "https://opentelemetry.io/schemas/gen-ai/1.42.0"
NO_GUARDRAIL = "Bedrock's guardrail is required, and there is none"
VERSIONS = pytest.mark.parametrize(
    "version",
    [
        pytest.param(each, marks=pytest.mark.instrument(semconv=each, capture="both"))
        for each in ("released", "latest", "both")
    ],
)


def only_message(telemetry: Telemetry) -> dict[str, Any]:
    """The one message of the answer."""
    [message] = json.loads(telemetry.attributes["gen_ai.output.messages"])
    return message


@VERSIONS
def test_the_schema_is_true_of_what_the_scope_holds(
    telemetry: Telemetry, client: openai.OpenAI, version: str
) -> None:
    """Each version has a schema of its own, and telemetry in both has none."""
    client.chat.completions.create(**CHAT)
    expected = {"released": RELEASED, "latest": LATEST}.get(version, "")
    span_scope = telemetry.span.instrumentation_scope
    [record] = telemetry.log_data
    assert span_scope is not None
    urls = {span_scope.schema_url, record.instrumentation_scope.schema_url}
    for resource in telemetry.metrics_data.resource_metrics:
        urls |= {scope.scope.schema_url for scope in resource.scope_metrics}
    assert {url or "" for url in urls} == {expected}


@VERSIONS
def test_top_k_is_a_double_or_an_integer(
    telemetry: Telemetry, client: openai.OpenAI, version: str
) -> None:
    """The released text has a double; an attribute has one type, so both have it too."""
    client.chat.completions.create(**CHAT, extra_body={"top_k": 40})
    values = [telemetry.attributes, *(event["attributes"] for event in telemetry.logs)]
    expected = int if version == "latest" else float
    assert [type(each["gen_ai.request.top_k"]) for each in values] == [expected] * 2


@VERSIONS
def test_agents_of_the_program_have_a_provider_where_one_is_demanded(
    telemetry: Telemetry, version: str
) -> None:
    """The app's own agent has none, and says so; the newest text wants none."""

    @callspan.agent
    def florist() -> str:
        return "A rose."

    florist()
    provider = telemetry.attributes.get("gen_ai.provider.name")
    assert provider == (None if version == "latest" else "unknown")
    reason = only_message(telemetry).get("finish_reason")
    assert reason == (None if version == "latest" else "stop")


@VERSIONS
def test_an_agent_that_failed_has_not_stopped(telemetry: Telemetry, version: str) -> None:
    """What it had said has the finish reason `error` where one is demanded."""

    @callspan.agent
    def florist() -> Iterator[str]:
        yield "A rose."
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        list(florist())
    messages = json.loads(telemetry.attributes.get("gen_ai.output.messages", "[]"))
    reasons = [message.get("finish_reason") for message in messages]
    assert reasons == [None if version == "latest" else "error"]


@pytest.mark.breaks("span.required", NO_GUARDRAIL)
@pytest.mark.breaks("event.required", NO_GUARDRAIL)
@VERSIONS
def test_an_api_without_reasons(telemetry: Telemetry, version: str) -> None:
    """Why a knowledge base has ended its answer is not known, and the released text wants to hear it."""
    client = agents(b'{"sessionId": "s-1", "output": {"text": "A rose."}}')
    base = {"knowledgeBaseId": "GREENHOUSE", "modelArn": "flowers-v1:0"}
    wanted = {"type": "KNOWLEDGE_BASE", "knowledgeBaseConfiguration": base}
    client.retrieve_and_generate(input={"text": "Which?"}, retrieveAndGenerateConfiguration=wanted)
    reason = only_message(telemetry).get("finish_reason")
    assert reason == (None if version == "latest" else "unknown")
    assert "gen_ai.response.finish_reasons" not in telemetry.attributes


@VERSIONS
def test_documents_without_a_score(telemetry: Telemetry, version: str) -> None:
    """The released schema takes no document without one: 0 stands there, marked as unknown."""
    found = [
        {"content": {"text": "Roses."}, "location": {"s3Location": {"uri": "s3://a"}}},
        {"content": {"text": "Tulips."}, "score": 0.75},
    ]
    body = json.dumps({"retrievalResults": found}).encode()
    agents(body).retrieve(knowledgeBaseId="GREENHOUSE", retrievalQuery={"text": "Which?"})
    documents = json.loads(telemetry.attributes["gen_ai.retrieval.documents"])
    bare = [
        {"id": "s3://a", "content": "Roses."},
        {"score": 0.75, "content": "Tulips."},
    ]
    full = [
        {**bare[0], "score": 0.0, "score_unknown": True},
        {**bare[1], "id": ""},
    ]
    assert documents == (bare if version == "latest" else full)


@VERSIONS
def test_an_exception_has_the_event_of_its_operation(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer, version: str
) -> None:
    """It is one event, of the call in which it was raised, also where the names of both are written."""

    @callspan.workflow("shop")
    def shop() -> None:
        model_server.enqueue(Reply(status=400, error_message="no"))
        client.chat.completions.create(**CHAT)

    with pytest.raises(openai.BadRequestError):
        shop()
    model_server.enqueue(Reply(status=400, error_message="no"))
    with pytest.raises(openai.BadRequestError):
        client.embeddings.create(model="text-embedding-3-small", input="a")
    exceptions = [each for each in telemetry.logs if each["name"].endswith("exception")]
    of_inference = "gen_ai.client.operation.exception"
    if version == "latest":
        of_inference = "gen_ai.client.inference.exception"
    assert [each["name"] for each in exceptions] == [
        of_inference,
        "gen_ai.client.operation.exception",
    ]
    chat = next(span for span in telemetry.spans if span.name.startswith("chat"))
    assert chat.context is not None
    assert exceptions[0]["span_id"] == chat.context.span_id


@VERSIONS
def test_a_workflow_is_an_agent_in_the_newest_text(telemetry: Telemetry, version: str) -> None:
    """It goes by the name and the metric of agents there, and by both names in both."""
    with callspan.workflow("shop"):
        pass
    name = {
        attribute: telemetry.attributes[attribute]
        for attribute in ("gen_ai.workflow.name", "gen_ai.agent.name")
        if attribute in telemetry.attributes
    }
    released = {"gen_ai.workflow.name": "shop"}
    latest = {"gen_ai.agent.name": "shop"}
    durations = {
        metric: points[0]["attributes"]
        for metric, points in telemetry.metrics.items()
        if metric.endswith(".duration")
    }
    of_workflow = {"gen_ai.invoke_workflow.duration": released}
    of_agent = {"gen_ai.invoke_agent.duration": latest}
    expected = {
        "released": (released, of_workflow),
        "latest": (latest, of_agent),
        "both": ({**released, **latest}, {**of_workflow, **of_agent}),
    }
    assert (name, durations) == expected[version]
    assert telemetry.span.name == "invoke_workflow shop"
    assert telemetry.attributes["gen_ai.operation.name"] == "invoke_workflow"


@pytest.mark.instrument(capture="both")
def test_finish_reasons_in_messages_have_the_conventions_words(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """The attribute repeats the provider, the message has the word of the schema."""
    for reason in ("tool_calls", "stop", "length", "content_filter", "eos", "odd"):
        model_server.enqueue(Reply(text="A rose.", finish_reason=reason))
        client.chat.completions.create(**CHAT)
    on_spans = [span.attributes or {} for span in telemetry.spans]
    words = [
        json.loads(str(each["gen_ai.output.messages"]))[0]["finish_reason"] for each in on_spans
    ]
    assert words == ["tool_call", "stop", "length", "content_filter", "stop", "odd"]
    assert on_spans[0]["gen_ai.response.finish_reasons"] == ("tool_calls",)


@pytest.mark.instrument(capture="span")
def test_a_stop_sequence_is_no_finish_reason(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """A server that states the sequence itself has stopped; the sequence is content of the request."""
    model_server.enqueue(Reply(text="A rose.", finish_reason="whisper"))
    client.chat.completions.create(**CHAT, stop=["whisper"])
    assert only_message(telemetry)["finish_reason"] == "stop"
    assert telemetry.attributes["gen_ai.response.finish_reasons"] == ("stop",)


@pytest.mark.breaks("span.required", NO_GUARDRAIL)
@pytest.mark.instrument(capture="span")
def test_words_of_other_providers(telemetry: Telemetry, model_server: ModelServer) -> None:
    """Those of Anthropic and Bedrock are common ones too."""
    with anthropic_at(model_server.url) as client:
        client.messages.create(**PLAIN_CHAT, max_tokens=9)
    bedrock(model_server.url).converse(
        modelId="flowers-v1:0", messages=[{"role": "user", "content": [{"text": "Which?"}]}]
    )
    for span in telemetry.spans:
        attributes = span.attributes or {}
        assert attributes["gen_ai.response.finish_reasons"] == ("end_turn",)
        [message] = json.loads(str(attributes["gen_ai.output.messages"]))
        assert message["finish_reason"] == "stop"
