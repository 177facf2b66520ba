"""Stop sequences are the app's own words: they leave the process only where content is captured, for every client."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel

import callspan
from aws import bedrock
from callspan.testing.modelserver import ModelServer, Reply
from clients import (
    anthropic_at,
    google_client,
    huggingface_client,
    litellm_at,
    mistral_client,
    openai_client,
)
from creating import cohere_client, ollama_client
from formats import CHAT, HELLO, PAYLOADS
from program import Program
from telemetry import Telemetry

STOP = ["whisper stop", "whisper halt"]
ATTRIBUTE = "gen_ai.request.stop_sequences"
CONVERSE = {
    "modelId": "flowers-v1:0",
    "messages": [{"role": "user", "content": [{"text": "Which?"}]}],
}


def _google(url: str) -> Any:
    config = {"stop_sequences": STOP}
    return google_client(url).models.generate_content(
        model="gemini-flowers", contents="Which?", config=config
    )


def _anthropic(url: str) -> Any:
    return anthropic_at(url).messages.create(**CHAT, max_tokens=9, stop_sequences=STOP)


def _converse(url: str) -> Any:
    return bedrock(url).converse(**CONVERSE, inferenceConfig={"stopSequences": STOP})


def _litellm(url: str) -> Any:
    with litellm_at("openai")(url) as client:
        return client.create(model="flowers-8b", messages=HELLO, stop=STOP)


def _langchain(_url: str) -> Any:
    return FakeListChatModel(responses=["Roses."]).invoke("Which?", stop=STOP)


ASKS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "openai chat": (
        "openai/chat_basic.json",
        lambda url: openai_client(url).chat.completions.create(**CHAT, stop=STOP),
    ),
    "openai completions": (
        "openai/completion.json",
        lambda url: openai_client(url).completions.create(
            model="flowers-8b", prompt="Which?", stop=STOP
        ),
    ),
    "anthropic": ("anthropic/message_stop_sequence.json", _anthropic),
    "google": ("google_genai/generate_content.json", _google),
    "mistral": (
        "mistralai/chat.json",
        lambda url: mistral_client(url).chat.complete(**CHAT, stop=STOP),
    ),
    "cohere": (
        "cohere/v2_chat.json",
        lambda url: cohere_client(url).chat(**CHAT, stop_sequences=STOP),
    ),
    "ollama": (
        "ollama/chat.json",
        lambda url: ollama_client(url).chat(**CHAT, options={"stop": STOP}),
    ),
    "huggingface": (
        "huggingface_hub/chat.json",
        lambda url: huggingface_client(url).chat_completion(HELLO, stop=STOP),
    ),
    "bedrock": ("bedrock/converse.json", _converse),
    "litellm": ("openai/chat_basic.json", _litellm),
    "langchain": ("", _langchain),
}


@pytest.mark.breaks("span.required", "a guardrail's id, and what a model of the test's own has not")
@pytest.mark.parametrize("semconv", ["released", "latest", "both"])
@pytest.mark.parametrize("client", ASKS)
def test_they_are_content(
    telemetry: Telemetry, model_server: ModelServer, client: str, semconv: str
) -> None:
    """With content off nothing of them is anywhere; with content they are on the span."""
    name, ask = ASKS[client]
    for capture in ("off", "span"):
        telemetry.instrument(capture=capture, semconv=semconv)
        if name:
            model_server.enqueue(Reply(raw=(PAYLOADS / name).read_bytes()))
        telemetry.clear()
        ask(model_server.url)
        assert ("whisper" in telemetry.everything()) == (capture == "span")
    assert telemetry.spans[-1].attributes[ATTRIBUTE] == tuple(STOP)


@pytest.mark.parametrize("fields", [["input"], ["output", "system"]], ids=" ".join)
def test_they_are_input(telemetry: Telemetry, program: Program, fields: list[str]) -> None:
    """They belong to what is sent to the model, so the field `input` has them."""
    telemetry.instrument(capture="both", capture_fields=fields)
    program.chat(stop=STOP)
    [event] = telemetry.logs
    for attributes in (telemetry.attributes, event["attributes"]):
        assert attributes.get(ATTRIBUTE) == (tuple(STOP) if "input" in fields else None)


@pytest.mark.instrument(
    capture="both", redact=lambda text, _where: text.replace("whisper", "[hidden]")
)
def test_they_are_redacted(telemetry: Telemetry, program: Program) -> None:
    """The hook hears each of them."""
    program.chat(stop=STOP)
    assert telemetry.attributes[ATTRIBUTE] == ("[hidden] stop", "[hidden] halt")
    assert "whisper" not in telemetry.everything()


@pytest.mark.instrument(capture="span", content_limit=512)
def test_long_ones_are_cut(telemetry: Telemetry, program: Program) -> None:
    """They share the bytes that a call has."""
    program.chat(stop=["x" * 10_000])
    [stop] = telemetry.attributes[ATTRIBUTE]
    assert len(stop) <= 512
    assert telemetry.attributes["callspan.content.elided"] > 9_000


def test_one_that_is_given_as_the_reason(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """A server that gives the sequence itself as the reason for the end makes no finish reason of it."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "Roses."},
        "stop_reason": STOP[0],
    }
    answer = {"id": "c", "model": "flowers-8b", "choices": [choice], "usage": {"prompt_tokens": 1}}
    model_server.enqueue(Reply(raw=json.dumps(answer)))
    program.chat(stop=STOP)
    assert telemetry.attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert "whisper" not in telemetry.everything()


@pytest.mark.instrument(estimate="missing")
def test_a_kind_of_part_is_no_place_for_text(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """What could not be counted is named by a word; text of the app's in its place is not told."""
    model_server.enqueue(Reply(text="Roses.", usage=False))
    program.chat(
        messages=[{"role": "user", "content": [{"type": "whisper to nobody", "text": "x"}]}]
    )
    assert callspan.flush()
    assert telemetry.attributes["callspan.usage.not_counted"] == ("unknown",)
    assert "whisper" not in telemetry.everything()
