"""ElevenLabs' client, where it transcribes; its speech is in tests/test_speech.py.

The answers are written from the classes of elevenlabs 2.78; none was recorded.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from scripted import ScriptedServer
from telemetry import Telemetry, counts

elevenlabs = pytest.importorskip("elevenlabs", reason="elevenlabs is not installed")

BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
CHANNEL = {"language_code": "eng", "language_probability": 0.9, "text": "Roses.", "words": []}


def ask(server: ScriptedServer, asynchronous: bool, **request: Any) -> Any:
    """One transcription, which is not repeated."""
    kind = elevenlabs.AsyncElevenLabs if asynchronous else elevenlabs.ElevenLabs
    client = kind(api_key="any", base_url=server.url)
    options: Any = {"max_retries": 0}
    result = client.speech_to_text.convert(
        model_id="scribe_v2", file=b"RIFF-whisper", request_options=options, **request
    )
    if not asynchronous:
        return result

    async def aask() -> Any:
        return await result

    return asyncio.run(aask())


@BOTH
@pytest.mark.instrument(capture="span")
def test_transcription(
    telemetry: Telemetry, scripted_server: ScriptedServer, asynchronous: bool
) -> None:
    """A transcription has its text and the length of the sound, no tokens, and nothing of the recording."""
    scripted_server.answer({**CHANNEL, "transcription_id": "t-1", "audio_duration_secs": 2.5})
    assert ask(scripted_server, asynchronous, temperature=0.5).text == "Roses."
    attributes = telemetry.attributes
    assert telemetry.span.name == "generate_content scribe_v2"
    assert attributes["gen_ai.provider.name"] == "elevenlabs"
    assert attributes["server.port"] == scripted_server.server_port
    assert attributes["gen_ai.output.type"] == "text"
    assert attributes["gen_ai.request.temperature"] == 0.5
    assert attributes["gen_ai.response.id"] == "t-1"
    assert attributes["callspan.usage.audio_seconds"] == 2.5
    assert "Roses." in attributes["gen_ai.output.messages"]
    assert not counts(telemetry)
    assert "whisper" not in telemetry.everything()


@pytest.mark.instrument(capture="span")
def test_two_channels(telemetry: Telemetry, scripted_server: ScriptedServer) -> None:
    """Each channel is a choice of its own."""
    channels = [CHANNEL, {**CHANNEL, "text": "Lilies."}]
    scripted_server.answer({"transcripts": channels, "audio_duration_secs": 5})
    ask(scripted_server, False, use_multi_channel=True)
    messages = json.loads(telemetry.attributes["gen_ai.output.messages"])
    texts = [message["parts"][0]["content"] for message in messages]
    assert texts == ["Roses.", "Lilies."]
    assert telemetry.attributes["callspan.usage.audio_seconds"] == 5


@BOTH
def test_error(telemetry: Telemetry, scripted_server: ScriptedServer, asynchronous: bool) -> None:
    """A refused call has the code in the answer, and the status."""
    detail = {"status": "invalid_api_key", "message": "no"}
    scripted_server.answer({"detail": detail}, status=401)
    with pytest.raises(elevenlabs.core.api_error.ApiError):
        ask(scripted_server, asynchronous)
    attributes = telemetry.attributes
    assert attributes["http.response.status_code"] == 401
    assert attributes["error.type"] == "invalid_api_key"
