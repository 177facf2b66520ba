"""Anthropic's legacy completions, which the client has up to its first major version."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import pytest

from anthropic_program import Server, both, play
from telemetry import Telemetry

PROMPT = {
    "model": "claude-2.1",
    "max_tokens_to_sample": 9,
    "prompt": "\n\nHuman: whisper-asked\n\nAssistant:",
}
PING = b'event: ping\ndata: {"type": "ping"}\n\n'
pytestmark = pytest.mark.skipif(
    not hasattr(anthropic, "HUMAN_PROMPT"), reason="a version without legacy completions"
)


def completion(text: str, reason: str | None) -> dict[str, Any]:
    """An answer, or a piece of one."""
    return {
        "type": "completion",
        "id": "compl_1",
        "completion": text,
        "stop_reason": reason,
        "model": "claude-2.1",
    }


@pytest.mark.instrument(capture="span")
@both
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_completions(telemetry: Telemetry, streamed: bool, asynchronous: bool) -> None:
    """Legacy completions are text completions; their API states no tokens, and none are told."""
    pieces = [
        completion(" Roses", None),
        completion(" last.", None),
        completion("", "stop_sequence"),
    ]
    stream = [f"event: completion\ndata: {json.dumps(piece)}\n\n".encode() for piece in pieces]
    server = Server(
        [b'event: ping\ndata: {"type": "ping"}\n\n', *stream]
        if streamed
        else completion(" Roses last.", "stop_sequence")
    )

    def read(client: Any) -> None:
        answer = client.completions.create(**PROMPT, stream=streamed, stop_sequences=["END"])
        _ = list(answer) if streamed else answer

    async def aread(client: Any) -> None:
        answer = await client.completions.create(**PROMPT, stream=streamed, stop_sequences=["END"])
        _ = [piece async for piece in answer] if streamed else answer

    play(server, (read, aread), asynchronous)
    attributes = telemetry.attributes
    assert telemetry.span.name == "text_completion claude-2.1"
    assert (
        attributes["gen_ai.request.max_tokens"],
        attributes["gen_ai.request.stop_sequences"],
    ) == (
        9,
        ("END",),
    )
    assert (attributes["gen_ai.response.id"], attributes["gen_ai.response.finish_reasons"]) == (
        "compl_1",
        ("stop_sequence",),
    )
    [told] = json.loads(attributes["gen_ai.output.messages"])
    assert told["parts"] == [{"type": "text", "content": " Roses last."}]
    [asked] = json.loads(attributes["gen_ai.input.messages"])
    assert asked["parts"][0]["content"] == PROMPT["prompt"]
    assert not telemetry.tokens


@both
def test_completion_that_fails_half_way(telemetry: Telemetry, asynchronous: bool) -> None:
    """An error in the stream is one by the provider's code."""
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    pieces = [completion(" Roses", None), error]
    stream = [f"event: {piece['type']}\ndata: {json.dumps(piece)}\n\n".encode() for piece in pieces]

    def read(client: Any) -> None:
        list(client.completions.create(**PROMPT, stream=True))

    async def aread(client: Any) -> None:
        _ = [piece async for piece in await client.completions.create(**PROMPT, stream=True)]

    with pytest.raises(anthropic.APIStatusError):
        play(
            Server(stream),
            (lambda client: list(client.completions.create(**PROMPT, stream=True)), aread),
            asynchronous,
        )
    assert telemetry.attributes["error.type"] == "overloaded_error"
