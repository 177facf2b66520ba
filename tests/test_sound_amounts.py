"""Sound is measured as providers bill it: speech by the characters, transcriptions by the seconds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from genai_prices import Usage

import callspan
from callspan.testing.modelserver import ModelServer, Reply
from clients import openai_client
from telemetry import Telemetry, counts

SECONDS, CHARACTERS = "callspan.usage.audio_seconds", "callspan.request.characters"
TEXT = "Zwölf Rosen."
AMOUNTS = {"audio_seconds": 1, "input_characters": 1}
with_prices = pytest.mark.skipif(
    not set(AMOUNTS) <= set(vars(Usage.from_raw(AMOUNTS))),
    reason="this genai-prices has no prices by the second",
)


def speak(server: ModelServer, model: str) -> None:
    """Ask for the speech of a text."""
    openai_client(server.url).audio.speech.create(model=model, voice="alloy", input=TEXT)


def transcribe(server: ModelServer, model: str, **options: Any) -> Any:
    """Ask for the text of a recording."""
    client = openai_client(server.url)
    return client.audio.transcriptions.create(model=model, file=("a.wav", b"RIFF"), **options)


def answer(server: ModelServer, **fields: object) -> None:
    """Let the server answer with these fields."""
    server.enqueue(Reply(raw=json.dumps({"text": "Roses.", **fields})))


def test_speech_has_its_characters(telemetry: Telemetry, model_server: ModelServer) -> None:
    """The characters that were sent are counted, whatever their bytes; the text is not recorded."""
    speak(model_server, "tts-1")
    assert telemetry.attributes[CHARACTERS] == len(TEXT)
    assert not counts(telemetry)
    assert "Rosen" not in telemetry.everything()


def test_a_transcription_has_its_seconds(telemetry: Telemetry, model_server: ModelServer) -> None:
    """The seconds of the recording are those that the provider states; they are no tokens."""
    assert transcribe(model_server, "whisper-1").usage.seconds == 2
    assert telemetry.attributes[SECONDS] == 2
    assert not counts(telemetry)


@pytest.mark.parametrize("duration", [8.47, "8.47"], ids=["number", "text"])
def test_a_verbose_transcription(
    telemetry: Telemetry, model_server: ModelServer, duration: object
) -> None:
    """Its length stands in a field of its own; the first versions write it as a text."""
    answer(model_server, duration=duration)
    transcribe(model_server, "whisper-1", response_format="verbose_json")
    assert telemetry.attributes[SECONDS] == 8.47


@pytest.mark.parametrize("duration", ["long", -1, float("nan"), None])
def test_no_length(telemetry: Telemetry, model_server: ModelServer, duration: object) -> None:
    """What is no length is none."""
    answer(model_server, duration=duration)
    transcribe(model_server, "whisper-1", response_format="verbose_json")
    assert SECONDS not in telemetry.attributes


def test_a_transcription_with_tokens(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A model that is billed by tokens states no seconds."""
    transcribe(model_server, "gpt-4o-transcribe")
    assert telemetry.attributes["gen_ai.usage.input_tokens"] > 0
    assert SECONDS not in telemetry.attributes


@with_prices
@pytest.mark.instrument(cost=True)
def test_costs_by_list(telemetry: Telemetry, model_server: ModelServer) -> None:
    """Both have a price where the list has one by the hour, or by the million characters."""
    transcribe(model_server, "whisper-1")
    speak(model_server, "tts-1")
    assert callspan.flush()
    costs = [dict(span.attributes or {})["callspan.cost.usd"] for span in telemetry.spans]
    assert costs == [pytest.approx(0.36 * 2 / 3600), pytest.approx(15 * len(TEXT) / 1e6)]


@pytest.mark.instrument(cost=True)
def test_speech_without_tokens(telemetry: Telemetry, model_server: ModelServer) -> None:
    """Speech that is billed by tokens, which nobody states, has no known cost, not one of 0."""
    speak(model_server, "gpt-4o-mini-tts")
    assert callspan.flush()
    assert telemetry.attributes["callspan.cost.unknown"] == "tokens"
    assert "callspan.cost.usd" not in telemetry.attributes


@pytest.mark.instrument(cost=True)
def test_seconds_beside_tokens_are_free(telemetry: Telemetry, model_server: ModelServer) -> None:
    """What is billed by tokens is not billed by the second as well."""
    usage = {"type": "tokens", "input_tokens": 1000, "output_tokens": 0, "total_tokens": 1000}
    answer(model_server, duration=60, usage=usage)
    transcribe(model_server, "gpt-4o-transcribe")
    assert callspan.flush()
    attributes = telemetry.attributes
    assert attributes[SECONDS] == 60
    assert attributes["callspan.cost.usd"] == pytest.approx(1000 * 2.5 / 1e6)


@pytest.mark.guard_acts("nobody knows the price of tts-1")
@pytest.mark.instrument(cost=True, prices={"currency": "USD", "models": {"tts-1": {"call": 0.5}}})
def test_own_prices_hold_for_the_whole_call(
    telemetry: Telemetry, model_server: ModelServer
) -> None:
    """Own prices have none for characters, and the list does not fill the gap."""
    speak(model_server, "tts-1")
    assert callspan.flush()
    assert telemetry.attributes["callspan.cost.unknown"] == "price"


@pytest.mark.instrument(cost=True, prices={"currency": "USD", "models": {"tts-1": 0}})
def test_a_free_model(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A model whose own price is 0 costs nothing, by whatever it is measured."""
    speak(model_server, "tts-1")
    assert callspan.flush()
    assert telemetry.attributes["callspan.cost.usd"] == 0
