"""Claude Agent SDK: a package in its shape stands for it, whose program is a list of messages.

The real SDK, which brings a program of 400 MB, is run by `python -m tests.frameworks`.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
import types
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

import callspan
from telemetry import Telemetry

QUERY = """
import asyncio

class Query:
    def __init__(self, transport):
        self.transport, self.frames, self.requests = transport, asyncio.Queue(), []

    def start(self):
        self.reader = asyncio.ensure_future(self._read_messages())

    async def _read_messages(self):
        try:
            async for frame in self.transport.read_messages():
                if frame["type"] == "control_request":
                    await self._handle_control_request(frame)
                else:
                    await self.frames.put(frame)
        except Exception as error:
            await self.frames.put(error)
        await self.frames.put(None)

    async def _handle_control_request(self, request):
        await self.transport.answer(request)

    async def receive(self):
        while (frame := await self.frames.get()) is not None:
            if isinstance(frame, Exception):
                raise frame
            yield frame

    async def interrupt(self):
        pass

    async def close(self):
        self.reader.cancel()
"""
INTERNAL_CLIENT = """
from .query import Query

class InternalClient:
    async def process_query(self, prompt, transport):
        query = Query(transport)
        query.start()
        try:
            async for frame in query.receive():
                yield frame
        finally:
            await query.close()
"""
CLIENT = """
from ._internal.query import Query

class ClaudeSDKClient:
    def __init__(self, transport):
        self.transport = transport

    async def connect(self, prompt=None):
        self._query = Query(self.transport)
        self._query.start()

    async def query(self, prompt):
        self.transport.prompts.put_nowait(prompt)

    async def receive_response(self):
        async for frame in self._query.receive():
            yield frame
            if frame["type"] == "result":
                return

    async def disconnect(self):
        await self._query.close()
"""


class Transport:
    """The program: it sends the messages of a turn after each prompt."""

    def __init__(self, *turns: list[Any], ready: bool = False) -> None:
        self.turns = turns
        self.prompts: asyncio.Queue[str] = asyncio.Queue()
        self.is_ready = ready
        self.requests: list[Any] = []

    async def read_messages(self) -> AsyncIterator[Any]:
        for turn in self.turns:
            if not self.is_ready:
                await self.prompts.get()
            for frame in turn:
                if isinstance(frame, Exception):
                    raise frame
                yield {"session_id": "visit-7", **frame}

    async def answer(self, request: Any) -> None:
        self.requests.append(request)
        with callspan.tool("own"):
            pass


def answer(identity: str, *blocks: Any, parent: str | None = None, **message: Any) -> Any:
    usage = {"input_tokens": 20, "output_tokens": 1}
    message = {
        "id": identity,
        "model": "claude-sonnet-4-5",
        "content": blocks,
        "usage": usage,
        **message,
    }
    return {"type": "assistant", "message": message, "parent_tool_use_id": parent}


def tool_use(identity: str, name: str = "price", **arguments: Any) -> Any:
    return {"type": "tool_use", "id": identity, "name": name, "input": arguments}


def tool_result(identity: str, is_error: bool = False, parent: str | None = None) -> Any:
    block = {
        "type": "tool_result",
        "tool_use_id": identity,
        "content": "2 euros",
        "is_error": is_error,
    }
    return {"type": "user", "message": {"content": [block]}, "parent_tool_use_id": parent}


def result(cost: float = 0.01, output: int = 9, **more: Any) -> Any:
    facts = {"subtype": "success", "is_error": False, "result": "2 euros"}
    return {
        "type": "result",
        **facts,
        "total_cost_usd": cost,
        "usage": {"output_tokens": output},
        **more,
    }


TEXT = {"type": "text", "text": "2 euros"}


@pytest.fixture
def sdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The modules that are patched, imported when callspan is in force."""
    folder = tmp_path / "claude_agent_sdk"
    (folder / "_internal").mkdir(parents=True)
    (folder / "_internal" / "query.py").write_text(QUERY)
    (folder / "_internal" / "client.py").write_text(INTERNAL_CLIENT)
    (folder / "client.py").write_text(CLIENT)
    monkeypatch.syspath_prepend(str(tmp_path))

    class Modules:
        @staticmethod
        def client(*turns: list[Any]) -> Any:
            module = importlib.import_module("claude_agent_sdk.client")
            return module.ClaudeSDKClient(Transport(*turns))

        @staticmethod
        def query(*frames: Any) -> Any:
            module = importlib.import_module("claude_agent_sdk._internal.client")
            transport = Transport(list(frames), ready=True)
            return module.InternalClient().process_query(prompt="How much?", transport=transport)

    yield Modules()
    callspan.uninstrument()
    for name in list(sys.modules):
        if name.partition(".")[0] == "claude_agent_sdk":
            del sys.modules[name]


def tree(telemetry: Telemetry) -> set[tuple[str, str | None]]:
    """Return name and name of the parent of each span."""
    names = {span.context.span_id: span.name for span in telemetry.all_spans if span.context}
    return {
        (span.name, names.get(span.parent.span_id) if span.parent else None)
        for span in telemetry.all_spans
    }


def attributes(telemetry: Telemetry, name: str) -> list[Any]:
    """Return the attributes of the spans with a name, in the order of their ends."""
    return [span.attributes or {} for span in telemetry.all_spans if span.name == name]


async def read(frames: AsyncIterator[Any]) -> list[Any]:
    return [frame["type"] async for frame in frames]


async def turns(client: Any, number: int = 1) -> None:
    await client.connect()
    for _turn in range(number):
        await client.query("How much?")
        await read(client.receive_response())
    await client.disconnect()


def test_a_query_is_one_agent_around_its_calls_and_tools(telemetry: Telemetry, sdk: Any) -> None:
    telemetry.instrument(capture="span")
    frames = [
        answer("msg_1", tool_use("toolu_1", flower="tulip")),
        tool_result("toolu_1"),
        answer("msg_2", TEXT),
        result(),
    ]
    kinds = asyncio.run(read(sdk.query(*frames)))
    assert kinds == ["assistant", "user", "assistant", "result"]
    assert tree(telemetry) == {
        ("invoke_agent", None),
        ("chat claude-sonnet-4-5", "invoke_agent"),
        ("execute_tool price", "invoke_agent"),
    }
    (agent,) = attributes(telemetry, "invoke_agent")
    (tool,) = attributes(telemetry, "execute_tool price")
    chats = attributes(telemetry, "chat claude-sonnet-4-5")
    assert len(chats) == 2
    assert "How much?" in agent["gen_ai.input.messages"]
    assert tool["gen_ai.tool.call.id"] == "toolu_1"
    assert "tulip" in tool["gen_ai.tool.call.arguments"]
    for each in (agent, tool, *chats):
        assert each["gen_ai.conversation.id"] == "visit-7"
        assert each["callspan.framework.name"] == "claude_agent_sdk"
    assert (agent["callspan.sum.cost.usd"], agent["callspan.sum.cost.source"]) == (0.01, "agent")


def test_the_output_tokens_of_a_turn_stand_at_its_last_call(telemetry: Telemetry, sdk: Any) -> None:
    """The program states those of the first moment of a message, and the sum in the end."""
    telemetry.instrument()
    asyncio.run(read(sdk.query(answer("msg_1", TEXT), answer("msg_2", TEXT), result(output=9))))
    first, last = attributes(telemetry, "chat claude-sonnet-4-5")
    name = "gen_ai.usage.output_tokens"
    assert (name in first, last[name], last["callspan.usage.source"]) == (False, 9, "turn")


def test_the_events_of_a_stream_have_the_tokens_of_each_call(
    telemetry: Telemetry, sdk: Any
) -> None:
    telemetry.instrument()
    event = {"type": "message_delta", "usage": {"output_tokens": 7}, "delta": {}}
    event["delta"] = {"stop_reason": "end_turn"}
    frames = [answer("msg_1", TEXT), {"type": "stream_event", "event": event}, result(output=9)]
    asyncio.run(read(sdk.query(*frames)))
    (chat,) = attributes(telemetry, "chat claude-sonnet-4-5")
    assert chat["gen_ai.usage.output_tokens"] == 7
    assert chat["gen_ai.response.finish_reasons"] == ("end_turn",)


@pytest.mark.parametrize(
    ("inherited", "own", "provider"),
    [
        ("", {"CLAUDE_CODE_USE_VERTEX": "1"}, "gcp.vertex_ai"),
        ("1", {"CLAUDE_CODE_USE_VERTEX": "0"}, "anthropic"),
        ("1", {}, "gcp.vertex_ai"),
        ("1", None, "gcp.vertex_ai"),
    ],
)
def test_the_environment_in_the_options_says_the_provider(
    telemetry: Telemetry,
    sdk: Any,
    monkeypatch: pytest.MonkeyPatch,
    inherited: str,
    own: Any,
    provider: str,
) -> None:
    monkeypatch.setenv("CLAUDE_CODE_USE_VERTEX", inherited)
    telemetry.instrument()

    async def ask() -> None:
        client = sdk.client([answer("msg_1", TEXT), result()])
        # as the SDK's own transport keeps them
        client.transport._options = types.SimpleNamespace(env=own)
        await turns(client)

    asyncio.run(ask())
    [call] = attributes(telemetry, "chat claude-sonnet-4-5")
    assert call["gen_ai.provider.name"] == provider


def test_pieces_of_one_message_are_one_call(telemetry: Telemetry, sdk: Any) -> None:
    telemetry.instrument(capture="span")
    pieces = [answer("msg_1", TEXT), answer("msg_1", tool_use("toolu_1"))]
    asyncio.run(read(sdk.query(*pieces, tool_result("toolu_1"), result())))
    (chat,) = attributes(telemetry, "chat claude-sonnet-4-5")
    assert "2 euros" in chat["gen_ai.output.messages"]
    assert "toolu_1" in chat["gen_ai.output.messages"]


def test_a_subagent_is_an_agent_in_its_tool(telemetry: Telemetry, sdk: Any) -> None:
    telemetry.instrument()
    frames = [
        answer("msg_1", tool_use("toolu_1", "Agent", subagent_type="florist", prompt="Price?")),
        answer("msg_2", tool_use("toolu_2"), parent="toolu_1", model="claude-haiku-4-5"),
        tool_result("toolu_2", parent="toolu_1"),
        tool_result("toolu_1"),
        result(),
    ]
    asyncio.run(read(sdk.query(*frames)))
    assert tree(telemetry) == {
        ("invoke_agent", None),
        ("chat claude-sonnet-4-5", "invoke_agent"),
        ("execute_tool Agent", "invoke_agent"),
        ("invoke_agent florist", "execute_tool Agent"),
        ("chat claude-haiku-4-5", "invoke_agent florist"),
        ("execute_tool price", "invoke_agent florist"),
    }


def test_each_prompt_of_a_client_is_a_turn_with_its_own_cost(
    telemetry: Telemetry, sdk: Any
) -> None:
    """The program states the cost of all turns so far."""
    telemetry.instrument()
    client = sdk.client(
        [answer("msg_1", TEXT), result(0.01)], [answer("msg_2", TEXT), result(0.035)]
    )
    asyncio.run(turns(client, 2))
    costs = [each["callspan.sum.cost.usd"] for each in attributes(telemetry, "invoke_agent")]
    assert costs == pytest.approx([0.01, 0.025])


@pytest.mark.parametrize(
    ("end", "outcome", "error_type"),
    [
        (
            result(subtype="error_max_turns", is_error=True, result=None),
            "error",
            "error_max_turns",
        ),
        (result(is_error=True, api_error_status=529), "error", "529"),
        (
            result(is_error=True, terminal_reason="aborted_streaming"),
            "cancelled",
            "cancelled",
        ),
    ],
)
def test_a_result_says_how_a_turn_ended(
    telemetry: Telemetry, sdk: Any, end: Any, outcome: str, error_type: str
) -> None:
    telemetry.instrument()
    asyncio.run(turns(sdk.client([answer("msg_1", TEXT), end])))
    (agent,) = attributes(telemetry, "invoke_agent")
    assert (agent["callspan.outcome"], agent.get("error.type")) == (outcome, error_type)
    assert "2 euros" not in telemetry.everything()


def test_a_tool_with_an_error_has_failed_and_the_turn_has_not(
    telemetry: Telemetry, sdk: Any
) -> None:
    telemetry.instrument()
    frames = [answer("msg_1", tool_use("toolu_1")), tool_result("toolu_1", True), result()]
    asyncio.run(turns(sdk.client(frames)))
    (tool,) = attributes(telemetry, "execute_tool price")
    (agent,) = attributes(telemetry, "invoke_agent")
    assert (tool["error.type"], agent["callspan.outcome"]) == ("tool_error", "completed")


def test_a_turn_that_is_left_is_abandoned_with_its_tools(telemetry: Telemetry, sdk: Any) -> None:
    telemetry.instrument()

    async def leave() -> None:
        client = sdk.client([answer("msg_1", tool_use("toolu_1"))])
        await client.connect()
        await client.query("How much?")
        async for _frame in client.receive_response():
            break
        await client.disconnect()

    asyncio.run(leave())
    outcomes = {
        span.name: (span.attributes or {})["callspan.outcome"] for span in telemetry.all_spans
    }
    assert outcomes == {
        "chat claude-sonnet-4-5": "completed",
        "execute_tool price": "abandoned",
        "invoke_agent": "abandoned",
    }


def test_a_subagent_that_is_left_ends_before_its_tool(telemetry: Telemetry, sdk: Any) -> None:
    telemetry.instrument()
    agent = tool_use("toolu_1", "Agent", subagent_type="florist", prompt="Price?")

    async def leave() -> None:
        inner = answer("msg_2", tool_use("toolu_2"), parent="toolu_1", model="claude-haiku-4-5")
        client = sdk.client([answer("msg_1", agent), inner])
        await client.connect()
        await client.query("How much?")
        frames = client.receive_response()
        await anext(frames)
        await anext(frames)
        await client.disconnect()

    asyncio.run(leave())
    names = [span.name for span in telemetry.all_spans if not span.name.startswith("chat")]
    assert names == [
        "execute_tool price",
        "invoke_agent florist",
        "execute_tool Agent",
        "invoke_agent",
    ]


def test_a_reader_that_leaves_at_the_result_has_read_all(telemetry: Telemetry, sdk: Any) -> None:
    telemetry.instrument()

    async def leave() -> None:
        frames = sdk.query(answer("msg_1", TEXT), result())
        async for frame in frames:
            if frame["type"] == "result":
                break
        await frames.aclose()

    asyncio.run(leave())
    (agent,) = attributes(telemetry, "invoke_agent")
    assert agent["callspan.outcome"] == "completed"


def test_a_program_that_dies_fails_the_turn_and_the_app_sees_why(
    telemetry: Telemetry, sdk: Any
) -> None:
    telemetry.instrument()
    error = ConnectionError("the program has ended")
    with pytest.raises(ConnectionError) as caught:
        asyncio.run(turns(sdk.client([answer("msg_1", TEXT), error])))
    assert caught.value is error
    (agent,) = attributes(telemetry, "invoke_agent")
    assert agent["error.type"] == "ConnectionError"


@pytest.mark.parametrize("names_the_call", [True, False])
def test_a_tool_of_the_app_runs_inside_its_call(
    telemetry: Telemetry, sdk: Any, names_the_call: bool
) -> None:
    """Also where the app has not read the message yet that calls it."""
    telemetry.instrument()
    params: Any = {"name": "price", "arguments": {}}
    if names_the_call:
        params["_meta"] = {"claudecode/toolUseId": "toolu_1"}
    message = {"id": 1, "method": "tools/call", "params": params}
    body = {"subtype": "mcp_message", "server_name": "shop", "message": message}
    request = {"type": "control_request", "request": body}
    client = sdk.client(
        [answer("msg_1", tool_use("toolu_1", "mcp__shop__price")), request, result()]
    )
    asyncio.run(turns(client))
    assert ("execute_tool own", "execute_tool mcp__shop__price") in tree(telemetry)
    (answered,) = client.transport.requests
    assert "traceparent" in answered["request"]["message"]["params"]["_meta"]
    assert "traceparent" not in str(params)


def test_odd_messages_reach_the_app_as_they_are(telemetry: Telemetry, sdk: Any) -> None:
    telemetry.instrument()
    odd = [{"type": "assistant", "message": None}, {"type": "user", "message": 7}, {"type": "new"}]
    kinds = asyncio.run(read(sdk.query(*odd, result(usage=3, total_cost_usd="much"))))
    assert kinds == ["assistant", "user", "new", "result"]


def test_nothing_is_left_after_uninstrument(telemetry: Telemetry, sdk: Any) -> None:
    telemetry.instrument()
    client = sdk.client([answer("msg_1", TEXT), result()])
    callspan.uninstrument()
    asyncio.run(turns(client))
    assert not telemetry.all_spans
    assert not hasattr(type(client).query, "__wrapped__")
