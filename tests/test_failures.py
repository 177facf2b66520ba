"""A failed call can be debugged without content: code, status, request id and retry-after, but not what was said."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import openai
import pytest

import callspan
from callspan.testing.modelserver import ModelServer, Reply
from program import CHAT, Program
from telemetry import Telemetry
from wire import sse

SECRET = "the prompt was: my secret roses"
REPLIES = {
    "refused_400": Reply(status=400, error_code="invalid_value", error_message=SECRET),
    "refused_429": Reply(status=429, retry_after=7, error_message=SECRET),
    "event_in_the_stream": Reply(error_after=2, error_message=SECRET),
}
TYPES = {
    "refused_400": "invalid_value",
    "refused_429": "rate_limit_exceeded",
    "event_in_the_stream": "server_error",
}


def fail(program: Program) -> None:
    """A call that the server refuses, in words that quote the prompt."""
    with pytest.raises(openai.APIError, match="my secret roses"):
        program.stream()


@pytest.mark.parametrize("name", REPLIES)
def test_content_off(
    telemetry: Telemetry, program: Program, model_server: ModelServer, name: str
) -> None:
    """With content off, nothing that leaves the process has the text of the error, or the key."""
    model_server.enqueue(REPLIES[name])
    fail(program)
    assert "my secret" not in telemetry.everything()
    assert "sk-test-secret" not in telemetry.everything()
    assert telemetry.span.status.description is None
    assert telemetry.attributes["error.type"] == TYPES[name]
    assert [event["name"] for event in telemetry.logs] == ["gen_ai.client.operation.exception"]
    assert telemetry.logs[0]["attributes"]["exception.type"].startswith("openai.")


@pytest.mark.parametrize("capture", ["span", "event", "both"])
@pytest.mark.parametrize("name", REPLIES)
def test_content_on(
    telemetry: Telemetry, program: Program, model_server: ModelServer, name: str, capture: str
) -> None:
    """With content on, the text of the error is there for whoever debugs."""
    telemetry.instrument(capture=capture)
    model_server.enqueue(REPLIES[name])
    fail(program)
    assert "my secret" in str(telemetry.span.status.description)
    assert "sk-test-secret" not in telemetry.everything()


def test_what_is_free_of_content(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """HTTP status, request id and retry-after are on the span, and the type of the error on the metric too."""
    model_server.enqueue(REPLIES["refused_429"])
    fail(program)
    attributes = telemetry.attributes
    assert attributes["http.response.status_code"] == 429
    assert attributes["http.response.header.x-request-id"] == ("req_000001",)
    assert attributes["http.response.header.retry-after"] == ("7",)
    [duration] = telemetry.points("gen_ai.client.operation.duration")
    assert duration["attributes"]["error.type"] == "rate_limit_exceeded"


WAITS = [("250", ("0.25",)), ("1500", ("1.5",)), ("soon", None), ("inf", None)]


@pytest.mark.parametrize(("milliseconds", "wait"), WAITS)
def test_a_wait_in_milliseconds_is_told_in_seconds(
    telemetry: Telemetry,
    program: Program,
    model_server: ModelServer,
    milliseconds: str,
    wait: tuple[str, ...] | None,
) -> None:
    """The attribute is the header `retry-after`, which has seconds; what is no number is left out."""
    headers = {"retry-after-ms": milliseconds}
    model_server.enqueue(Reply(status=429, headers=headers, error_message=SECRET))
    fail(program)
    assert telemetry.attributes.get("http.response.header.retry-after") == wait


ODD_CODES: list[tuple[Any, str]] = [
    ("the prompt was my secret", "openai.BadRequestError"),
    ("x" * 65, "openai.BadRequestError"),
    ("429", "429"),
]


@pytest.mark.parametrize(("code", "expected"), ODD_CODES, ids=["sentence", "long", "number"])
def test_code_that_is_no_word(
    telemetry: Telemetry, program: Program, model_server: ModelServer, code: str, expected: str
) -> None:
    """A code that is a sentence may be content, so the class of the exception stands in its place."""
    model_server.enqueue(Reply(status=400, error_code=code, error_type="also a sentence"))
    with pytest.raises(openai.BadRequestError):
        program.chat()
    assert telemetry.attributes["error.type"] == expected


def test_nothing_of_the_conversation(telemetry: Telemetry, program: Program) -> None:
    """With content off, neither what was asked nor what was answered is anywhere, nor are tools or the key."""
    asked: dict[str, Any] = {
        "messages": [
            {"role": "system", "content": "whisper-one"},
            {"role": "user", "content": "whisper-two"},
        ],
        "tools": [{"type": "function", "function": {"name": "whisper_three", "parameters": {}}}],
        "user": "whisper-four",
    }
    answer = program.chat(**asked)
    chunks = program.stream(**asked)
    telemetry_text = telemetry.everything()
    assert "whisper" not in telemetry_text
    assert "sk-test-secret" not in telemetry_text
    words = [
        answer.choices[0].message.content,
        *(chunk.choices[0].delta.content for chunk in chunks),
    ]
    assert not [word for word in words if word and len(word.strip()) > 5 and word in telemetry_text]


@pytest.mark.parametrize("capture", ["off", "span", "event", "both"])
def test_where_content_goes(telemetry: Telemetry, client: openai.OpenAI, capture: str) -> None:
    """Content goes on spans, into events, both or neither, as chosen."""
    telemetry.instrument(capture=capture)
    client.chat.completions.create(**CHAT)
    on_span = "gen_ai.input.messages" in telemetry.attributes
    in_event = any("gen_ai.input.messages" in event["attributes"] for event in telemetry.logs)
    assert (on_span, in_event) == (capture in ("span", "both"), capture in ("event", "both"))
    callspan.uninstrument()


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_code_of_an_answer_that_is_no_word(
    telemetry: Telemetry, program: Program, model_server: ModelServer, stream: bool
) -> None:
    """An error that comes as an answer has no exception; a code of it that is a sentence is told of nowhere."""
    error = {
        "error": {
            "code": "the prompt was my secret",
            "type": {"said": "my secret"},
            "message": "my secret",
        }
    }
    model_server.enqueue(sse({"choices": [], **error}) if stream else Reply(raw=json.dumps(error)))
    with contextlib.suppress(openai.APIError):
        program.stream() if stream else program.chat()
    assert telemetry.span.status.status_code.name == "ERROR"
    assert "secret" not in telemetry.everything()
