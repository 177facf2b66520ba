"""What is captured has no file's bytes in it, and is no deeper and no wider than back ends take."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import openai
import pytest
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData

import callspan
from aws import answered, bedrock
from callspan.content.copied import Copy
from callspan.testing.modelserver import ModelServer, Reply
from clients import anthropic_client, anthropic_http, google_client, google_http
from creating import ollama_client
from formats import CHAT, HELLO
from program import MODEL, Program
from telemetry import Telemetry

BYTES = random.Random(1).randbytes(3000)
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + BYTES).decode()
OTHER = base64.b64encode(BYTES).decode()
URL = f"data:image/png;base64,{PNG}"
FILES: dict[str, Any] = {
    "data url": {"image_url": {"url": URL}},
    "data url in a text": f"See ![a rose]({URL}) here",
    "known beginning": {"anything": PNG},
    "no known beginning": {"anything": OTHER},
    "stated by the object": {"type": "image", "data": OTHER[:40]},
    "stated by a type": {"mime_type": "audio/x-strange", "data": OTHER[:40]},
    "stated by the key": {"screenshot": OTHER[:64]},
    "list": {"images": [OTHER[:64], PNG]},
    "lines": "\n".join(PNG[at : at + 76] for at in range(0, len(PNG), 76)),
    "in JSON that is cut": '{"picture": "' + PNG,
    "deep": {"a": [{"b": {"c": [PNG]}}]},
    "small": {"type": "image_generation", "result": base64.b64encode(b"a rose").decode() + "AAA="},
}
WORDS: tuple[Any, ...] = (
    "Which flowers last longest? " * 40,
    {"file": "quarterly_report", "type": "file", "name": "roses_and_lilies"},
    {
        "type": "image_generation",
        "quality": "high",
        "background": "transparent",
        "action": "generate",
    },
    "x" * 5000,
    "/usr/share/flowers/roses/and/lilies/of/the/valley/in/a/very/long/path/that/goes/on/and/on",
    {"path": "src/callspan/content/copied", "content": "import os"},
    "a" * 64 + " " + "B" * 64,
    {"hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
)


@pytest.mark.parametrize("name", FILES)
def test_files_are_found_by_structure(name: str) -> None:
    """No long piece of a file's text is left, and its type or encoding is told with its size."""
    shown = json.dumps(Copy(FILES[name]).value)
    assert not [
        piece
        for piece in (PNG, OTHER)
        if any(piece[at : at + 24] in shown for at in range(0, 48, 12))
    ]
    assert "characters]" in shown


@pytest.mark.parametrize("words", WORDS, ids=range(len(WORDS)))
def test_words_stay(words: Any) -> None:
    """Texts, names, paths and settings are no files."""
    assert Copy(words).value == words


def assert_no_file(telemetry: Telemetry) -> None:
    everywhere = telemetry.everything()
    assert not [piece for piece in (PNG[12:60], OTHER[12:60]) if piece in everywhere]
    assert "3" in everywhere


ITEMS: tuple[dict[str, Any], ...] = (
    {
        "type": "image_generation_call",
        "id": "ig_1",
        "status": "completed",
        "result": PNG,
        "output_format": "png",
    },
    {
        "type": "code_interpreter_call",
        "id": "ci_1",
        "outputs": [{"type": "image", "url": URL}],
        "code": "draw()",
    },
    {
        "type": "mcp_call",
        "id": "mcp_1",
        "name": "draw",
        "output": json.dumps({"image": PNG}),
        "arguments": "{}",
    },
    {
        "type": "function_call",
        "id": "f",
        "call_id": "c",
        "name": "show",
        "arguments": json.dumps({"image": URL}),
    },
)


@pytest.mark.instrument(capture="both")
@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item["type"])
def test_items_of_responses(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer, item: Any
) -> None:
    """Pictures in the output, and the same items sent back as input, are told by type and size."""
    body = {
        "id": "r",
        "object": "response",
        "model": MODEL,
        "status": "completed",
        "output": [item],
    }
    model_server.enqueue(Reply(raw=json.dumps(body)), Reply(raw=json.dumps(body)))
    client.responses.create(model=MODEL, input="Draw a rose")
    screenshot = {"type": "computer_screenshot", "image_url": URL}
    sent = [item, {"type": "computer_call_output", "call_id": "c", "output": screenshot}]
    client.responses.create(model=MODEL, input=sent)  # type: ignore[arg-type]
    assert_no_file(telemetry)
    assert "image/png" in telemetry.spans[0].attributes["gen_ai.output.messages"]
    assert "image/png" in telemetry.spans[1].attributes["gen_ai.input.messages"]


@pytest.mark.instrument(capture="both")
@pytest.mark.breaks("span.required", "a guardrail's id")
@pytest.mark.breaks("event.required", "a guardrail's id")
def test_other_formats(telemetry: Telemetry) -> None:
    """Results of tools with pictures in them, in Anthropic's, Google's, Ollama's and Bedrock's words."""
    picture = {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": PNG},
    }
    result = {"type": "tool_result", "tool_use_id": "t", "content": [picture]}
    answer = {
        "type": "message",
        "id": "m",
        "model": "claude",
        "content": [],
        "stop_reason": "end_turn",
    }
    claude = anthropic_client(lambda _request: anthropic_http.Response(200, json=answer))
    claude.messages.create(
        model="claude", max_tokens=9, messages=[{"role": "user", "content": [result]}]
    )
    inline = {"inlineData": {"mimeType": "image/png", "data": PNG}}
    answer = {
        "responseId": "r",
        "candidates": [{"content": {"parts": [inline]}, "finishReason": "STOP"}],
    }
    gemini = google_client(
        "http://model.test/v1", lambda _request: google_http.Response(200, json=answer)
    ).models
    response = {"function_response": {"name": "draw", "response": {"picture": PNG}}}
    gemini.generate_content(model="gemini", contents=[{"role": "user", "parts": [response]}])
    import httpx

    body = {"model": "m", "message": {"role": "assistant", "content": "Roses."}, "done": True}
    ollama = ollama_client(
        "http://model.test", respond=lambda _request: httpx.Response(200, json=body)
    )
    ollama.chat(model="m", messages=[{"role": "user", "content": "This?", "images": [PNG]}])
    body = {
        "output": {"message": {"role": "assistant", "content": [{"text": "Roses."}]}},
        "stopReason": "end_turn",
    }
    aws = answered(bedrock("http://model.test"), json.dumps(body).encode())
    image = {"image": {"format": "png", "source": {"bytes": base64.b64decode(PNG)}}}
    tool = {"toolResult": {"toolUseId": "t", "content": [image, {"json": {"screenshot": PNG}}]}}
    aws.converse(modelId="m", messages=[{"role": "user", "content": [tool]}])
    assert len(telemetry.spans) == 4
    assert_no_file(telemetry)


@pytest.mark.instrument(capture="span")
def test_tools_of_the_app(telemetry: Telemetry) -> None:
    """Arguments and results of marked functions."""

    @callspan.tool
    def crop(picture: str) -> dict[str, Any]:
        return {"picture": picture, "url": URL}

    crop(PNG)
    assert_no_file(telemetry)


# -- depth and width ---------------------------------------------------------------------------------------------------


def nested(depth: int) -> Any:
    """A value that many levels deep."""
    value: Any = "the deepest word"
    for level in range(depth):
        value = [value] if level % 2 else {"inner": value}
    return value


def assert_readable(telemetry: Telemetry) -> None:
    """A receiver reads what the exporter's encoder has made of the events, within protobuf's own limit."""
    encoded = encode_logs(telemetry.log_data).SerializeToString()
    LogsData.FromString(encoded)


@pytest.mark.instrument(capture="both")
@pytest.mark.parametrize("depth", [41, 201, 901])
def test_deep_values(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer, depth: int, caplog: Any
) -> None:
    """What is too deep is marked and counted, on spans and events, sent and received; nothing else is lost."""
    call = {"id": "t", "function": {"name": "f", "arguments": json.dumps(nested(depth))}}
    choice = {
        "index": 0,
        "finish_reason": "tool_calls",
        "message": {"role": "assistant", "tool_calls": [call]},
    }
    model_server.enqueue(Reply(raw=json.dumps({"id": "c", "model": MODEL, "choices": [choice]})))
    tool = {"type": "function", "function": {"name": "f", "parameters": nested(depth)}}
    client.chat.completions.create(model=MODEL, messages=HELLO, tools=[tool])  # type: ignore[list-item]
    [event] = telemetry.logs
    for name in ("gen_ai.tool.definitions", "gen_ai.output.messages"):
        assert "too deep" in telemetry.attributes[name]
        assert "too deep" in repr(event["attributes"][name])
    assert telemetry.attributes["callspan.content.elided"] > 0
    assert event["attributes"]["callspan.content.elided"] > 0
    assert not caplog.records
    assert_readable(telemetry)


@pytest.mark.instrument(capture="both")
def test_arguments_too_deep_for_python(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """The text of arguments that no parser reads is shown as the text that it is."""
    deep = "[" * 100_000
    call = {"id": "t", "function": {"name": "f", "arguments": deep}}
    choice = {
        "index": 0,
        "finish_reason": "tool_calls",
        "message": {"role": "assistant", "tool_calls": [call]},
    }
    model_server.enqueue(Reply(raw=json.dumps({"id": "c", "model": MODEL, "choices": [choice]})))
    program.ask(**CHAT)
    [part] = json.loads(telemetry.attributes["gen_ai.output.messages"])[0]["parts"]
    assert part["arguments"].startswith("[[[")
    assert_readable(telemetry)


@pytest.mark.instrument(capture="both")
def test_values_of_marked_functions(telemetry: Telemetry) -> None:
    """Nine levels are shown whole; a cycle, 100,000 levels and a million items are marked."""
    cycle: dict[str, Any] = {}
    cycle["self"] = [cycle, cycle]
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]

    @callspan.tool
    def echo(value: Any) -> Any:
        return value

    for value in (nested(9), cycle, deep, [[[]] * 1000] * 1000):
        echo(value)
    shown = [span.attributes["gen_ai.tool.call.result"] for span in telemetry.spans]
    assert "the deepest word" in shown[0]
    assert "again" in shown[1]
    assert "too deep" in shown[2]
    assert [len(text) < 70_000 for text in shown] == [True] * 4
    while deep:  # let go of it level by level: older interpreters have no room for all at once
        deep = deep.pop()
