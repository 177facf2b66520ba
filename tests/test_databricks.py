"""Databricks' SDK, where it queries a model that is served.

The answers are written from the classes of databricks-sdk 0.162; none was recorded.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

from scripted import ScriptedServer
from telemetry import Telemetry

sdk: Any = pytest.importorskip("databricks.sdk", reason="databricks-sdk is not installed")
serving: Any = import_module("databricks.sdk.service.serving")

CHOICE = {"index": 0, "message": {"role": "assistant", "content": "Roses."}, "finishReason": "stop"}
USAGE = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}


def ask(server: ScriptedServer, **request: Any) -> Any:
    """Query a model, which is not repeated."""
    config = sdk.core.Config(host=server.url, token="any", retry_timeout_seconds=1)
    return sdk.WorkspaceClient(config=config).serving_endpoints.query("flowers", **request)


def messages() -> list[Any]:
    """Return a conversation of the client's own objects."""
    return [serving.ChatMessage(role=serving.ChatMessageRole.USER, content="whisper")]


@pytest.mark.instrument(capture="span")
def test_chat(telemetry: Telemetry, scripted_server: ScriptedServer) -> None:
    """A chat is named after the place at which the model is served; the answer names the model."""
    scripted_server.answer({"id": "c-1", "model": "dbrx", "choices": [CHOICE], "usage": USAGE})
    answer = ask(scripted_server, messages=messages(), max_tokens=9, temperature=0.5)
    assert answer.choices[0].message.content == "Roses."
    attributes = telemetry.attributes
    assert telemetry.span.name == "chat flowers"
    assert attributes["gen_ai.provider.name"] == "databricks"
    assert attributes["server.port"] == scripted_server.server_port
    assert attributes["gen_ai.request.max_tokens"] == 9
    assert attributes["gen_ai.request.temperature"] == 0.5
    assert attributes["gen_ai.response.id"] == "c-1"
    assert attributes["gen_ai.response.model"] == "dbrx"
    assert attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert telemetry.tokens == {"input": 12, "output": 3}
    assert '"role":"user"' in attributes["gen_ai.input.messages"].replace(" ", "")
    assert "whisper" in attributes["gen_ai.input.messages"]
    assert "Roses." in attributes["gen_ai.output.messages"]


def test_completion(telemetry: Telemetry, scripted_server: ScriptedServer) -> None:
    """A prompt is completed; a finish reason that the client has lost is none, and no error."""
    scripted_server.answer({"choices": [{"index": 0, "text": "Roses."}], "usage": USAGE})
    ask(scripted_server, prompt="whisper")
    assert telemetry.span.name == "text_completion flowers"
    assert telemetry.tokens == {"input": 12, "output": 3}
    assert "gen_ai.response.finish_reasons" not in telemetry.attributes
    assert not [word for word in ("whisper", "Roses") if word in telemetry.everything()]


def test_embeddings(telemetry: Telemetry, scripted_server: ScriptedServer) -> None:
    """Texts become vectors."""
    data = [{"index": 0, "object": "embedding", "embedding": [0.25, 0.5]}]
    scripted_server.answer({"data": data, "usage": {"prompt_tokens": 4, "total_tokens": 4}})
    ask(scripted_server, input=["whisper"])
    assert telemetry.span.name == "embeddings flowers"
    assert telemetry.tokens == {"input": 4}


def test_a_model_of_another_kind(telemetry: Telemetry, scripted_server: ScriptedServer) -> None:
    """A table for a model of another kind is no call."""
    scripted_server.answer({"predictions": [1]})
    assert ask(scripted_server, dataframe_records=[{"petals": 5}]).predictions == [1]
    assert not telemetry.spans


def test_error(telemetry: Telemetry, scripted_server: ScriptedServer) -> None:
    """A refused call has the code in the answer."""
    refusal = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "whisper"}
    scripted_server.answer(refusal, status=404)
    with pytest.raises(import_module("databricks.sdk.errors").NotFound):
        ask(scripted_server, messages=messages())
    assert telemetry.attributes["error.type"] == "RESOURCE_DOES_NOT_EXIST"
    assert "whisper" not in telemetry.span.to_json()
