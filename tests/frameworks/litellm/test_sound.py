"""Speech and transcriptions, which LiteLLM asks for over its own HTTP or OpenAI's client."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from callspan.testing.modelserver import ModelServer
from frameworks.litellm.models import litellm
from scripted import ScriptedServer
from telemetry import Telemetry, counts

WAYS = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
TEXT = "Whisper of roses."
DEEPGRAM = {
    "metadata": {"request_id": "d-1", "duration": 2.5},
    "results": {
        "channels": [
            {"alternatives": [{"transcript": "Roses.", "confidence": 0.9, "words": []}]},
        ]
    },
}


@pytest.fixture(autouse=True)
def fresh_clients() -> Iterator[None]:
    """A client that LiteLLM keeps belongs to the loop of an earlier test."""
    litellm.in_memory_llm_clients_cache.flush_cache()
    yield
    litellm.in_memory_llm_clients_cache.flush_cache()


def ask(name: str, asynchronous: bool, **options: Any) -> Any:
    """Call a function of LiteLLM's."""
    arguments = {"api_key": "sk-test-secret", "max_retries": 0, **options}
    if asynchronous:
        return asyncio.run(getattr(litellm, f"a{name}")(**arguments))
    return getattr(litellm, name)(**arguments)


@WAYS
def test_speech(telemetry: Telemetry, scripted_server: ScriptedServer, asynchronous: bool) -> None:
    """Speech over LiteLLM's own HTTP is one call, with the characters that are spoken."""
    scripted_server.answer(b"RIFF")
    sound = ask(
        "speech",
        asynchronous,
        model="elevenlabs/eleven_v3",
        input=TEXT,
        voice="alloy",
        api_base=scripted_server.url,
    )
    assert sound.content == b"RIFF"
    attributes = telemetry.attributes
    assert telemetry.span.name == "generate_content eleven_v3"
    assert attributes["gen_ai.provider.name"] == "elevenlabs"
    assert attributes["gen_ai.output.type"] == "speech"
    assert attributes["callspan.request.characters"] == len(TEXT)
    assert attributes["callspan.framework.name"] == "litellm"
    assert "roses" not in telemetry.everything()


@WAYS
def test_transcription(
    telemetry: Telemetry, scripted_server: ScriptedServer, asynchronous: bool
) -> None:
    """A transcription over LiteLLM's own HTTP is one call; seconds that LiteLLM counts are not believed."""
    scripted_server.answer(DEEPGRAM)
    answer = ask(
        "transcription",
        asynchronous,
        model="deepgram/nova-3",
        file=("a.wav", b"RIFF"),
        api_base=scripted_server.url,
    )
    assert answer.text == "Roses."
    attributes = telemetry.attributes
    assert telemetry.span.name == "generate_content nova-3"
    assert attributes["gen_ai.provider.name"] == "deepgram"
    assert attributes["gen_ai.output.type"] == "text"
    assert "callspan.usage.audio_seconds" not in attributes
    assert not counts(telemetry)
    assert "Roses" not in telemetry.everything()


@WAYS
def test_sound_over_openai_s_client(
    telemetry: Telemetry, model_server: ModelServer, asynchronous: bool
) -> None:
    """Where OpenAI's client makes the request, the call is that client's, and there is no second one."""
    ask(
        "speech",
        asynchronous,
        model="openai/tts-1",
        input=TEXT,
        voice="alloy",
        api_base=model_server.url,
    )
    ask(
        "transcription",
        asynchronous,
        model="openai/whisper-1",
        file=("a.wav", b"RIFF"),
        api_base=model_server.url,
    )
    speech, transcription = (dict(span.attributes or {}) for span in telemetry.spans)
    assert speech["callspan.client.name"] == transcription["callspan.client.name"] == "openai"
    assert speech["callspan.request.characters"] == len(TEXT)
    assert transcription["callspan.usage.audio_seconds"] == 2


@WAYS
def test_refused_speech(
    telemetry: Telemetry, scripted_server: ScriptedServer, asynchronous: bool
) -> None:
    """A refusal over LiteLLM's own HTTP ends the call as an error."""
    scripted_server.answer({"detail": {"status": "quota_exceeded", "message": "no"}}, status=429)
    with pytest.raises(Exception, match="quota_exceeded"):
        ask(
            "speech",
            asynchronous,
            model="elevenlabs/eleven_v3",
            input=TEXT,
            voice="alloy",
            api_base=scripted_server.url,
        )
    (span,) = telemetry.spans
    assert dict(span.attributes or {})["http.response.status_code"] == 429
