"""What is timed: calls and streams of the real clients on a transport within the process. Knows nothing of callspan."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from importlib import import_module
from typing import Any

import openai

CHUNKS = 1000
STREAMS = 100
Action = Callable[[], None]
REQUEST: dict[str, Any] = {
    "model": "gpt-4.1-mini",
    "temperature": 0.5,
    "messages": [{"role": "user", "content": "flowers " * 128}],
}
LONG: dict[str, Any] = {
    **REQUEST,
    "messages": [{"role": "user", "content": "flowers " * 256} for _ in range(100)],
}
IMAGE = "data:image/png;base64," + "A" * 5_000_000
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4.1-mini",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "Tulips."},
        }
    ],
    "usage": {"prompt_tokens": 24, "completion_tokens": 9, "total_tokens": 33},
}
_VECTORS = {
    "object": "list",
    "model": "text-embedding-3-small",
    "data": [{"object": "embedding", "index": n, "embedding": [0.1] * 64} for n in range(100)],
    "usage": {"prompt_tokens": 700, "total_tokens": 700},
}
_MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-flowers",
    "content": [{"type": "text", "text": "Tulips."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 24, "output_tokens": 9},
}
_RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "gpt-4.1-mini",
    "status": "completed",
    "output": [
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Tulips.", "annotations": []}],
        }
    ],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "usage": {
        "input_tokens": 24,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 9,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 33,
    },
}
_TOOL_CALL = {
    **ANSWER,
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "message": {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "price", "arguments": '{"flower": "rose"}'},
                    }
                ],
            },
        }
    ],
}
_ANSWERS: dict[str, dict[str, Any]] = {
    "completions": ANSWER,
    "embeddings": _VECTORS,
    "messages": _MESSAGE,
    "responses": _RESPONSE,
}


def chunk(choice: dict[str, Any]) -> dict[str, Any]:
    """One chunk of a chat, with one choice."""
    told = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-4.1-mini",
    }
    return {**told, "choices": [{"index": 0, "finish_reason": None, **choice}]}


def _stream(chunks: int) -> bytes:
    said = [chunk({"delta": {"content": " tulip"}})] * chunks + [
        chunk({"delta": {}, "finish_reason": "stop"})
    ]
    return ("".join(f"data: {json.dumps(one)}\n\n" for one in said) + "data: [DONE]\n\n").encode()


LONG_STREAM, SHORT_STREAM = _stream(CHUNKS), _stream(20)


def _http(client: Any) -> Any:
    """The HTTP library that a client is built on."""
    built_on = vars(import_module(f"{client.__name__}._base_client"))
    return built_on.get("httpx2") or built_on["httpx"]


def _respond(http: Any, stream: bytes) -> Callable[[Any], Any]:
    def respond(request: Any) -> Any:
        if b'"stream":true' in request.content.replace(b" ", b""):
            return http.Response(200, headers={"content-type": "text/event-stream"}, content=stream)
        return http.Response(200, json=_answer_to(request))

    return respond


def _answer_to(request: Any) -> dict[str, Any]:
    """Return the answer of an endpoint; a chat that has a tool and no result of it asks for it."""
    endpoint = request.url.path.rpartition("/")[2]
    if b'"tools"' in request.content and b'"tool_call_id"' not in request.content:
        return _TOOL_CALL
    return _ANSWERS[endpoint]


def http_client(stream: bytes = LONG_STREAM) -> Any:
    """Return an HTTP client for OpenAI's client, which answers within the process."""
    http = _http(openai)
    return http.Client(transport=http.MockTransport(_respond(http, stream)))


def client() -> openai.OpenAI:
    """OpenAI's client, answered within the process."""
    return openai.OpenAI(api_key="none", http_client=http_client())


def _async_client(stream: bytes) -> openai.AsyncOpenAI:
    http = _http(openai)
    transport = http.MockTransport(_respond(http, stream))
    return openai.AsyncOpenAI(api_key="none", http_client=http.AsyncClient(transport=transport))


def call(request: dict[str, Any] = REQUEST) -> Action:
    """One chat."""
    create = client().chat.completions.create
    return lambda: create(**request) and None


def respond() -> Action:
    """One response of the Responses API."""
    create = client().responses.create
    return lambda: create(model="gpt-4.1-mini", temperature=0.5, input="flowers " * 128) and None


def picture() -> Action:
    """One chat about an image of 5 MB."""
    shown = {"type": "image_url", "image_url": {"url": IMAGE}}
    return call(
        {
            **REQUEST,
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "What is it?"}, shown]}
            ],
        }
    )


def embeddings() -> Action:
    """Embeddings of a hundred texts."""
    create = client().embeddings.create
    texts = ["flowers " * 16] * 100
    return lambda: (
        create(model="text-embedding-3-small", input=texts, encoding_format="float") and None
    )


def message() -> Action:
    """One message of Anthropic's client."""
    anthropic = import_module("anthropic")
    http = _http(anthropic)
    speaker = http.Client(transport=http.MockTransport(_respond(http, b"")))
    create = anthropic.Anthropic(api_key="none", http_client=speaker).messages.create
    return lambda: (
        create(model="claude-flowers", max_tokens=64, messages=REQUEST["messages"]) and None
    )


def stream() -> Action:
    """One stream of a thousand chunks, read to the end."""
    create = client().chat.completions.create

    def read() -> None:
        for _ in create(**REQUEST, stream=True):
            pass

    return read


def many_streams() -> Action:
    """A hundred streams of twenty chunks at once, in asynchronous code."""
    asked, loop = _async_client(SHORT_STREAM), asyncio.new_event_loop()

    async def read() -> None:
        async for _ in await asked.chat.completions.create(**REQUEST, stream=True):
            pass

    async def all_of_them() -> None:
        await asyncio.gather(*(read() for _ in range(STREAMS)))
        for _ in range(3):
            await asyncio.sleep(0)  # the event loop closes the client's generators

    return lambda: loop.run_until_complete(all_of_them())
