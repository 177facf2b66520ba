"""SambaNova's client in each format that it speaks, before the model server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from callspan.testing.modelserver import ModelServer
from clients import stainless_at
from telemetry import Telemetry

pytest.importorskip("sambanova", reason="sambanova is not installed")

MODEL = "flowers-8b"
MESSAGES: list[Any] = [{"role": "user", "content": "Hello"}]
REQUESTS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "completions": ("text_completion", lambda c: c.completions.create(model=MODEL, prompt="Hi")),
    "responses": ("chat", lambda c: c.responses.create(model=MODEL, input="Hi")),
    "messages": (
        "chat",
        lambda c: c.messages.create(model=MODEL, messages=MESSAGES, max_tokens=64),
    ),
    "embeddings": ("embeddings", lambda c: c.embeddings.create(model=MODEL, input="Hi")),
    "audio": (
        "generate_content",
        lambda c: c.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"RIFF")),
    ),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_each_format(telemetry: Telemetry, model_server: ModelServer, name: str) -> None:
    """Completions, responses, messages, embeddings and transcriptions are calls of SambaNova's."""
    operation, ask = REQUESTS[name]
    with stainless_at("sambanova", "SambaNova")(model_server.url) as client:
        if not hasattr(client, name):
            pytest.skip(f"this version of the client has no {name}")
        ask(client)
    attributes = telemetry.attributes
    assert (attributes["gen_ai.operation.name"], attributes["gen_ai.provider.name"]) == (
        operation,
        "sambanova",
    )
    assert attributes["callspan.outcome"] == "completed"
    if operation != "generate_content":
        assert telemetry.tokens["input"] == model_server.ledger.total_told.input


def test_counting_is_no_call(telemetry: Telemetry, model_server: ModelServer) -> None:
    """To count the tokens of messages calls no model."""
    with stainless_at("sambanova", "SambaNova")(model_server.url) as client:
        if not hasattr(client, "messages"):
            pytest.skip("this version of the client has no messages")
        with pytest.raises(Exception, match=r"Invalid|not found|404"):
            client.messages.count_tokens(model=MODEL, messages=MESSAGES)
    assert not telemetry.spans
