"""Calls of the real OpenAI client that between them show every operation and every way to end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import openai

import callspan
from callspan.testing.modelserver import Counts, ModelServer, Reply, ToolCall

from .registry import ROOT

PAYLOADS = ROOT / "tests" / "payloads" / "openai"
MODEL = "gpt-4.1-mini"
_PIXEL = "data:image/png;base64,iVBORw0KGgo="
_TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather in a city.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }
]
_SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
_SCHEMA |= {"additionalProperties": False}
_HELLO: list[Any] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hello"},
]
_TALK: list[Any] = [
    {"role": "user", "content": "Is it warm in Paris?", "name": "ann"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "21 degrees"},
]
_MEDIA: list[Any] = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": _PIXEL}},
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
            {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
            {"type": "file", "file": {"file_id": "file-1"}},
            {
                "type": "file",
                "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
            },
        ],
    }
]
_ODD: list[Any] = [
    {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
    {
        "role": "user",
        "content": [
            {"type": "image_url", "image_url": "https://example.com/b.png"},
            {"type": "novel"},
        ],
    },
    {
        "role": "user",
        "content": [{"type": "file", "file": {"filename": "a.pdf"}}, {"type": "image_url"}],
    },
    {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}], "refusal": "No."},
    {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
    {"role": "function", "name": "f", "content": None},
    {
        "role": "assistant",
        "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "sh", "input": "ls"}}],
    },
    {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "a.txt"}]},
]
_ODD_TOOLS: list[Any] = [
    {"type": "custom", "custom": {"name": "sh", "format": {"type": "text"}}},
    {"type": "novel"},
]
_INPUT: list[Any] = [
    {
        "role": "user",
        "content": [
            {"type": "input_text", "text": "Look"},
            {"type": "input_image", "image_url": _PIXEL},
        ],
    },
    {
        "type": "function_call",
        "call_id": "call_1",
        "name": "get_weather",
        "arguments": '{"city":"Paris"}',
    },
    {"type": "function_call_output", "call_id": "call_1", "output": "21 degrees"},
]
_ODD_INPUT: list[Any] = [
    {"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}, {"type": "novel"}]},
    {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
    {"type": "item_reference", "id": "msg_1"},
    {
        "type": "computer_call_output",
        "call_id": "c",
        "output": {"type": "computer_screenshot", "image_url": "x"},
    },
    {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
]
_FLAT_TOOLS: list[Any] = [{"type": "function", **_TOOLS[0]["function"]}, {"type": "web_search"}]
_FULL: dict[str, Any] = {
    "temperature": 0,
    "top_p": 1,
    "max_completion_tokens": 50,
    "stop": "END",
    "seed": 7,
    "frequency_penalty": 1,
    "presence_penalty": 0.5,
    "service_tier": "flex",
    "reasoning_effort": "low",
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "person", "schema": _SCHEMA},
    },
}
Act = Callable[[openai.OpenAI], object]


@dataclass(frozen=True, slots=True)
class Scenario:
    """What the server answers and what the program does; `lacks` are recommended attributes that cannot be known."""

    name: str
    act: Act
    replies: tuple[Reply, ...] = (Reply(),)
    lacks: frozenset[str] = frozenset()
    wires: bool = True
    """Whether the one span can be held against the last request."""

    def __str__(self) -> str:
        return self.name


def _read(stream: Any) -> None:
    if hasattr(stream, "__iter__") and hasattr(stream, "response"):
        for _chunk in stream:
            pass


def chat(**more: Any) -> Act:
    """One chat call, its stream read to the end."""
    return lambda client: _read(
        client.chat.completions.create(**{"model": MODEL, "messages": _HELLO, **more})
    )


def respond(**more: Any) -> Act:
    """One call of the responses API."""
    return lambda client: _read(
        client.responses.create(**{"model": MODEL, "input": "Hello", **more})
    )


def complete(**more: Any) -> Act:
    """One legacy completion."""
    return lambda client: _read(
        client.completions.create(**{"model": MODEL, "prompt": "Hello", **more})
    )


def _abandon(client: openai.OpenAI, **more: Any) -> None:
    with client.chat.completions.create(
        model=MODEL, messages=_HELLO, stream=True, **more
    ) as stream:
        next(iter(stream))


def _retried(client: openai.OpenAI) -> None:
    client.with_options(max_retries=1).chat.completions.create(model=MODEL, messages=_HELLO)


def _fetch(client: openai.OpenAI, **more: Any) -> None:
    made = client.responses.create(model=MODEL, input="Hello")
    _read(client.responses.retrieve(made.id, **more))


def _cancelled(client: openai.OpenAI) -> None:
    async def run() -> None:
        async with openai.AsyncOpenAI(
            base_url=str(client.base_url), api_key="any", max_retries=0
        ) as ours:
            await asyncio.wait_for(ours.chat.completions.create(model=MODEL, messages=_HELLO), 0.1)

    with contextlib.suppress(asyncio.TimeoutError):
        asyncio.run(run())


def _cancelled_stream(client: openai.OpenAI) -> None:
    async def read(ours: openai.AsyncOpenAI) -> None:
        async for _chunk in await ours.chat.completions.create(
            model=MODEL, messages=_HELLO, stream=True
        ):
            pass

    async def run() -> None:
        async with openai.AsyncOpenAI(
            base_url=str(client.base_url), api_key="any", max_retries=0
        ) as ours:
            await asyncio.wait_for(read(ours), 0.2)

    with contextlib.suppress(asyncio.TimeoutError):
        asyncio.run(run())


def _raw(client: openai.OpenAI) -> None:
    client.chat.completions.with_raw_response.create(model=MODEL, messages=_HELLO).parse()


def _for_somebody(client: Any) -> None:
    with callspan.attributes(session_id="s", user_id="u"):
        client.chat.completions.create(model=MODEL, messages=_HELLO)


def _stopped(client: Any) -> None:
    with callspan.budget(tokens=40), contextlib.suppress(callspan.BudgetExceeded):
        list(client.chat.completions.create(model=MODEL, messages=_HELLO, stream=True))


def _helper(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model=MODEL, messages=_HELLO) as stream:
        stream.get_final_completion()


def _streaming(client: openai.OpenAI) -> None:
    with client.chat.completions.with_streaming_response.create(
        model=MODEL, messages=_HELLO, stream=True
    ) as raw:
        list(raw.iter_lines())


def _azure(client: openai.OpenAI) -> None:
    endpoint = str(client.base_url).removesuffix("/v1/")
    with openai.AzureOpenAI(
        azure_endpoint=endpoint, api_key="any", api_version="2024-10-21"
    ) as azure:
        azure.chat.completions.create(model=MODEL, messages=_HELLO)


def _speak(client: openai.OpenAI) -> None:
    client.audio.speech.create(model="tts-1", input="Hello", voice="alloy").read()


def _hear(model: str, **more: Any) -> Act:
    return lambda client: client.audio.transcriptions.create(
        model=model, file=("a.wav", b"RIFF"), **more
    )


_COUNTS = frozenset({"gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"})
_NO_REASONS = frozenset({"gen_ai.response.finish_reasons"})
_NO_ANSWER = frozenset({"gen_ai.response.id", "gen_ai.response.model"}) | _NO_REASONS
_USAGE = {"stream_options": {"include_usage": True}}
_TEXT = Reply(text="Good morning to you all.", model=f"{MODEL}-2025-04-14")
_DETAILED = Reply(
    text="Yes.", usage=Counts(input=50, output=20, cached=30, reasoning=10, cache_write=5)
)
_WEATHER = Reply(
    tool_calls=(
        ToolCall("get_weather", '{"city":"Paris"}'),
        ToolCall("get_weather", '{"city":"Rome"}'),
    )
)

_SPOKEN = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": MODEL,
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {
                "role": "assistant",
                "content": None,
                "audio": {
                    "id": "audio_1",
                    "data": "UklGRg==",
                    "expires_at": 1,
                    "transcript": "Yes.",
                },
            },
        }
    ],
    "usage": {
        "prompt_tokens": 50,
        "completion_tokens": 20,
        "total_tokens": 70,
        "prompt_tokens_details": {"audio_tokens": 10, "text_tokens": 30, "cached_tokens": 5},
        "completion_tokens_details": {"audio_tokens": 12, "reasoning_tokens": 3},
    },
}

SCENARIOS = (
    Scenario("chat", chat(), (_TEXT,)),
    Scenario("chat_all_settings", chat(**_FULL), (_DETAILED,)),
    Scenario("chat_defaults_sent", chat(n=1, service_tier="auto", stream=False)),
    Scenario("chat_top_logprobs", chat(logprobs=True, top_logprobs=3)),
    Scenario("chat_two_choices", chat(n=2), (_TEXT,)),
    Scenario("chat_tools", chat(tools=_TOOLS), (_WEATHER,)),
    Scenario("chat_tool_result", chat(messages=_TALK, tools=_TOOLS)),
    Scenario("chat_media", chat(messages=_MEDIA), (_TEXT,)),
    Scenario("chat_reasoning", chat(), (Reply(text="Four.", reasoning="Two and two."),)),
    Scenario("chat_raw_response", _raw),
    Scenario(
        "chat_audio",
        chat(modalities=["text", "audio"], audio={"voice": "alloy", "format": "wav"}),
        (Reply(raw=json.dumps(_SPOKEN)),),
    ),
    Scenario("chat_endless", chat(), (Reply(text="a" * 1_000_100),)),
    Scenario("chat_odd_input", chat(messages=_ODD, tools=_ODD_TOOLS), (_TEXT,)),
    Scenario("chat_legacy_functions", chat(functions=[_TOOLS[0]["function"]]), (_TEXT,)),
    Scenario("chat_stream_helper", _helper, (_TEXT,), _COUNTS),
    Scenario("chat_stream_raw", _streaming, (_TEXT,), _COUNTS),
    Scenario("chat_no_usage", chat(), (Reply(text="Hi.", usage=False),), _COUNTS),
    Scenario("chat_budget_stop", _stopped, (Reply(text="rose " * 60),)),
    Scenario("chat_for_somebody", _for_somebody),
    Scenario(
        "chat_no_usage_media", chat(messages=_MEDIA), (Reply(text="Hi.", usage=False),), _COUNTS
    ),
    Scenario("chat_azure", _azure, wires=False),
    Scenario("chat_stream", chat(stream=True), (_TEXT,), _COUNTS),
    Scenario("chat_stream_usage", chat(stream=True, **_USAGE), (_DETAILED,)),
    Scenario("chat_stream_tools", chat(stream=True, tools=_TOOLS, **_USAGE), (_WEATHER,)),
    Scenario("chat_stream_two_choices", chat(stream=True, n=2, **_USAGE), (_TEXT,)),
    Scenario(
        "chat_stream_reasoning",
        chat(stream=True),
        (Reply(text="4", reasoning="Two and two."),),
        _COUNTS,
    ),
    Scenario("chat_retried", _retried, (Reply(status=429, retry_after=0.01), _TEXT)),
    Scenario("chat_error_400", chat(), (Reply(status=400),)),
    Scenario("chat_error_401", chat(), (Reply(status=401),)),
    Scenario("chat_error_429", chat(), (Reply(status=429, retry_after=2),)),
    Scenario("chat_error_500", chat(), (Reply(status=500),)),
    Scenario("chat_no_connection", chat(), (Reply(text="x", cut_after=0),)),
    Scenario(
        "chat_stream_error", chat(stream=True), (Reply(text="One two three four.", error_after=2),)
    ),
    Scenario(
        "chat_stream_error_late", chat(stream=True, **_USAGE), (Reply(text="Yes.", error_after=4),)
    ),
    Scenario(
        "chat_stream_cut", chat(stream=True), (Reply(text="One two three four.", cut_after=2),)
    ),
    Scenario("chat_abandoned", _abandon, (_TEXT,)),
    Scenario("chat_abandoned_two_choices", lambda client: _abandon(client, n=2), (_TEXT,)),
    Scenario("chat_cancelled", _cancelled, (Reply(text="late", delay=0.4),)),
    Scenario(
        "chat_stream_cancelled",
        _cancelled_stream,
        (Reply(text="a b c d e f g h", chunk_delay=0.1),),
    ),
    Scenario("completion", complete(max_tokens=5, n=2, stop=["a", "b"]), (_TEXT,)),
    Scenario("completion_prompts", complete(prompt=["a", "b"]), (_TEXT,)),
    Scenario("completion_tokens", complete(prompt=[1, 2, 3]), (_TEXT,)),
    Scenario("completion_stream", complete(stream=True), (_TEXT,), _COUNTS),
    Scenario("completion_error", complete(), (Reply(status=500),)),
    Scenario("responses", respond(instructions="Be brief."), (_TEXT,)),
    Scenario("responses_input", respond(input=_INPUT, tools=_FLAT_TOOLS), (_DETAILED,)),
    Scenario(
        "responses_settings",
        respond(
            temperature=0,
            top_p=1,
            max_output_tokens=9,
            reasoning={"effort": "low"},
            previous_response_id="resp_0",
            text={"format": {"type": "json_schema", "name": "person", "schema": _SCHEMA}},
        ),
        (Reply(text='{"name":"Ann"}', reasoning="Who?"),),
    ),
    Scenario("responses_odd_input", respond(input=_ODD_INPUT, conversation="conv_1"), (_TEXT,)),
    Scenario(
        "responses_conversation",
        respond(conversation={"id": "conv_1"}, service_tier="flex"),
        (_TEXT,),
    ),
    Scenario("responses_tools", respond(tools=_FLAT_TOOLS), (_WEATHER,)),
    Scenario("responses_stream", respond(stream=True), (_DETAILED,)),
    Scenario("responses_stream_tools", respond(stream=True, tools=_FLAT_TOOLS), (_WEATHER,)),
    Scenario("responses_incomplete", respond(), (Reply(text="Yes and", finish_reason="length"),)),
    Scenario("responses_failed", respond(), (Reply(text="x", finish_reason="failed"),)),
    Scenario(
        "responses_stream_failed", respond(stream=True), (Reply(text="x", finish_reason="failed"),)
    ),
    Scenario(
        "responses_stream_error",
        respond(stream=True),
        (Reply(text="One two three", error_after=4),),
    ),
    Scenario("responses_error", respond(), (Reply(status=400),)),
    Scenario("fetch", _fetch, (_TEXT,), wires=False),
    Scenario(
        "fetch_stream",
        lambda client: _fetch(client, stream=True, starting_after=1),
        (_TEXT,),
        wires=False,
    ),
    Scenario("fetch_failed", _fetch, (Reply(text="x", finish_reason="failed"),), wires=False),
    Scenario(
        "fetch_unknown", lambda client: client.responses.retrieve("resp_unknown"), (), wires=False
    ),
    Scenario(
        "embeddings",
        lambda client: client.embeddings.create(
            model="text-embedding-3-small", input=["a", "b"], dimensions=8, encoding_format="float"
        ),
    ),
    Scenario(
        "embeddings_plain",
        lambda client: client.embeddings.create(model="text-embedding-3-small", input="a"),
    ),
    Scenario(
        "embeddings_error",
        lambda client: client.embeddings.create(model="text-embedding-3-small", input="a"),
        (Reply(status=429),),
    ),
    Scenario(
        "images",
        lambda client: client.images.generate(model="gpt-image-1", prompt="A rose", n=2),
        lacks=_NO_ANSWER,
        wires=False,
    ),
    Scenario(
        "images_no_model",
        lambda client: client.images.generate(prompt="A rose"),
        lacks=_NO_ANSWER,
        wires=False,
    ),
    Scenario("speech", _speak, lacks=_NO_ANSWER | _COUNTS, wires=False),
    Scenario("transcription", _hear("gpt-4o-transcribe"), lacks=_NO_ANSWER, wires=False),
    Scenario("transcription_whisper", _hear("whisper-1"), lacks=_NO_ANSWER | _COUNTS, wires=False),
    Scenario(
        "transcription_text",
        _hear("whisper-1", response_format="text"),
        lacks=_NO_ANSWER | _COUNTS,
        wires=False,
    ),
    Scenario(
        "translation",
        lambda client: client.audio.translations.create(model="whisper-1", file=("a.wav", b"RIFF")),
        lacks=_NO_ANSWER | _COUNTS,
        wires=False,
    ),
    Scenario(
        "moderation",
        lambda client: client.moderations.create(model="omni-moderation-latest", input="a"),
    ),
    Scenario("moderation_no_model", lambda client: client.moderations.create(input=["a", "b"])),
    Scenario(
        "moderation_error",
        lambda client: client.moderations.create(model="omni-moderation-latest", input="a"),
        (Reply(status=500),),
    ),
)

_KINDS: dict[str, Callable[..., Act]] = {
    "completion": complete,
    "responses": respond,
    "embeddings": lambda **more: (
        lambda client: client.embeddings.create(model="text-embedding-3-small", input="a", **more)
    ),
    "moderation": lambda **more: (
        lambda client: client.moderations.create(model="omni", input="a", **more)
    ),
    "images": lambda **more: (
        lambda client: client.images.generate(model="gpt-image-1", prompt="A rose", **more)
    ),
    "transcription": lambda **more: _hear("whisper-1", **more),
}


@cache
def recorded() -> tuple[Scenario, ...]:
    """One scenario for each recorded answer of OpenAI's, told apart by the names of the files."""
    files = sorted(file for file in PAYLOADS.glob("*") if file.suffix in (".json", ".sse"))
    return tuple(_replayed(file) for file in files)


def _replayed(file: Path) -> Scenario:
    """The same kind of call as the one that was answered so; every error is one of chat."""
    act = next((act for start, act in _KINDS.items() if file.name.startswith(start)), chat)
    more: dict[str, Any] = {"stream": True} if file.suffix == ".sse" else {}
    if "multi_choice" in file.name:
        more["n"] = 2 if more else 3
    status = re.match(r"error_(\d{3})", file.name)
    reply = Reply(raw=file.read_bytes(), status=int(status[1]) if status else 200)
    return Scenario(f"recorded_{file.stem}", act(**more), (reply,), wires=False)


def play(scenario: Scenario, server: ModelServer) -> None:
    """Let the program run; what the client raises is part of it."""
    server.enqueue(*scenario.replies)
    with (
        # the server speaks no TLS, and loading certificates takes longer than the call
        openai.DefaultHttpxClient(verify=False) as transport,
        openai.OpenAI(
            base_url=server.url, api_key="any", max_retries=0, timeout=20, http_client=transport
        ) as client,
        contextlib.suppress(openai.OpenAIError),
    ):
        scenario.act(client)
