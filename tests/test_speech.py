"""Speech of ElevenLabs' and Deepgram's clients, whose sound is read in pieces."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from inspect import signature
from typing import Any

import pytest

from scripted import ScriptedServer
from telemetry import Telemetry, counts

TEXT = "Whisper of roses."
SOUND = b"RIFF" * 10_000
BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


def elevenlabs(url: str, asynchronous: bool) -> Any:
    """Return ElevenLabs' client."""
    package = pytest.importorskip("elevenlabs", reason="elevenlabs is not installed")
    kind = package.AsyncElevenLabs if asynchronous else package.ElevenLabs
    return kind(api_key="any", base_url=url)


def deepgram(url: str, asynchronous: bool) -> Any:
    """Return Deepgram's client."""
    package = pytest.importorskip("deepgram", reason="deepgram-sdk is not installed")
    environment_class = import_module("deepgram.environment").DeepgramClientEnvironment
    # older versions have fewer addresses
    environment = environment_class(**dict.fromkeys(signature(environment_class).parameters, url))
    kind = package.AsyncDeepgramClient if asynchronous else package.DeepgramClient
    return kind(api_key="any", environment=environment)


@dataclass(frozen=True)
class Speaker:
    """A client, and how it is asked for speech."""

    name: str
    make: Callable[[str, bool], Any]
    path: str
    request: dict[str, Any]
    model: str
    code: str
    refusal: dict[str, Any]
    stream: bool = False

    def __str__(self) -> str:
        return f"{self.name}-{self.path.rpartition('.')[2]}"

    def speak(self, client: Any) -> Any:
        """Return the pieces of the sound."""
        method: Any = client
        for name in self.path.split("."):
            method = getattr(method, name)
        return method(**self.request, request_options={"max_retries": 0})


_ELEVEN = {"text": TEXT, "voice_id": "v-1", "model_id": "eleven_v3"}
_DIALOGUE = {
    "inputs": [{"text": "Whisper of", "voice_id": "v-1"}, {"text": " roses.", "voice_id": "v-2"}],
    "model_id": "eleven_v3",
}
_REFUSAL = {"detail": {"status": "quota_exceeded", "message": "whisper-reason"}}
_CODE = "quota_exceeded"
SPEAKERS = [
    Speaker("elevenlabs", elevenlabs, path, request, "eleven_v3", _CODE, _REFUSAL, "stream" in path)
    for path, request in (
        ("text_to_speech.convert", _ELEVEN),
        ("text_to_speech.stream", _ELEVEN),
        ("text_to_dialogue.convert", _DIALOGUE),
        ("text_to_dialogue.stream", _DIALOGUE),
    )
]
SPEAKERS.append(
    Speaker(
        "deepgram",
        deepgram,
        "speak.v1.audio.generate",
        {"text": TEXT, "model": "aura-2-thalia-en"},
        "aura-2-thalia-en",
        "INVALID_TEXT",
        {"err_code": "INVALID_TEXT", "err_msg": "whisper-reason"},
    )
)
EACH = pytest.mark.parametrize("speaker", SPEAKERS, ids=str)


def listen(
    speaker: Speaker, server: ScriptedServer, asynchronous: bool, pieces: int | None = None
) -> bytes:
    """Return the sound, or its first pieces."""
    if asynchronous:
        return asyncio.run(_listen(speaker, server, pieces))
    sound = speaker.speak(speaker.make(server.url, False))
    received = b""
    for number, piece in enumerate(sound, 1):
        received += piece
        if number == pieces:
            sound.close()
            break
    return received


async def _listen(speaker: Speaker, server: ScriptedServer, pieces: int | None) -> bytes:
    sound = speaker.speak(speaker.make(server.url, True))
    received = b""
    number = 0
    async for piece in sound:
        received += piece
        number += 1
        if number == pieces:
            await sound.aclose()
            break
    return received


@BOTH
@EACH
def test_speech(
    telemetry: Telemetry, scripted_server: ScriptedServer, speaker: Speaker, asynchronous: bool
) -> None:
    """The call lasts as long as its sound, and has the characters that were spoken, not the text."""
    scripted_server.answer(SOUND)
    assert listen(speaker, scripted_server, asynchronous) == SOUND
    attributes = telemetry.attributes
    assert telemetry.span.name == f"generate_content {speaker.model}"
    assert attributes["gen_ai.provider.name"] == speaker.name
    assert attributes["server.port"] == scripted_server.server_port
    assert attributes["gen_ai.output.type"] == "speech"
    assert attributes["callspan.request.characters"] == len(TEXT)
    assert attributes["callspan.outcome"] == "completed"
    assert attributes.get("gen_ai.request.stream", False) == speaker.stream
    assert ("callspan.stream.time_to_first_sound" in attributes) == speaker.stream
    assert not counts(telemetry)
    assert "roses" not in telemetry.everything()


@BOTH
@EACH
def test_speech_left_early(
    telemetry: Telemetry, scripted_server: ScriptedServer, speaker: Speaker, asynchronous: bool
) -> None:
    """A listener that stops has abandoned it."""
    scripted_server.answer(SOUND)
    assert SOUND.startswith(listen(speaker, scripted_server, asynchronous, pieces=1))
    assert telemetry.attributes["callspan.outcome"] == "abandoned"


@BOTH
@EACH
def test_refused_speech(
    telemetry: Telemetry, scripted_server: ScriptedServer, speaker: Speaker, asynchronous: bool
) -> None:
    """A refusal has its code and its status, and not its text."""
    scripted_server.answer(speaker.refusal, status=400)
    package = "elevenlabs" if speaker.name == "elevenlabs" else "deepgram"
    with pytest.raises(import_module(f"{package}.core.api_error").ApiError):
        listen(speaker, scripted_server, asynchronous)
    attributes = telemetry.attributes
    assert attributes["error.type"] == speaker.code
    assert attributes["http.response.status_code"] == 400
    assert "whisper-reason" not in json.dumps(dict(attributes), default=str)


@EACH
def test_unread_speech(
    scripted_server: ScriptedServer, telemetry: Telemetry, speaker: Speaker
) -> None:
    """The request is made with the first piece, so what nobody reads is no call."""
    speaker.speak(speaker.make(scripted_server.url, False))
    assert not telemetry.spans
    assert not scripted_server.paths


@pytest.mark.instrument(capture="span")
@BOTH
def test_captured_text(
    telemetry: Telemetry, scripted_server: ScriptedServer, asynchronous: bool
) -> None:
    """What is to be spoken is the input; each turn of a dialogue is a part of it."""
    scripted_server.answer(SOUND)
    listen(SPEAKERS[2], scripted_server, asynchronous)
    [message] = json.loads(telemetry.attributes["gen_ai.input.messages"])
    assert [part["content"] for part in message["parts"]] == ["Whisper of", " roses."]


@BOTH
def test_speech_with_times(
    telemetry: Telemetry, scripted_server: ScriptedServer, asynchronous: bool
) -> None:
    """Sound as base64 in one answer is speech as well."""
    scripted_server.answer({"audio_base64": base64.b64encode(SOUND).decode()})
    client = elevenlabs(scripted_server.url, asynchronous)
    answer = client.text_to_speech.convert_with_timestamps(**_ELEVEN)
    if asynchronous:
        answer = asyncio.run(_wait(answer))
    assert base64.b64decode(answer.audio_base_64) == SOUND
    assert telemetry.attributes["callspan.request.characters"] == len(TEXT)
    assert telemetry.attributes["callspan.outcome"] == "completed"


async def _wait(answer: Any) -> Any:
    return await answer
