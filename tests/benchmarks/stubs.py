"""callspan's own parts round stubs in place of a client's work, where the noise is small enough for a gate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import openai
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat.chat_completion import Choice
from tests.benchmarks.work import ANSWER, CHUNKS, REQUEST, Action, chunk

import callspan
from callspan.accounting.reservations import admit, input_size

OPTIONS = openai._models.FinalRequestOptions.construct(
    method="post", url="/chat/completions", json_data=REQUEST
)


def _asked(wrapper: Any, answer: Any, stream: bool, client: Any) -> Any:
    """What the wrapper round a client's `request` gives when the client's own gives this."""
    return wrapper(
        lambda *_, **__: answer, client, (object, OPTIONS), {"stream": True} if stream else {}
    )


def _door(kind: Any) -> Any:
    return kind.request._self_wrapper


def call() -> Action:
    """A plain call."""
    answer = ChatCompletion.model_construct(
        **{
            **ANSWER,
            "choices": [Choice.construct(**ANSWER["choices"][0])],
            "usage": CompletionUsage.construct(**ANSWER["usage"]),
        }
    )
    wrapper, client = _door(openai.OpenAI), openai.OpenAI(api_key="none")
    own, options = (
        (lambda *_, **__: answer),
        (object, OPTIONS),
    )  # made here, for they are no part of what is measured
    return lambda: wrapper(own, client, options, {}) and None


class _Response:
    def close(self) -> None:
        """As a response's."""

    aclose = close


class _Stream:
    """The client's class as the hook sees it, over chunks that are there already."""

    __stream__ = True

    def __init__(self, chunks: list[Any]) -> None:
        self.response, self._chunks = _Response(), iter(chunks)

    def __iter__(self) -> Iterator[Any]:
        yield from self._chunks

    def __next__(self) -> Any:
        return next(self._chunks)

    def close(self) -> None:
        """As a stream's."""


class _AsyncStream(_Stream):
    async def __aiter__(self) -> AsyncIterator[Any]:
        for item in self._chunks:
            yield item

    async def __anext__(self) -> Any:
        try:
            return next(self._chunks)
        except StopIteration:
            raise StopAsyncIteration from None


def chunks() -> list[Any]:
    """The objects that OpenAI's client makes of a thousand chunks."""
    told = [chunk({"delta": {"content": " tulip"}})] * CHUNKS + [
        chunk({"delta": {}, "finish_reason": "stop"})
    ]
    return [ChatCompletionChunk.model_validate(one) for one in told]


def stream(watched: bool) -> Action:
    """A stream of a thousand chunks that are there already."""
    given, client, wrapper = (
        chunks(),
        openai.OpenAI(api_key="none"),
        watched and _door(openai.OpenAI),
    )

    def read() -> None:
        source: Any = _Stream(given)
        for _ in _asked(wrapper, source, True, client) if wrapper else source:
            pass

    return read


def async_stream(watched: bool) -> Action:
    """The same in asynchronous code."""
    given, loop = chunks(), asyncio.new_event_loop()
    client, wrapper = openai.AsyncOpenAI(api_key="none"), watched and _door(openai.AsyncOpenAI)

    async def asked(source: Any) -> Any:
        async def request(*_: Any, **__: Any) -> Any:
            return source

        return await wrapper(request, client, (object, OPTIONS), {"stream": True})

    async def read() -> None:
        source: Any = _AsyncStream(given)
        async for _ in (await asked(source)) if wrapper else source:
            pass

    return lambda: loop.run_until_complete(read())


def budget_check() -> Callable[[], None]:
    """What a budget with every limit does before a call; what it reserves is not given back, and is little."""
    limits = (callspan.budget(usd=1e12, tokens=10**15, calls=10**9, seconds=1e9),)
    asked = callspan.Call("chat", "openai", "gpt-4.1-mini", {"max_tokens": 10})

    def check() -> None:
        admit(asked, limits, lambda: input_size(REQUEST))

    return check
