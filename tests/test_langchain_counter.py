"""Counting tokens of LangChain's models: `count_tokens()`, and the drop-in for `get_openai_callback`."""

from __future__ import annotations

import asyncio
import contextlib
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from langchain_classic.chains import ConversationChain
from langchain_classic.memory import ConversationBufferMemory
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI, OpenAI
from opentelemetry import trace

import callspan
from callspan.langchain import get_openai_callback
from callspan.testing.modelserver import Counts, ModelServer, Reply
from program import CHAT
from telemetry import Telemetry

FIVE = Reply(text="Roses are red.", usage=Counts(input=3, output=2, cached=1, reasoning=1))


@pytest.fixture
def scripted(model_server: ModelServer) -> Iterator[ModelServer]:
    """Answers of five tokens each."""
    model_server.enqueue(*[FIVE] * 20)
    return model_server


@pytest.fixture
def model(scripted: ModelServer) -> ChatOpenAI:
    """A chat model of LangChain's, at the model server."""
    return ChatOpenAI(
        model="gpt-4.1-mini",
        base_url=scripted.url,
        api_key="none",
        max_retries=0,
        stream_usage=True,
    )


@pytest.fixture
def completing(scripted: ModelServer) -> OpenAI:
    """A completion model of LangChain's, at the model server."""
    return OpenAI(
        model="gpt-3.5-turbo-instruct", base_url=scripted.url, api_key="none", max_retries=0
    )


def test_drop_in(telemetry: Telemetry, model: ChatOpenAI) -> None:
    """All names of LangChain's own, readable while the block runs; a plain client counts too."""
    plain = model.root_client
    with get_openai_callback() as cb:
        assert (cb.total_tokens, cb.successful_requests, cb.total_cost) == (0, 0, 0.0)
        model.invoke("Roses?")
        assert (cb.total_tokens, cb.prompt_tokens, cb.completion_tokens) == (5, 3, 2)
        plain.chat.completions.create(**CHAT)
        assert (cb.prompt_tokens_cached, cb.reasoning_tokens, cb.successful_requests) == (2, 2, 2)
    model.invoke("Roses?")
    assert cb.total_tokens == cb.count.total == 10


PRICES = {
    "currency": "USD",
    "models": {"gpt-4.1-mini": {"input": 1e6, "cache_read": 5e5, "output": 2e6}},
}


@pytest.mark.instrument(prices=PRICES)
def test_print(telemetry: Telemetry, model: ChatOpenAI) -> None:
    """It prints as LangChain's does, with the cost where all prices are known."""
    with get_openai_callback() as cb:
        model.invoke("Roses?")
    assert str(cb).splitlines() == [
        "Tokens Used: 5",
        "\tPrompt Tokens: 3",
        "\t\tPrompt Tokens Cached: 1",
        "\tCompletion Tokens: 2",
        "\t\tReasoning Tokens: 1",
        "Successful Requests: 1",
        "Total Cost (USD): $6.5",
    ]


@pytest.mark.instrument(prices=PRICES)
def test_unknown_cost(telemetry: Telemetry, model: ChatOpenAI) -> None:
    """One call without a known price makes the cost unknown, never lower; it still formats, and the rest is told."""
    with get_openai_callback() as cb:
        model.invoke("Roses?")
        model.root_client.chat.completions.create(**{**CHAT, "model": "of-nobody"})
    assert math.isnan(cb.total_cost)
    assert (f"${cb.total_cost:.4f}", str(cb).splitlines()[-1]) == (
        "$nan",
        "Total Cost (USD): unknown",
    )
    assert cb.count.cost == pytest.approx(6.5)


def test_without_instrument(
    model: ChatOpenAI, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the program did not instrument, the block watches by itself, and makes no telemetry."""
    callspan.uninstrument()
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: telemetry.tracer_provider)
    with get_openai_callback() as cb:
        model.invoke("Roses?")
    assert cb.total_tokens == 5
    assert telemetry.spans == []
    telemetry.instrument()
    with get_openai_callback() as cb:
        model.invoke("Roses?")
    assert (cb.total_tokens, len(telemetry.spans) > 0) == (5, True)


def test_nested_and_after_an_exception(telemetry: Telemetry, model: ChatOpenAI) -> None:
    """An outer block counts what inner ones do; one left by an exception counts no more."""
    with get_openai_callback() as outer:
        model.invoke("one")
        with contextlib.suppress(ZeroDivisionError), get_openai_callback() as inner:
            model.invoke("two")
            raise ZeroDivisionError
        model.invoke("three")
    model.invoke("four")
    assert (outer.total_tokens, inner.total_tokens) == (15, 5)


def test_failed_calls(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A call that failed is no successful request."""
    model = ChatOpenAI(
        model="no-such-model", base_url=model_server.url, api_key="none", max_retries=0
    )
    with get_openai_callback() as cb, contextlib.suppress(openai.NotFoundError):
        model.invoke("Roses?")
    assert (cb.successful_requests, cb.total_tokens, cb.count.failed_calls) == (0, 0, 1)


def in_batch(model: ChatOpenAI) -> None:
    """Three at once, in threads of LangChain's."""
    model.batch(["one", "two", "three"], config={"max_concurrency": 3})


def in_abatch(model: ChatOpenAI) -> None:
    """Three at once, as tasks."""
    asyncio.run(model.abatch(["one", "two", "three"]))


def in_stream(model: ChatOpenAI) -> None:
    """Three streams."""
    for question in ("one", "two", "three"):
        assert "".join(chunk.text for chunk in model.stream(question)) == "Roses are red."


def in_astream(model: ChatOpenAI) -> None:
    """Three streams at once."""

    async def read(question: str) -> int:
        return len([chunk async for chunk in model.astream(question)])

    async def main() -> None:
        await asyncio.gather(*map(read, ("one", "two", "three")))

    asyncio.run(main())


def in_generate(model: ChatOpenAI) -> None:
    """Three conversations in one `generate`."""
    model.generate([[HumanMessage(text)] for text in ("one", "two", "three")])


def in_threads(model: ChatOpenAI) -> None:
    """Three calls in threads, which are given the context."""

    async def main() -> None:
        await asyncio.gather(
            *(asyncio.to_thread(model.invoke, text) for text in ("one", "two", "three"))
        )

    asyncio.run(main())


@pytest.mark.parametrize(
    "way", [in_batch, in_abatch, in_stream, in_astream, in_generate, in_threads]
)
@pytest.mark.parametrize("count", [callspan.count_tokens, get_openai_callback])
def test_three_calls(
    telemetry: Telemetry, model: ChatOpenAI, way: Callable[[ChatOpenAI], None], count: Any
) -> None:
    """However LangChain runs three calls, three are counted, with all their tokens."""
    with count() as counted:
        way(model)
    seen = counted if count is callspan.count_tokens else counted.count
    assert (seen.calls, seen.total, seen.unknown_calls) == (3, 15, 0)


def test_agenerate_under_gather(telemetry: Telemetry, completing: OpenAI) -> None:
    """`agenerate` under `asyncio.gather`: one shared block has all, and one in each task has its own."""

    async def task(calls: int) -> int:
        with get_openai_callback() as own:
            for _ in range(calls):
                await completing.agenerate(["我姐姐喜欢什么颜色的花?"])
        return own.total_tokens

    async def main() -> list[int]:
        with get_openai_callback() as shared:
            owned = await asyncio.gather(task(1), task(2), task(3))
        return [*owned, shared.total_tokens]

    assert asyncio.run(main()) == [5, 10, 15, 30]


def test_half_read_stream(telemetry: Telemetry, model: ChatOpenAI) -> None:
    """A stream that is left half read is a call of unknown size, counted when it is closed, and not one of 0 tokens."""
    with get_openai_callback() as cb:
        stream = model.stream("Roses?")
        assert next(chunk.text for chunk in stream if chunk.text) == "Roses"
        assert cb.count.calls == 0
        stream.close()
    assert (cb.successful_requests, cb.total_tokens, cb.count.unknown_calls) == (1, 0, 1)


def test_memory(telemetry: Telemetry, model: ChatOpenAI, scripted: ModelServer) -> None:
    """A conversation with memory: what the server handed out in three turns is what was counted."""
    with callspan.count_tokens() as count:
        conversation = ConversationChain(llm=model, memory=ConversationBufferMemory())
        for text in ("我姐姐明天要过生日,我需要一束生日花束。", "她喜欢粉色玫瑰。", "我又来了。"):
            conversation.invoke(text)
    told = scripted.ledger.total_told
    assert (count.calls, count.input, count.output) == (3, told.input, told.output)


def test_needs_no_langchain() -> None:
    """The counter is for plain clients too: importing it imports no LangChain."""
    code = "import sys, callspan.langchain; print([name for name in sys.modules if name.startswith('langchain')])"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert found.stdout.strip() == "[]"
