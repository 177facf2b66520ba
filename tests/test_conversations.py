"""The conversation of a call: who may name it, who counts first, and which operations have none."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from opentelemetry import context as otel

import callspan
from callspan.testing.modelserver import ModelServer
from program import CHAT, Program
from telemetry import Telemetry
from test_bedrock_agents import agents

CONVERSATION = "gen_ai.conversation.id"


def attributes_of_spans(telemetry: Telemetry) -> list[dict[str, Any]]:
    """The attributes of each span."""
    return [dict(span.attributes or {}) for span in telemetry.spans]


def conversations(telemetry: Telemetry) -> list[Any]:
    """The conversation of each span."""
    return [attributes.get(CONVERSATION) for attributes in attributes_of_spans(telemetry)]


def test_the_app_names_it(telemetry: Telemetry, program: Program) -> None:
    """Calls of the block belong to the conversation, those of an inner block to the inner one."""
    with callspan.attributes(conversation_id="c-1"):
        program.chat()
        with callspan.attributes(conversation_id="c-2"):
            program.chat()
    program.chat()
    assert conversations(telemetry) == ["c-1", "c-2", None]


def test_agents_and_tools_belong_to_it(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """An agent, its tool and its call have it; other attributes of the block are everywhere."""

    @callspan.tool
    def look_up() -> str:
        return "a rose"

    @callspan.agent
    def florist() -> None:
        look_up()
        client.chat.completions.create(**CHAT)
        client.embeddings.create(model="text-embedding-3-small", input="a")
        client.moderations.create(model="omni-moderation-latest", input="a")

    with callspan.attributes(conversation_id="c-1", user_id="u-1"):
        florist()
    by_operation = {
        attributes["gen_ai.operation.name"]: attributes.get(CONVERSATION)
        for attributes in attributes_of_spans(telemetry)
    }
    # the conventions have no conversation for embeddings; a moderation is ours, and like them
    assert by_operation == {
        "execute_tool": "c-1",
        "chat": "c-1",
        "embeddings": None,
        "moderation": None,
        "invoke_agent": "c-1",
    }
    assert {attributes["user.id"] for attributes in attributes_of_spans(telemetry)} == {"u-1"}


def test_the_app_counts_before_the_request(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """The id in the request is taken, unless the app says in code which conversation it is."""
    request: Any = {"model": "gpt-4.1-mini", "input": "A rose?", "conversation": "conv_1"}
    client.responses.create(**request)
    with callspan.attributes(conversation_id="c-1"):
        client.responses.create(**request)
    assert conversations(telemetry) == ["conv_1", "c-1"]
    assert [sent.json["conversation"] for sent in model_server.requests] == ["conv_1", "conv_1"]


@pytest.mark.breaks("span.required", "Bedrock's guardrail is required, and there is none")
def test_the_app_counts_before_the_answer(telemetry: Telemetry) -> None:
    """Bedrock begins a session of its own, which is not what the app calls the conversation."""
    client = agents(b'{"sessionId": "s-1", "output": {"text": "A rose."}}')
    ask = {
        "input": {"text": "Which?"},
        "retrieveAndGenerateConfiguration": {"type": "KNOWLEDGE_BASE"},
    }
    client.retrieve_and_generate(**ask)
    with callspan.attributes(conversation_id="c-1"):
        client.retrieve_and_generate(**ask)
    assert conversations(telemetry) == ["s-1", "c-1"]


@pytest.mark.instrument(capture="event")
def test_the_details_event_says_the_same(telemetry: Telemetry, program: Program) -> None:
    """The event has the conversation of its span."""
    with callspan.attributes(conversation_id="c-1"):
        program.chat()
    assert [event["attributes"][CONVERSATION] for event in telemetry.logs] == ["c-1"]


def test_official_packages_name_it(telemetry: Telemetry, program: Program) -> None:
    """An id that they carry in the context is taken where nothing nearer says another."""
    official = pytest.importorskip(
        "opentelemetry.util.genai._conversation_context",
        reason="opentelemetry-util-genai needs a newer OpenTelemetry than the oldest that we take",
    )
    token = otel.attach(official.with_conversation_id("c-0"))
    try:
        program.chat()
        program.ask("embeddings.create", model="text-embedding-3-small", input="a")
        with callspan.attributes(conversation_id="c-1"):
            program.chat()
    finally:
        otel.detach(token)
    program.chat()
    assert conversations(telemetry) == ["c-0", None, "c-1", None]
