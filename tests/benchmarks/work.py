"""What is timed: calls and streams of the real client on a transport within the process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx2
import openai

import callspan
from callspan.budgets import admit, input_size

CHUNKS = 1000
REQUEST: dict[str, Any] = {
    "model": "gpt-4.1-mini",
    "temperature": 0.5,
    "messages": [{"role": "user", "content": "flowers " * 128}],
}
_ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4.1-mini",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Tulips."}}],
    "usage": {"prompt_tokens": 24, "completion_tokens": 9, "total_tokens": 33},
}


def _chunk(choice: dict[str, Any]) -> str:
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4.1-mini"}
    return f"data: {json.dumps({**chunk, 'choices': [{'index': 0, 'finish_reason': None, **choice}]})}\n\n"


_STREAM = (
    _chunk({"delta": {"content": " tulip"}}) * CHUNKS
    + _chunk({"delta": {}, "finish_reason": "stop"})
    + "data: [DONE]\n\n"
).encode()


def _respond(request: httpx2.Request) -> httpx2.Response:
    if b'"stream":true' in request.content.replace(b" ", b""):
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=_STREAM)
    return httpx2.Response(200, json=_ANSWER)


def plain() -> Callable[[], None]:
    """One chat of about 1 KB."""
    client = openai.OpenAI(api_key="none", http_client=httpx2.Client(transport=httpx2.MockTransport(_respond)))
    return lambda: client.chat.completions.create(**REQUEST) and None


def stream() -> Callable[[], None]:
    """One stream of a thousand chunks, read to the end."""
    client = openai.OpenAI(api_key="none", http_client=httpx2.Client(transport=httpx2.MockTransport(_respond)))

    def read() -> None:
        for _ in client.chat.completions.create(**REQUEST, stream=True):
            pass

    return read


def async_stream() -> Callable[[], None]:
    """The same, by the asynchronous client."""
    http = httpx2.AsyncClient(transport=httpx2.MockTransport(_respond))
    client, loop = openai.AsyncOpenAI(api_key="none", http_client=http), asyncio.new_event_loop()

    async def read() -> None:
        async for _ in await client.chat.completions.create(**REQUEST, stream=True):
            pass

    return lambda: loop.run_until_complete(read())


def door() -> Callable[[], None]:
    """The door and the observation alone, round a stub in place of the client's request: little noise."""
    client = openai.OpenAI(api_key="none")
    answer = openai.types.chat.ChatCompletion.model_construct(
        **{
            **_ANSWER,
            "choices": [openai.types.chat.chat_completion.Choice.construct(**_ANSWER["choices"][0])],
            "usage": openai.types.CompletionUsage.construct(**_ANSWER["usage"]),
        }
    )
    client._process_response = lambda **_: answer  # type: ignore[method-assign]
    options = openai._models.FinalRequestOptions.construct(method="post", url="/chat/completions", json_data=REQUEST)
    request = type(client).request
    wrapper = getattr(request, "_self_wrapper", None)
    if wrapper is None:
        return lambda: None
    return lambda: wrapper(lambda *_, **__: answer, client, (object, options), {}) and None


def budget_check() -> Callable[[], None]:
    """What a budget with every limit does before a call; what it reserves is not given back, and is little."""
    limits = (callspan.budget(usd=1e12, tokens=10**15, calls=10**9, seconds=1e9),)
    call = callspan.Call("chat", "openai", "gpt-4.1-mini", {"max_tokens": 10})

    def check() -> None:
        admit(call, limits, lambda: input_size(REQUEST))

    return check
