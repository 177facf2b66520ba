"""Letta's client: messages to agents at a server, whole and streamed.

The answers are written from the classes of letta-client 1.12; none was recorded.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from scripted import ScriptedServer
from telemetry import Telemetry, counts

letta = pytest.importorskip("letta_client", reason="letta-client is not installed")

AGENT = "agent-1"
DAY = "2026-01-01T00:00:00Z"
USAGE = {
    "message_type": "usage_statistics",
    "prompt_tokens": 90,
    "completion_tokens": 25,
    "total_tokens": 115,
    "cached_input_tokens": 64,
    "reasoning_tokens": 20,
    "step_count": 2,
}
THOUGHT = {
    "message_type": "reasoning_message",
    "id": "m-1",
    "date": DAY,
    "reasoning": "Which last?",
}
STOP = {"message_type": "stop_reason", "stop_reason": "end_turn"}


def said(text: str) -> dict[str, Any]:
    """A message of the agent's, or a piece of it."""
    return {"message_type": "assistant_message", "id": "m-2", "date": DAY, "content": text}


def client_at(server: ScriptedServer, kind: str = "Letta") -> Any:
    """The client, which does not retry."""
    return getattr(letta, kind)(api_key="any", base_url=server.url, max_retries=0)


def ask(server: ScriptedServer, asynchronous: bool, name: str = "create") -> Any:
    """One message to the agent; the items of a stream."""
    stream = name == "stream"

    async def aask() -> Any:
        async with client_at(server, "AsyncLetta") as client:
            answer = await getattr(client.agents.messages, name)(AGENT, input="Which flowers?")
            return [item async for item in answer] if stream else answer

    if asynchronous:
        return asyncio.run(aask())
    with client_at(server) as client:
        answer = getattr(client.agents.messages, name)(AGENT, input="Which flowers?")
        return list(answer) if stream else answer


BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


@BOTH
@pytest.mark.instrument(capture="span")
@pytest.mark.parametrize("name", ["create", "stream"])
def test_answer(
    telemetry: Telemetry, scripted_server: ScriptedServer, name: str, asynchronous: bool
) -> None:
    """An answer has its texts, and the tokens of all steps together."""
    if name == "stream":
        scripted_server.stream(THOUGHT, said("Ro"), said("ses."), STOP, USAGE)
    else:
        messages = [THOUGHT, said("Roses.")]
        scripted_server.answer({"messages": messages, "stop_reason": STOP, "usage": USAGE})
    ask(scripted_server, asynchronous, name)
    attributes = telemetry.attributes
    assert telemetry.span.name == "chat"
    assert attributes["gen_ai.provider.name"] == "letta"
    assert attributes["gen_ai.response.finish_reasons"] == ("end_turn",)
    assert attributes["callspan.outcome"] == "completed"
    assert counts(telemetry) == {
        "input_tokens": 90,
        "output_tokens": 25,
        "cache_read.input_tokens": 64,
        "reasoning.output_tokens": 20,
    }
    assert "Which flowers?" in attributes["gen_ai.input.messages"]
    for words in ("Roses.", "Which last?"):
        assert words in attributes["gen_ai.output.messages"]


@BOTH
def test_error_in_a_stream(
    telemetry: Telemetry, scripted_server: ScriptedServer, asynchronous: bool
) -> None:
    """A message that tells of an error ends the call with that."""
    error = {
        "message_type": "error_message",
        "error_type": "llm_timeout",
        "message": "no",
        "run_id": "r-1",
    }
    scripted_server.stream(THOUGHT, error)
    ask(scripted_server, asynchronous, "stream")
    attributes = telemetry.attributes
    assert (attributes["callspan.outcome"], attributes["error.type"]) == ("error", "llm_timeout")


@pytest.mark.instrument(capture="span")
def test_tool_that_waits(telemetry: Telemetry, scripted_server: ScriptedServer) -> None:
    """A tool that waits for the app's word is a tool call of the answer."""
    call = {"name": "order", "arguments": '{"flower":"rose"}', "tool_call_id": "c-1"}
    message = {
        "message_type": "approval_request_message",
        "id": "m-3",
        "date": DAY,
        "tool_call": call,
    }
    stop = {**STOP, "stop_reason": "requires_approval"}
    scripted_server.answer({"messages": [message], "stop_reason": stop, "usage": USAGE})
    ask(scripted_server, False)
    assert '"order"' in telemetry.attributes["gen_ai.output.messages"]


def test_conversation(telemetry: Telemetry, scripted_server: ScriptedServer) -> None:
    """A message in a conversation names that."""
    client = client_at(scripted_server)
    if not hasattr(client, "conversations"):
        pytest.skip("this version of the client has no conversations")
    scripted_server.stream(said("Roses."), STOP, USAGE)
    list(client.conversations.messages.create("conv-1", input="Which flowers?"))
    assert telemetry.attributes["gen_ai.conversation.id"] == "conv-1"
    # what stands in the path is not sent in the body
    assert "conversation_id" not in scripted_server.bodies[0]
    assert telemetry.tokens == {"input": 90, "output": 25}


def test_job_is_no_call(telemetry: Telemetry, scripted_server: ScriptedServer) -> None:
    """Messages that are handed over for later are no call."""
    scripted_server.answer({"id": "run-1", "agent_id": AGENT, "status": "created"})
    client = client_at(scripted_server)
    client.agents.messages.create_async(AGENT, input="Which flowers?")
    assert not telemetry.spans
