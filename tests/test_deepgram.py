"""Deepgram's client: transcriptions of recordings by their address or their bytes.

The answers are written from the classes of deepgram-sdk 7.17; none was recorded.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from inspect import signature
from typing import Any

import pytest

from scripted import ScriptedServer
from telemetry import Telemetry, counts

deepgram = pytest.importorskip("deepgram", reason="deepgram-sdk is not installed")

ANSWER = {
    "metadata": {
        "request_id": "d-1",
        "sha256": "0",
        "created": "2026-01-01T00:00:00Z",
        "duration": 2.5,
        "channels": 1,
        "models": ["m-1"],
        "model_info": {"m-1": {"name": "general-nova-3", "version": "1", "arch": "nova-3"}},
    },
    "results": {
        "channels": [{"alternatives": [{"transcript": "Roses.", "confidence": 0.9}]}],
    },
}
BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
SOUND = b"RIFF-whisper"


def ask(server: ScriptedServer, asynchronous: bool, name: str, **request: Any) -> Any:
    """One transcription, which is not repeated."""
    environment_class = import_module("deepgram.environment").DeepgramClientEnvironment
    # older versions have fewer addresses
    names = list(signature(environment_class).parameters)
    environment = environment_class(**dict.fromkeys(names, server.url))
    kind = deepgram.AsyncDeepgramClient if asynchronous else deepgram.DeepgramClient
    client = kind(api_key="any", environment=environment)
    options: Any = {"max_retries": 0}
    method = getattr(client.listen.v1.media, name)
    result = method(model="nova-3", request_options=options, **request)
    if not asynchronous:
        return result

    async def aask() -> Any:
        return await result

    return asyncio.run(aask())


@BOTH
@pytest.mark.instrument(capture="span")
@pytest.mark.parametrize(
    ("name", "request_body"),
    [
        ("transcribe_url", {"url": "https://example.com/whisper.wav"}),
        ("transcribe_file", {"request": SOUND}),
    ],
    ids=["address", "bytes"],
)
def test_transcription(
    telemetry: Telemetry,
    scripted_server: ScriptedServer,
    name: str,
    request_body: dict[str, Any],
    asynchronous: bool,
) -> None:
    """A transcription has its models, its text and the length of the sound, no tokens, and nothing of the recording."""
    scripted_server.answer(ANSWER)
    ask(scripted_server, asynchronous, name, **request_body)
    attributes = telemetry.attributes
    assert telemetry.span.name == "generate_content nova-3"
    assert attributes["gen_ai.provider.name"] == "deepgram"
    assert attributes["server.port"] == scripted_server.server_port
    assert attributes["gen_ai.output.type"] == "text"
    assert attributes["gen_ai.response.id"] == "d-1"
    assert attributes["gen_ai.response.model"] == "general-nova-3"
    assert "Roses." in attributes["gen_ai.output.messages"]
    assert not counts(telemetry)
    assert attributes["callspan.usage.audio_seconds"] == 2.5
    assert "whisper" not in telemetry.everything()


@BOTH
def test_error(telemetry: Telemetry, scripted_server: ScriptedServer, asynchronous: bool) -> None:
    """A refused call has the code in the answer, and the status."""
    scripted_server.answer({"err_code": "INVALID_AUTH", "err_msg": "no"}, status=401)
    with pytest.raises(import_module("deepgram.core.api_error").ApiError):
        ask(scripted_server, asynchronous, "transcribe_url", url="https://example.com/a.wav")
    attributes = telemetry.attributes
    assert attributes["http.response.status_code"] == 401
    assert attributes["error.type"] == "INVALID_AUTH"
