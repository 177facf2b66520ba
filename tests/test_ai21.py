"""AI21's client, whose chat is OpenAI's: its model, its counts, its errors and its retries.

The answers are written from the classes of ai21 4.3; none was recorded.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from scripted import ScriptedServer
from telemetry import Telemetry

ai21 = pytest.importorskip("ai21", reason="ai21 is not installed")

HELLO: dict[str, Any] = {
    "model": "jamba-mini",
    "messages": [ai21.models.chat.ChatMessage(role="user", content="Hello")],
}
ANSWER = {
    "id": "a-1",
    "model": "jamba-mini-2-2026-01",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Roses."},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13},
}


def ask(server: ScriptedServer, asynchronous: bool, retries: int = 1, **request: Any) -> Any:
    """One chat, or the chunks of one."""
    options = {"api_key": "any", "api_host": server.url, "num_retries": retries}
    if not asynchronous:
        answer = ai21.AI21Client(**options).chat.completions.create(**HELLO, **request)
        return list(answer) if request.get("stream") else answer

    async def aask() -> Any:
        client = ai21.AsyncAI21Client(**options)
        answer = await client.chat.completions.create(**HELLO, **request)
        return [chunk async for chunk in answer] if request.get("stream") else answer

    return asyncio.run(aask())


BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


@BOTH
@pytest.mark.instrument(capture="span")
def test_chat(telemetry: Telemetry, scripted_server: ScriptedServer, asynchronous: bool) -> None:
    """A chat has the server of its client, and the texts and counts of its answer."""
    scripted_server.answer(ANSWER)
    ask(scripted_server, asynchronous, temperature=0.5)
    attributes = telemetry.attributes
    assert telemetry.span.name == "chat jamba-mini"
    assert attributes["gen_ai.provider.name"] == "ai21"
    assert attributes["server.port"] == scripted_server.server_port
    assert attributes["gen_ai.request.temperature"] == 0.5
    assert telemetry.tokens == {"input": 9, "output": 4}
    assert "Hello" in attributes["gen_ai.input.messages"]
    assert "Roses." in attributes["gen_ai.output.messages"]


@BOTH
def test_error(telemetry: Telemetry, scripted_server: ScriptedServer, asynchronous: bool) -> None:
    """The client's exception has the status, and the code is in its text."""
    scripted_server.answer({"error": {"code": "no_credit", "message": "no"}}, status=401)
    with pytest.raises(ai21.errors.Unauthorized):
        ask(scripted_server, asynchronous)
    attributes = telemetry.attributes
    assert (attributes["error.type"], attributes["http.response.status_code"]) == ("no_credit", 401)


@BOTH
def test_retry(
    telemetry: Telemetry,
    scripted_server: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
    asynchronous: bool,
) -> None:
    """An attempt that is answered with an error and repeated is a retry of one call."""
    for module in ("http_client", "async_http_client"):
        monkeypatch.setattr(f"ai21.http_client.{module}.RETRY_BACK_OFF_FACTOR", 0)
        monkeypatch.setattr(f"ai21.http_client.{module}.TIME_BETWEEN_RETRIES", 0)
    scripted_server.answer({"detail": "busy"}, status=503)
    scripted_server.answer(ANSWER)
    ask(scripted_server, asynchronous, retries=2)
    assert len(scripted_server.paths) == 2
    assert [event["callspan.retry.cause"] for event in telemetry.events("callspan.retry")] == [
        "503"
    ]
    assert telemetry.tokens == {"input": 9, "output": 4}


def test_other_paths_are_no_calls(telemetry: Telemetry, scripted_server: ScriptedServer) -> None:
    """A run that is begun for later calls no model here."""
    scripted_server.answer({"id": "r-1", "status": "in_progress", "result": None})
    client = ai21.AI21Client(api_key="any", api_host=scripted_server.url)
    if not hasattr(client.beta, "maestro"):
        pytest.skip("this version of the client has no runs")
    client.beta.maestro.runs.create(input="Which flowers?")
    assert scripted_server.paths == ["/maestro/runs"]
    assert not telemetry.spans
