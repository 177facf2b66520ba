"""Writer's client: its chat, its completions, and what answers with one text.

The answers are written from the classes of writer-sdk 3.0; none was recorded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from scripted import ScriptedServer
from telemetry import Telemetry, counts

writerai = pytest.importorskip("writerai", reason="writer-sdk is not installed")

MODEL = "palmyra-x5"
CHAT = {
    "id": "w-1",
    "object": "chat.completion",
    "created": 1_790_000_001,
    "model": MODEL,
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "Roses.", "refusal": None},
        }
    ],
    "usage": {
        "prompt_tokens": 40,
        "completion_tokens": 25,
        "total_tokens": 65,
        "prompt_token_details": {"cached_tokens": 32},
        "completion_tokens_details": {"reasoning_tokens": 20},
    },
}
FORMAL = {"formality": True, "length_control": True, "mask_profanity": True}
LANGUAGES = {"source_language_code": "en", "target_language_code": "de"}


def client_at(server: ScriptedServer, kind: str = "Writer") -> Any:
    """The client, which does not retry."""
    return getattr(writerai, kind)(api_key="any", base_url=server.url, max_retries=0)


def test_chat(telemetry: Telemetry, scripted_server: ScriptedServer) -> None:
    """A chat states what was cached under a name of Writer's own."""
    scripted_server.answer(CHAT)
    client_at(scripted_server).chat.chat(model=MODEL, messages=[{"role": "user", "content": "?"}])
    assert telemetry.span.name == f"chat {MODEL}"
    assert telemetry.attributes["gen_ai.provider.name"] == "writer"
    assert counts(telemetry) == {
        "input_tokens": 40,
        "output_tokens": 25,
        "cache_read.input_tokens": 32,
        "reasoning.output_tokens": 20,
    }


@pytest.mark.instrument(capture="span")
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_completion(telemetry: Telemetry, scripted_server: ScriptedServer, stream: bool) -> None:
    """Completions have text, and neither tokens nor a reason for their end."""
    if stream:
        scripted_server.stream({"value": "Ro"}, {"value": "ses."})
    else:
        scripted_server.answer({"choices": [{"text": "Roses."}], "model": MODEL})
    completions = client_at(scripted_server).completions
    answer = completions.create(model=MODEL, prompt="Flowers:", stream=stream)
    if stream:
        assert [chunk.value for chunk in answer] == ["Ro", "ses."]
    attributes = telemetry.attributes
    assert telemetry.span.name == f"text_completion {MODEL}"
    assert attributes["callspan.outcome"] == "completed"
    assert "Roses." in attributes["gen_ai.output.messages"]
    assert not counts(telemetry)


def _vision(client: Any) -> Any:
    variables = [{"name": "picture", "file_id": "f-1"}]
    return client.vision.analyze(model="palmyra-vision", prompt="a rose?", variables=variables)


def _translation(client: Any) -> Any:
    return client.translation.translate(
        model="palmyra-translate", text="a rose?", **FORMAL, **LANGUAGES
    )


def _application(client: Any) -> Any:
    inputs = [{"id": "flower", "value": ["a rose?"]}]
    return client.applications.generate_content("app-1", inputs=inputs)


def _graph(client: Any) -> Any:
    return client.graphs.question(
        graph_ids=["g-1"], question="a rose?", subqueries=False, stream=False
    )


@pytest.mark.instrument(capture="span")
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(
    ("resource", "ask", "answer", "model"),
    [
        ("vision", _vision, {"data": "Roses."}, "palmyra-vision"),
        ("translation", _translation, {"data": "Roses."}, "palmyra-translate"),
        ("applications", _application, {"suggestion": "Roses.", "title": "flower"}, None),
        ("graphs", _graph, {"question": "a rose?", "answer": "Roses.", "sources": []}, None),
    ],
    ids=["vision", "translation", "application", "graph"],
)
def test_one_text(
    telemetry: Telemetry,
    scripted_server: ScriptedServer,
    resource: str,
    ask: Callable[[Any], Any],
    answer: dict[str, Any],
    model: str | None,
    asynchronous: bool,
) -> None:
    """Other requests that a model answers are calls too, with their texts and without counts."""
    scripted_server.answer(answer)
    if not hasattr(client_at(scripted_server), resource):
        pytest.skip(f"this version of the client has no {resource}")

    async def aask() -> None:
        async with client_at(scripted_server, "AsyncWriter") as client:
            await ask(client)

    if asynchronous:
        asyncio.run(aask())
    else:
        ask(client_at(scripted_server))
    attributes = telemetry.attributes
    assert attributes["gen_ai.operation.name"] == "generate_content"
    assert attributes.get("gen_ai.request.model") == model
    assert "a rose?" in attributes["gen_ai.input.messages"]
    assert "Roses." in attributes["gen_ai.output.messages"]
    assert not counts(telemetry)


@pytest.mark.instrument(capture="span")
def test_stream_of_an_application(telemetry: Telemetry, scripted_server: ScriptedServer) -> None:
    """An application streams its text in pieces."""
    pieces = [{"delta": {"title": "flower"}}, {"delta": {"content": "Ro"}}]
    scripted_server.stream(*pieces, {"delta": {"content": "ses."}})
    client = client_at(scripted_server)
    inputs = [{"id": "flower", "value": ["a rose?"]}]
    list(client.applications.generate_content("app-1", inputs=inputs, stream=True))
    assert telemetry.attributes["callspan.outcome"] == "completed"
    assert "Roses." in telemetry.attributes["gen_ai.output.messages"]
