"""Indexes and ids of any type: pieces that belong together stay together, and none is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import openai
import pytest

from callspan.testing.modelserver import ModelServer, Reply
from formats import CHAT, FORMATS, Format
from program import MODEL, Program
from telemetry import Telemetry

OUTPUT = "gen_ai.output.messages"
INDEXES = ("index", "contentBlockIndex", "output_index", "content_index", "summary_index")
STRICT = ("cohere", "google_genai", "mistralai", "huggingface_hub", "ollama")
"""Clients that refuse such indexes themselves, or whose formats have none."""
STREAMS = [one for one in FORMATS if "stream" in one.payload and not one.payload.startswith(STRICT)]
ODD: dict[str, Callable[[int], Any]] = {
    "object": lambda number: {"of": number},
    "list": lambda number: [number],
    "fraction": lambda number: number + 0.5,
    "text": lambda number: f"block {number}",
}


def with_indexes(value: Any, change: Callable[[int], Any]) -> Any:
    """A JSON value in which each index is changed."""
    if isinstance(value, list):
        return [with_indexes(item, change) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: change(item)
        if name in INDEXES and isinstance(item, int)
        else with_indexes(item, change)
        for name, item in value.items()
    }


def messages(telemetry: Telemetry) -> list[Any]:
    """What was said in the last call."""
    return json.loads(telemetry.spans[-1].attributes[OUTPUT])


@pytest.mark.instrument(capture="span")
@pytest.mark.breaks(
    "span.required", "the conventions want a guardrail's id on each span of Bedrock's"
)
@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("wire_format", STREAMS, ids=str)
def test_indexes_of_any_type(
    telemetry: Telemetry, model_server: ModelServer, wire_format: Format, kind: str
) -> None:
    """A stream whose indexes are objects, lists, fractions or text says what it says with numbers."""
    for change in (lambda number: number, ODD[kind]):
        documents = with_indexes(wire_format.documents, change)
        model_server.enqueue(Reply(raw=wire_format.body(documents)))
        wire_format.ask(model_server.url)
    first, second = telemetry.spans
    assert json.loads(first.attributes[OUTPUT])[0]["parts"]
    assert second.attributes[OUTPUT] == first.attributes[OUTPUT]


@pytest.mark.breaks("span.finish", "more choices than the one that the request asks for")
@pytest.mark.instrument(capture="span")
@pytest.mark.parametrize("kind", ODD)
def test_choices_of_any_index_stay_apart(
    telemetry: Telemetry, program: Program, model_server: ModelServer, kind: str
) -> None:
    """Pieces of two choices that arrive in turns are two messages, whatever the choices' indexes are."""
    said = [(0, "Ro"), (1, "Li"), (0, "ses"), (1, "lies")]
    chunks = [
        {"index": ODD[kind](index), "delta": {"content": piece}, "finish_reason": None}
        for index, piece in said
    ]
    chunks += [
        {"index": ODD[kind](index), "delta": {}, "finish_reason": "stop"} for index in (0, 1)
    ]
    events = [{"id": "c", "model": MODEL, "choices": [chunk]} for chunk in chunks]
    model_server.enqueue(Reply(raw="".join(f"data: {json.dumps(event)}\n\n" for event in events)))
    program.stream()
    texts = {message["parts"][0]["content"] for message in messages(telemetry)}
    assert texts == {"Roses", "Lilies"}
    assert telemetry.attributes["gen_ai.response.finish_reasons"] == ("stop", "stop")


@pytest.mark.instrument(capture="span")
@pytest.mark.breaks("content.part", "ids that are no text in a request are shown as they are")
def test_ids_of_any_type(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """Two tool calls whose ids are numbers, in pieces without an index, stay two, each with its id."""
    pieces = [(7, '{"of": '), (None, '"rose"}'), (8, '{"of": '), (None, '"lily"}')]
    calls = [
        {"id": own, "function": {"name": own and "stock", "arguments": text}}
        for own, text in pieces
    ]
    chunks = [
        {"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None} for call in calls
    ]
    chunks.append({"index": 0, "delta": {}, "finish_reason": "tool_calls"})
    events = [{"id": 12, "model": MODEL, "choices": [chunk]} for chunk in chunks]
    model_server.enqueue(Reply(raw="".join(f"data: {json.dumps(event)}\n\n" for event in events)))
    list(client.chat.completions.create(**CHAT, stream=True))
    parts = messages(telemetry)[0]["parts"]
    assert [(part["id"], part["arguments"]) for part in parts] == [
        ("7", {"of": "rose"}),
        ("8", {"of": "lily"}),
    ]
    assert telemetry.attributes["gen_ai.response.id"] == "12"
