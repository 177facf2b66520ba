"""Streams whose closing event was to repeat the whole answer, and leaves out some of it, or all."""

from __future__ import annotations

import json
from typing import Any

import pytest

import callspan
from callspan.testing.modelserver import ModelServer, Reply
from creating import cohere_client
from program import MODEL, Program
from telemetry import Telemetry
from wire import sse

SAID = "Roses last longest."
ASK: dict[str, Any] = {"model": MODEL, "input": "Roses?"}
HEAD: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "model": MODEL,
    "created_at": 1_790_000_000,
}
MESSAGE = {
    "type": "message",
    "role": "assistant",
    "content": [{"type": "output_text", "text": SAID}],
}
OUTPUTS: dict[str, dict[str, Any]] = {
    "missing": {},
    "null": {"output": None},
    "empty": {"output": []},
    "whole": {"output": [MESSAGE]},
}
ENDS = {
    "completed": ("stop",),
    "incomplete": ("incomplete",),
    "failed": ("error",),
    "cancelled": ("error",),
}


def events(status: str, closing: dict[str, Any] | None) -> Reply:
    """A stream of a response, with a closing event."""
    pieces = [{"type": "response.created", "response": {**HEAD, "status": "in_progress"}}]
    place = {"output_index": 0, "content_index": 0, "item_id": "msg_1"}
    pieces += [
        {"type": "response.output_text.delta", "delta": piece, **place}
        for piece in ("Roses ", "last longest.")
    ]
    end = {"type": f"response.{status}", "response": closing}
    return sse(*pieces, end, done=False)


def text_of(telemetry: Telemetry) -> str:
    """The text that is exported of the answer."""
    [message] = json.loads(telemetry.attributes["gen_ai.output.messages"])
    return "".join(part["content"] for part in message["parts"])


@pytest.mark.instrument(capture="span")
@pytest.mark.parametrize("status", ENDS)
@pytest.mark.parametrize("output", OUTPUTS)
def test_what_was_streamed_is_kept(
    telemetry: Telemetry, program: Program, model_server: ModelServer, status: str, output: str
) -> None:
    """The answer is exported, once, whether or not the last event repeats it."""
    model_server.enqueue(events(status, {**HEAD, "status": status, **OUTPUTS[output]}))
    program.read("responses.create", **ASK)
    assert text_of(telemetry) == SAID
    assert telemetry.attributes["gen_ai.response.finish_reasons"] == ENDS[status]


@pytest.mark.instrument(estimate="missing")
@pytest.mark.parametrize("output", OUTPUTS)
def test_what_was_streamed_is_estimated(
    telemetry: Telemetry, program: Program, model_server: ModelServer, output: str
) -> None:
    """Where no counts are stated, those that are worked out are those of the answer."""
    model_server.enqueue(events("completed", {**HEAD, "status": "completed", **OUTPUTS[output]}))
    with callspan.count_tokens() as count:
        program.read("responses.create", **ASK)
    assert callspan.flush()
    assert count.estimated_output >= 4
    assert telemetry.attributes["gen_ai.usage.output_tokens"] == count.estimated_output


@pytest.mark.parametrize(("status", "outcome"), [("completed", "completed"), ("failed", "error")])
@pytest.mark.instrument(capture="span")
def test_a_closing_event_without_a_response(
    telemetry: Telemetry, program: Program, model_server: ModelServer, status: str, outcome: str
) -> None:
    """An event that has nothing but its name still says how the call has ended."""
    model_server.enqueue(events(status, None))
    program.read("responses.create", **ASK)
    assert text_of(telemetry) == SAID
    assert telemetry.attributes["callspan.outcome"] == outcome
    assert telemetry.attributes["gen_ai.response.finish_reasons"] == ENDS[status]


@pytest.mark.instrument(capture="span")
@pytest.mark.parametrize(
    "response", [{}, {"text": None}, {"text": SAID}], ids=["missing", "null", "whole"]
)
def test_the_first_chat_of_cohere(
    telemetry: Telemetry, model_server: ModelServer, response: dict[str, Any]
) -> None:
    """The last event of Cohere's first chat has the whole answer in it, or only what stands beside it."""
    end = {
        "event_type": "stream-end",
        "finish_reason": "COMPLETE",
        "response": {"generation_id": "g-1", **response},
    }
    pieces = [
        {"event_type": "text-generation", "text": piece} for piece in ("Roses ", "last longest.")
    ]
    start = {"event_type": "stream-start", "generation_id": "g-1"}
    body = "".join(json.dumps(event) + "\n" for event in (start, *pieces, end))
    model_server.enqueue(Reply(raw=body))
    list(cohere_client(model_server.url, "Client").chat_stream(model=MODEL, message="Roses?"))
    assert text_of(telemetry) == SAID


@pytest.mark.instrument(capture="span")
def test_parts_of_a_thought_stay_apart(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """Thoughts that are streamed as parts of one item are parts of the answer."""
    pieces: list[dict[str, Any]] = [{"type": "response.created", "response": HEAD}]
    for number, thought in enumerate(("Thorns.", "Petals.")):
        place = {"output_index": 0, "content_index": number, "item_id": "rs_1"}
        pieces.append({"type": "response.reasoning_text.delta", "delta": thought, **place})
    end = {"type": "response.completed", "response": {**HEAD, "status": "completed"}}
    model_server.enqueue(sse(*pieces, end, done=False))
    program.read("responses.create", **ASK)
    [message] = json.loads(telemetry.attributes["gen_ai.output.messages"])
    assert [part["content"] for part in message["parts"]] == ["Thorns.", "Petals."]
