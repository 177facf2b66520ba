"""Counting tokens over a block of code."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest

import callspan
from callspan.testing.modelserver import Counts, ModelServer, Reply
from clients import async_openai_client, openai_client
from program import CHAT, HELLO, WITH_USAGE, Program
from telemetry import Telemetry

FIVE = Reply(text="Roses.", usage=Counts(input=3, output=2, cached=1, reasoning=1))


@pytest.fixture(autouse=True)
def instrumented(telemetry: Telemetry) -> Telemetry:
    """Counting needs nothing but `instrument()`."""
    return telemetry


def sums(count: Any) -> tuple[int, ...]:
    """Calls, input, output, cached, reasoning and total."""
    return count.calls, count.input, count.output, count.cached, count.reasoning, count.total


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_sums(program: Program, model_server: ModelServer, stream: bool) -> None:
    """All calls of the block are counted, and none before or after it."""
    model_server.enqueue(*[FIVE] * 4)
    ask = (lambda: program.stream(**WITH_USAGE)) if stream else program.chat
    ask()
    with callspan.count_tokens() as count:
        assert sums(count) == (0, 0, 0, 0, 0, 0)
        ask()
        assert sums(count) == (1, 3, 2, 1, 1, 5)
        ask()
    ask()
    assert sums(count) == (2, 6, 4, 2, 2, 10)


@pytest.mark.needs("responses")
def test_agrees_with_the_server(program: Program, model_server: ModelServer) -> None:
    """The sums are what the server handed out."""
    with callspan.count_tokens() as count:
        program.chat()
        program.stream(**WITH_USAGE)
        program.ask("embeddings.create", model="text-embedding-3-small", input="roses")
        program.ask("responses.create", model="gpt-4.1", input="roses")
    total = model_server.ledger.total_told
    assert (count.calls, count.input, count.output) == (4, total.input, total.output)


def test_by_model(program: Program, model_server: ModelServer) -> None:
    """The same by the model that answered, else by the one that was asked."""
    model_server.enqueue(
        Reply(usage=Counts(3, 2), model="gpt-4.1-2026"),
        Reply(usage=Counts(5, 1)),
        Reply(status=400),
    )
    with callspan.count_tokens() as count:
        program.chat(model="gpt-4.1")
        program.chat(model="gpt-5")
        with pytest.raises(openai.BadRequestError):
            program.chat(model="gpt-5")
    assert {
        model: (total.calls, total.input, total.output) for model, total in count.by_model.items()
    } == {
        "gpt-4.1-2026": (1, 3, 2),
        "gpt-5": (2, 5, 1),
    }
    assert (count.calls, count.failed_calls, count.unknown_calls) == (3, 1, 0)


def test_unknown_usage(program: Program) -> None:
    """A call whose tokens nobody stated counts as a call of unknown size, not as one of 0 tokens."""
    with callspan.count_tokens() as count:
        program.stream()
        program.stream(take=2)
    assert (count.calls, count.unknown_calls, count.total) == (2, 2, 0)


def test_nested(program: Program, model_server: ModelServer) -> None:
    """An outer block counts what an inner one does; the inner one only its own."""
    model_server.enqueue(*[FIVE] * 3)
    with callspan.count_tokens() as outer:
        program.chat()
        with callspan.count_tokens() as inner:
            program.chat()
        program.chat()
    assert (outer.calls, inner.calls) == (3, 1)
    assert (outer.total, inner.total) == (15, 5)


def test_after_an_exception(program: Program, model_server: ModelServer) -> None:
    """A block left by an exception has counted what came before it, and counts no more."""
    model_server.enqueue(FIVE, Reply(status=500), FIVE)
    with contextlib.suppress(openai.InternalServerError), callspan.count_tokens() as count:
        program.chat()
        program.chat()
        pytest.fail("the second call fails")
    program.chat()
    assert (count.calls, count.failed_calls, count.total) == (2, 1, 5)


def test_stream_that_ends_after_the_block(client: openai.OpenAI, model_server: ModelServer) -> None:
    """A stream counts to the block in which it was begun, also when it is read outside."""
    model_server.enqueue(FIVE)
    with callspan.count_tokens() as count:
        stream = client.chat.completions.create(**CHAT, **WITH_USAGE)
    with callspan.count_tokens() as other:
        list(stream)
    assert (count.total, other.calls) == (5, 0)


async def test_gather(model_server: ModelServer) -> None:
    """Tasks that run at once count to their own blocks, and all of them to the one around."""
    model_server.enqueue(*[FIVE] * 6)
    both = asyncio.Barrier(2) if hasattr(asyncio, "Barrier") else None

    async with async_openai_client(model_server.url) as client:

        async def work(calls: int) -> Any:
            with callspan.count_tokens() as count:
                if both:
                    await both.wait()
                await asyncio.gather(
                    *[client.chat.completions.create(**CHAT) for _ in range(calls)]
                )
            return count

        with callspan.count_tokens() as outer:
            counts = await asyncio.gather(work(2), work(4))
    assert [count.calls for count in counts] == [2, 4]
    assert (outer.calls, outer.total) == (6, 30)


async def test_to_thread(client: openai.OpenAI, model_server: ModelServer) -> None:
    """`asyncio.to_thread` takes the block along."""
    model_server.enqueue(FIVE, FIVE)
    with callspan.count_tokens() as count:
        await asyncio.gather(
            *[asyncio.to_thread(client.chat.completions.create, **CHAT) for _ in range(2)]
        )
    assert count.total == 10


def test_threads(model_server: ModelServer) -> None:
    """A plain thread takes the block along where it is given a function by `carry`, and else does not."""
    with openai_client(model_server.url) as client, ThreadPoolExecutor(4) as pool:

        def ask(_number: int = 0) -> Any:
            return client.chat.completions.create(model="gpt-4.1", messages=HELLO)

        with callspan.count_tokens() as count:
            list(pool.map(callspan.carry(ask), range(8)))
            assert count.calls == 8
            list(pool.map(ask, range(4)))
    assert (count.calls, count.unknown_calls) == (8, 0)
    assert count.input == model_server.ledger.total_told.input * 8 // 12


def test_carry_keeps_the_name_and_the_result() -> None:
    """A carried function looks and answers as the plain one."""

    def add(one: int, *, two: int) -> int:
        """Add."""
        return one + two

    carried = callspan.carry(add)
    assert (carried(1, two=2), carried.__name__, carried.__doc__) == (3, "add", "Add.")


def test_readable_while_it_runs(model_server: ModelServer) -> None:
    """The count can be read from anywhere while the block still runs, and is never half of a call."""
    seen: list[tuple[int, int]] = []
    stop = threading.Event()
    model_server.enqueue(*[FIVE] * 40)
    with callspan.count_tokens() as count:

        def watch() -> None:
            while not stop.is_set():
                seen.append((count.calls, len(count.by_model)))

        watcher = threading.Thread(target=watch)
        watcher.start()
        with openai_client(model_server.url) as client, ThreadPoolExecutor(4) as pool:
            ask = callspan.carry(
                lambda number: client.chat.completions.create(model=f"m{number}", messages=HELLO)
            )
            list(pool.map(ask, range(40)))
        stop.set()
        watcher.join()
    assert seen
    assert sorted(seen) == seen
    assert sums(count) == (40, 120, 80, 40, 40, 200)


def test_without_instrument(model_server: ModelServer) -> None:
    """Without `instrument()` there is nothing to count, and the block is harmless."""
    callspan.uninstrument()
    with openai_client(model_server.url) as client, callspan.count_tokens() as count:
        client.chat.completions.create(**CHAT)
    assert sums(count) == (0, 0, 0, 0, 0, 0)
