"""LangChain's callback handlers, given to callspan, hear plain clients."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import openai
import pytest
from langchain_core.callbacks import (
    AsyncCallbackHandler,
    BaseCallbackHandler,
    FileCallbackHandler,
    StdOutCallbackHandler,
    UsageMetadataCallbackHandler,
)
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tracers.stdout import ConsoleCallbackHandler

import callspan
from callspan.testing.modelserver import Counts, ModelServer, Reply, ToolCall
from clients import anthropic_at, async_openai_client
from program import CHAT, WITH_USAGE, Program
from telemetry import Telemetry

ROSES = Reply(text="Roses are red.", usage=Counts(input=7, output=4, cached=2, reasoning=1))


class Heard(BaseCallbackHandler):
    """Notes all that a model's callbacks are told."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def _note(self, event: str, *told: Any, **facts: Any) -> None:
        self.heard.append((event, told, facts))

    def on_chat_model_start(self, *told: Any, **facts: Any) -> None:
        self._note("chat", *told, **facts)

    def on_llm_start(self, *told: Any, **facts: Any) -> None:
        self._note("llm", *told, **facts)

    def on_llm_new_token(self, *told: Any, **facts: Any) -> None:
        self._note("token", *told, **facts)

    def on_llm_end(self, *told: Any, **facts: Any) -> None:
        self._note("end", *told, **facts)

    def on_llm_error(self, *told: Any, **facts: Any) -> None:
        self._note("error", *told, **facts)

    @property
    def events(self) -> list[str]:
        return [event for event, _, _ in self.heard]

    def told(self, event: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return next((told, facts) for name, told, facts in self.heard if name == event)


class AsyncHeard(AsyncCallbackHandler):
    """The same, asynchronously; it has no method for chats."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.prompts: list[str] = []

    async def on_llm_start(
        self, serialized: dict[str, Any], prompts: list[str], **facts: Any
    ) -> None:
        await asyncio.sleep(0)
        self.heard.append("llm")
        self.prompts += prompts

    async def on_llm_new_token(self, token: str, **facts: Any) -> None:
        await asyncio.sleep(0)
        self.heard.append(token)

    async def on_llm_end(self, response: Any, **facts: Any) -> None:
        await asyncio.sleep(0)
        self.heard.append("end")


def hearing(telemetry: Telemetry, handler: Any) -> Any:
    """Instrumented with this handler of LangChain's."""
    telemetry.instrument(handlers=[callspan.from_langchain(handler)])
    return handler


def test_plain_call(telemetry: Telemetry, program: Program, model_server: ModelServer) -> None:
    """A start with LangChain's messages and facts, and an end with a result of one run."""
    heard = hearing(telemetry, Heard())
    model_server.enqueue(ROSES)
    program.chat(temperature=0.5, max_tokens=9)
    assert heard.events == ["chat", "end"]
    (serialized, conversations), facts = heard.told("chat")
    assert conversations == [[HumanMessage(CHAT["messages"][0]["content"])]]
    assert serialized["name"] == facts["name"] == f"chat {CHAT['model']}"
    assert facts["metadata"] == {
        "ls_provider": "openai",
        "ls_model_name": CHAT["model"],
        "ls_model_type": "chat",
        "ls_temperature": 0.5,
        "ls_max_tokens": 9,
    }
    assert isinstance(facts["run_id"], UUID)
    assert facts["parent_run_id"] is None
    (result,), ended = heard.told("end")
    assert ended["run_id"] == facts["run_id"]
    message = result.generations[0][0].message
    assert (message.content, message.response_metadata["finish_reason"]) == (
        "Roses are red.",
        "stop",
    )
    assert message.usage_metadata == {
        "input_tokens": 7,
        "output_tokens": 4,
        "total_tokens": 11,
        "input_token_details": {"cache_read": 2, "cache_creation": 0, "audio": 0},
        "output_token_details": {"reasoning": 1, "audio": 0},
    }
    assert result.llm_output["token_usage"] == {
        "prompt_tokens": 7,
        "completion_tokens": 4,
        "total_tokens": 11,
    }


def test_stream(telemetry: Telemetry, program: Program, model_server: ModelServer) -> None:
    """Tokens come with their chunks, which add up to the message of the end."""
    heard = hearing(telemetry, Heard())
    model_server.enqueue(ROSES)
    program.stream(**WITH_USAGE)
    assert heard.events == ["chat", "token", "token", "token", "end"]
    tokens = [(told[0], facts["chunk"]) for event, told, facts in heard.heard if event == "token"]
    whole = tokens[0][1] + tokens[1][1] + tokens[2][1]
    assert "".join(text for text, _ in tokens) == whole.text == "Roses are red."
    (result,), _ = heard.told("end")
    assert result.generations[0][0].message.content == whole.message.content
    assert result.generations[0][0].message.usage_metadata["total_tokens"] == 11


def test_unknown_counts(telemetry: Telemetry, program: Program, model_server: ModelServer) -> None:
    """Counts that nobody stated are left out, and a stream left early ends with what came."""
    heard = hearing(telemetry, Heard())
    model_server.enqueue(ROSES)
    program.stream(take=3)
    (result,), _ = heard.told("end")
    message = result.generations[0][0].message
    assert (message.content, message.usage_metadata, "token_usage" in result.llm_output) == (
        "Roses are",
        None,
        False,
    )
    assert message.response_metadata["finish_reason"] is None


def test_failed_call(telemetry: Telemetry, program: Program, model_server: ModelServer) -> None:
    """A failed call tells the client's own exception."""
    heard = hearing(telemetry, Heard())
    model_server.enqueue(Reply(status=400))
    with pytest.raises(openai.BadRequestError) as caught:
        program.chat()
    assert heard.events == ["chat", "error"]
    (error,), facts = heard.told("error")
    assert error is caught.value
    assert facts["response"].generations == [[]]


def test_conversation_with_tools(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """Roles, tool calls and tool results become LangChain's messages."""
    heard = hearing(telemetry, Heard())
    model_server.enqueue(
        Reply(tool_calls=(ToolCall("price", '{"flower": "玫瑰"}'), ToolCall("stock", "{broken")))
    )
    asked = {
        "id": "c1",
        "type": "function",
        "function": {"name": "price", "arguments": '{"flower": "tulip"}'},
    }
    picture = {"type": "image_url", "image_url": {"url": "https://shop.test/rose.png"}}
    program.chat(
        messages=[
            {"role": "system", "content": "You sell flowers."},
            {"role": "assistant", "content": None, "tool_calls": [asked]},
            {"role": "tool", "tool_call_id": "c1", "content": "1.20"},
            {"role": "tool", "tool_call_id": "c2", "content": None},
            {"role": "user", "content": [{"type": "text", "text": "And this?"}, picture]},
        ]
    )
    (_, (conversation,)), _ = heard.told("chat")
    assert conversation == [
        SystemMessage("You sell flowers."),
        AIMessage("", tool_calls=[{"name": "price", "args": {"flower": "tulip"}, "id": "c1"}]),
        ToolMessage("1.20", tool_call_id="c1"),
        ToolMessage("", tool_call_id="c2"),
        HumanMessage([{"type": "text", "text": "And this?"}, picture]),
    ]
    (result,), _ = heard.told("end")
    message = result.generations[0][0].message
    assert [(call["name"], call["args"]) for call in message.tool_calls] == [
        ("price", {"flower": "玫瑰"})
    ]
    assert [(call["name"], call["args"]) for call in message.invalid_tool_calls] == [
        ("stock", "{broken")
    ]


def test_choices_and_prompts(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """Several choices stand in one row, with the counts told once; a completion is told of as of a prompt."""
    heard = hearing(telemetry, Heard())
    model_server.enqueue(ROSES)
    program.chat(n=2)
    (result,), _ = heard.told("end")
    assert [len(row) for row in result.generations] == [2]
    assert [bool(generation.message.usage_metadata) for generation in result.generations[0]] == [
        True,
        False,
    ]
    heard.heard.clear()
    model_server.enqueue(ROSES)
    program.ask("completions.create", model="gpt-3.5-turbo-instruct", prompt="1 + 2 = ")
    assert heard.events == ["llm", "end"]
    assert heard.told("llm")[0][1] == ["1 + 2 = "]
    assert heard.told("end")[0][0].generations[0][0].text == "Roses are red."


def test_anthropic(telemetry: Telemetry, payload: Any, model_server: ModelServer) -> None:
    """Another client with another format: the same callbacks."""
    heard = hearing(telemetry, Heard())
    usage = UsageMetadataCallbackHandler()
    model_server.enqueue(ROSES)
    with (
        anthropic_at(model_server.url) as client,
        callspan.use_handlers(callspan.from_langchain(usage)),
    ):
        question = [{"role": "user", "content": "Roses?"}]
        client.messages.create(
            model="claude-test", max_tokens=9, system="You sell flowers.", messages=question
        )
    assert heard.told("chat")[0][1] == [
        [SystemMessage("You sell flowers."), HumanMessage("Roses?")]
    ]
    assert heard.told("chat")[1]["metadata"]["ls_provider"] == "anthropic"
    assert usage.usage_metadata["claude-test"]["output_tokens"] == 4


def test_falls_back_to_the_prompt(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """A handler without a method for chats hears of a prompt; for a sync call async methods run in the background."""
    heard = hearing(telemetry, AsyncHeard())
    model_server.enqueue(ROSES)
    list(client.chat.completions.create(**CHAT, stream=True))
    assert callspan.flush()
    assert heard.heard == ["llm", "Roses", " are", " red.", "end"]
    assert heard.prompts == [f"Human: {CHAT['messages'][0]['content']}"]


async def test_async_call(telemetry: Telemetry, model_server: ModelServer) -> None:
    """For an async call async methods run on the call's loop; with `run_inline` the call waits for them."""
    heard = AsyncHeard()
    heard.run_inline = True
    hearing(telemetry, heard)
    model_server.enqueue(ROSES)
    async with async_openai_client(model_server.url) as client:
        async for _ in await client.chat.completions.create(**CHAT, stream=True):
            assert heard.heard[0] == "llm"
    assert heard.heard == ["llm", "Roses", " are", " red.", "end"]


@pytest.mark.parametrize(
    ("ignored", "left"),
    [("ignore_llm", ["chat"]), ("ignore_chat_model", ["end"])],
)
def test_ignoring(
    telemetry: Telemetry, client: openai.OpenAI, ignored: str, left: list[str]
) -> None:
    """What a handler says that it ignores, it does not hear."""
    heard = type("Some", (Heard,), {ignored: True})()
    hearing(telemetry, heard)
    client.chat.completions.create(**CHAT)
    assert heard.events == left


def test_embeddings_are_not_told(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """LangChain has no callbacks for embeddings."""
    heard = hearing(telemetry, Heard())
    client.embeddings.create(model="text-embedding-3-small", input="roses")
    assert heard.events == []


@pytest.mark.guard_acts("the handler fails")
@pytest.mark.parametrize("kind", [BaseCallbackHandler, AsyncCallbackHandler])
def test_a_handler_that_raises(
    telemetry: Telemetry, client: openai.OpenAI, guard_reports: Any, kind: type
) -> None:
    """What a handler raises is logged under its own name, and the program does not see it, also with `raise_error`."""

    def fail(*_told: Any, **_facts: Any) -> None:
        raise ValueError("broken")

    hearing(telemetry, type("Broken", (kind,), {"raise_error": True, "on_llm_start": fail})())
    assert client.chat.completions.create(**CHAT).choices
    callspan.flush()
    assert ["Broken.on_llm_start" in message for message in guard_reports.messages] == [True]


def test_file_handler(
    telemetry: Telemetry, client: openai.OpenAI, tmp_path: Path, model_server: ModelServer
) -> None:
    """LangChain's file handler, which listens to chains, writes a call as a chain of one step."""
    model_server.enqueue(Reply(text="三。"), Reply(status=400))
    path = tmp_path / "output.log"
    with FileCallbackHandler(str(path)) as file:
        hearing(telemetry, file)
        client.chat.completions.create(
            model="gpt-4.1", messages=[{"role": "user", "content": "1 + 2 = "}]
        )
        with pytest.raises(openai.BadRequestError):
            client.chat.completions.create(**CHAT)
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line]
    expected = [
        "Entering new chat gpt-4.1 chain...",
        "Prompt after formatting:",
        "Human: 1 + 2 = ",
        "三。",
    ]
    assert [word in line for word, line in zip(expected, lines, strict=False)] == [True] * 4
    assert sum("Finished chain." in line for line in lines) == 1


def test_stdout_handler(
    telemetry: Telemetry, client: openai.OpenAI, capsys: pytest.CaptureFixture[str]
) -> None:
    """LangChain's handler for stdout does the same; its tracer for the console prints a run of a model."""
    hearing(telemetry, StdOutCallbackHandler())
    client.chat.completions.create(**CHAT)
    assert "Entering new chat" in capsys.readouterr().out
    hearing(telemetry, ConsoleCallbackHandler())
    list(client.chat.completions.create(**CHAT, stream=True))
    printed = capsys.readouterr().out
    assert printed.count("[llm/start]") == printed.count("[llm/end]") == 1


def test_what_is_no_handler() -> None:
    """A class, or something that is no handler of LangChain's, is named in one line."""
    with pytest.raises(callspan.SettingsError, match="give an object, StdOutCallbackHandler"):
        callspan.from_langchain(StdOutCallbackHandler)
    with pytest.raises(callspan.SettingsError, match="ConsoleHandler is no callback handler"):
        callspan.from_langchain(callspan.ConsoleHandler())


def test_without_langchain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where LangChain is not installed, one line names the extra."""
    monkeypatch.setitem(sys.modules, "langchain_core.callbacks", None)
    with pytest.raises(callspan.SettingsError, match=r"pip install 'callspan\[langchain\]'"):
        callspan.from_langchain(Heard())


def test_json_for_people(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """Arguments that are no object come as JSON in which Chinese stays readable."""
    heard = hearing(telemetry, Heard())
    asked = {
        "id": "c1",
        "type": "function",
        "function": {"name": "price", "arguments": '["\\u73ab\\u7470"]'},
    }
    client.chat.completions.create(
        model="m", messages=[{"role": "assistant", "content": "", "tool_calls": [asked]}]
    )
    (_, ((message,),)), _ = heard.told("chat")
    assert [call["args"] for call in message.invalid_tool_calls] == ['["玫瑰"]']


@pytest.mark.parametrize("side", ["prompt_tokens", "completion_tokens"])
def test_half_of_the_counts(
    telemetry: Telemetry, program: Program, model_server: ModelServer, side: str
) -> None:
    """Where a server states one side only, the other is not made up."""
    heard = hearing(telemetry, Heard())
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "Roses."},
        "finish_reason": "stop",
    }
    answer = {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [choice],
    }
    model_server.enqueue(Reply(raw=json.dumps({**answer, "usage": {side: 5}})))
    program.chat()
    (result,), _ = heard.told("end")
    assert result.generations[0][0].message.usage_metadata is None
    assert result.llm_output["token_usage"] == {side: 5}
