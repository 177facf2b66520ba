"""With content off nothing of what was said, and no key, leaves the process in any form; section F of the list."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest

import callspan
from callspan.testing.modelserver import ModelServer, Reply, ToolCall
from clients import anthropic_at, async_anthropic_at, async_openai_client, gemini_at, openai_client
from exits import MARK, Exits, secret

SETUPS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "everything_but_content": {
        "semconv": "both",
        "token_events": "all",
        "chunk_metrics": True,
        "extra_metrics": ["calls", "active", "retries", "output_rate"],
        "estimate": "missing",
        "cost": True,
        "prices": {
            "models": dict.fromkeys(("claude-flowers", "gemini-flowers", "e-small", "instruct"), 0)
        },
        "request_usage": True,
    },
}


IMAGE = f"data:image/png;base64,{MARK}image"
INPUT_FILE = {"type": "input_file", "filename": secret("file"), "file_data": IMAGE}
CHAT: dict[str, Any] = {
    "model": "gpt-4.1-mini",
    "messages": [
        {"role": "system", "content": secret("system")},
        {"role": "user", "name": secret("name"), "content": [
            {"type": "text", "text": secret("prompt")},
            {"type": "image_url", "image_url": {"url": IMAGE}},
            {"type": "file", "file": {"filename": secret("file.pdf"), "file_data": IMAGE}},
        ]},
        {"role": "assistant", "tool_calls": [
            {"id": secret("id"), "type": "function",
             "function": {"name": secret("tool"), "arguments": json.dumps({"of": secret("arguments")})}}
        ]},
        {"role": "tool", "tool_call_id": secret("id"), "content": secret("result")},
    ],
    "tools": [{"type": "function", "function": {"name": secret("defined"), "description": secret("description"),
        "parameters": {"title": secret("schema")}}}],
    "user": secret("user"),
    "metadata": {secret("key"): secret("metadata")},
    "extra_headers": {"x-note": secret("header")},
    "extra_query": {"token": secret("query")},
    "extra_body": {"note": secret("body")},
}  # fmt: skip
ANSWER = Reply(
    text=secret("answer"),
    reasoning=secret("reasoning"),
    tool_calls=(ToolCall(secret("called"), json.dumps({"of": secret("given")})),),
)
REFUSAL = {"error_code": secret("a sentence of") + " words", "error_message": secret("error")}


def quietly(ask: Callable[[], Any], *expected: type[BaseException]) -> None:
    """A call that may fail as it should."""
    with contextlib.suppress(openai.OpenAIError, *expected):
        ask()


def every_end(ask: Callable[..., Any], server: ModelServer, error: type[BaseException]) -> None:
    """One call of each kind of end: whole, read, left, refused, cut, failed inside the stream, and not admitted."""
    fails = (error, openai.OpenAIError)
    for stream in (False, True):
        server.enqueue(ANSWER)
        found = ask(stream=stream)
        list(found) if stream else None
    server.enqueue(ANSWER)
    for _ in ask(stream=True):
        break
    for reply in (
        Reply(status=400, **REFUSAL), Reply(status=429, **REFUSAL), Reply(error_after=1, **REFUSAL), Reply(cut_after=1)
    ):  # fmt: skip
        server.enqueue(reply)
        with contextlib.suppress(*fails, Exception):
            list(ask(stream=True))
    with callspan.budget(calls=0), pytest.raises(callspan.BudgetExceeded):
        ask(stream=False)


def openai_chat(url: str, server: ModelServer) -> None:
    with openai_client(url, api_key=secret("api-key")) as client:
        every_end(
            lambda stream: client.chat.completions.create(**CHAT, stream=stream),
            server,
            openai.APIError,
        )
        with contextlib.suppress(openai.APIError):
            server.enqueue(Reply(status=500, retry_after=0, **REFUSAL), ANSWER)
            client.with_options(max_retries=1).chat.completions.create(**CHAT)
        with contextlib.suppress(
            RuntimeError
        ):  # the app's own exception, which quotes what it was reading
            for _ in client.chat.completions.create(**CHAT, stream=True):
                raise RuntimeError(secret("own"))


def openai_async(url: str, server: ModelServer) -> None:
    async def main() -> None:
        async with async_openai_client(url, api_key=secret("api-key")) as client:
            server.enqueue(ANSWER, Reply(status=400, **REFUSAL))
            async for _ in await client.chat.completions.create(**CHAT, stream=True):
                pass
            with contextlib.suppress(openai.APIError):
                await client.chat.completions.create(**CHAT)
            task = asyncio.ensure_future(client.chat.completions.create(**CHAT))
            await asyncio.sleep(0)
            task.cancel(secret("cancelled"))
            with contextlib.suppress(asyncio.CancelledError):
                await task

    asyncio.run(main())


def openai_others(url: str, server: ModelServer) -> None:
    with openai_client(url, api_key=secret("api-key")) as client:
        for asked in (
            {
                "input": secret("input"),
                "instructions": secret("instructions"),
                "user": secret("user"),
            },
            {
                "input": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "input_file", "filename": secret("file"), "file_data": IMAGE}
                        ],
                    }
                ]
            },
        ):
            server.enqueue(ANSWER, ANSWER)
            client.responses.create(model="gpt-4.1-mini", **asked)
            list(client.responses.create(model="gpt-4.1-mini", stream=True, **asked))
        client.embeddings.create(
            model="e-small", input=[secret("first"), secret("second")], user=secret("user")
        )
        client.completions.create(
            model="instruct", prompt=secret("prompt"), suffix=secret("suffix")
        )
        server.enqueue(Reply(status=401, **REFUSAL))
        quietly(lambda: client.embeddings.create(model="e-small", input=secret("input")))


ANTHROPIC: dict[str, Any] = {
    "model": "claude-flowers",
    "max_tokens": 64,
    "system": secret("system"),
    "messages": [{"role": "user", "content": [{"type": "text", "text": secret("prompt")}, {
        "type": "image", "source": {"type": "base64", "media_type": "image/png", "data": f"{MARK}image"}}]}],
    "tools": [{"name": secret("tool"), "description": secret("about"), "input_schema": {"title": secret("schema")}}],
    "metadata": {"user_id": secret("user")},
}  # fmt: skip


def anthropic_messages(url: str, server: ModelServer) -> None:
    with anthropic_at(url, api_key=secret("api-key")) as client:
        every_end(
            lambda stream: client.messages.create(**ANTHROPIC, stream=stream), server, Exception
        )

    async def main() -> None:
        async with async_anthropic_at(url, api_key=secret("api-key")) as client:
            server.enqueue(ANSWER)
            async with client.messages.stream(**ANTHROPIC) as stream:
                await stream.get_final_message()

    asyncio.run(main())


GEMINI: dict[str, Any] = {
    "model": "gemini-flowers",
    "contents": [{"role": "user", "parts": [{"text": secret("prompt")}]}],
    "config": {"system_instruction": secret("system")},
}


def gemini_content(url: str, server: ModelServer) -> None:
    with gemini_at(url) as client:
        every_end(lambda stream: client.create(stream=stream, **GEMINI), server, Exception)


PROGRAMS = (openai_chat, openai_async, openai_others, anthropic_messages, gemini_content)


@pytest.mark.parametrize("options", SETUPS.values(), ids=SETUPS)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_no_content_leaves_unless_captured(
    program: Any, options: Any, model_server: ModelServer, tmp_path: Path
) -> None:
    """Secrets in every place of a request and an answer, in calls of every end: none is in any exported byte."""
    exits = Exits(tmp_path)
    with exits.watched(**options):
        program(model_server.url, model_server)
    assert len(exits.telemetry.spans) > 2
    assert MARK in json.dumps([request.json for request in model_server.requests]), (
        "the secrets were never there"
    )
    assert not exits.leaks()


def test_the_password_in_an_address_stays_out(model_server: ModelServer, tmp_path: Path) -> None:
    """A name and a password in the client's address, and a token in its query, stay there."""
    exits = Exits(tmp_path)
    url = model_server.url.replace("://", f"://{MARK}-name:{MARK}-word@")
    with exits.watched(), openai_client(url, default_query={"key": secret("query")}) as client:
        client.chat.completions.create(**CHAT)
        model_server.enqueue(Reply(cut_after=0))
        quietly(lambda: client.chat.completions.create(**CHAT))
    assert exits.telemetry.spans[0].attributes["server.address"] == "127.0.0.1"
    assert not exits.leaks()
