"""Marked generators: their operation lasts as long as they are read."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import logging
import threading
import time
import types
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from typing import Any

import openai
import pytest
from opentelemetry import context as otel

import callspan
from callspan import Call
from callspan.testing.modelserver import ModelServer
from clients import async_openai_client
from decorators.subjects import (
    KINDS,
    async_generator,
    coroutine,
    current,
    tree,
)
from program import CHAT
from telemetry import Telemetry


def test_a_generator(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """A generator's span covers the whole iteration; its calls are children, and its reader's are not."""

    @callspan.agent
    def answers(count: int) -> Iterator[str]:
        with telemetry.tracer.start_as_current_span("inner"):
            for _ in range(count):
                client.chat.completions.create(**CHAT)
                yield current()

    began, seen = time.time_ns(), []
    for inside in answers(3):
        seen.append((inside, current()))
        client.embeddings.create(model="text-embedding-3-small", input="roses")
    assert seen == [("inner", "nothing")] * 3
    spans = {span.name: span for span in telemetry.all_spans}
    whole = spans["invoke_agent answers"]
    assert (
        began
        < whole.start_time
        < min(span.start_time for span in telemetry.spans if span is not whole)
    )
    assert whole.end_time > max(span.end_time for span in telemetry.all_spans if span is not whole)
    found = tree(telemetry)
    assert (found["chat gpt-4.1-mini"], found["inner"]) == ("inner", "invoke_agent answers")
    assert found["embeddings text-embedding-3-small"] is None
    assert len([span for span in telemetry.spans if span.name == "chat gpt-4.1-mini"]) == 3


async def test_an_async_generator(telemetry: Telemetry, model_server: ModelServer) -> None:
    """The same in asynchronous code."""
    async with async_openai_client(model_server.url) as client:

        @callspan.agent
        async def answers(count: int) -> AsyncIterator[str]:
            with telemetry.tracer.start_as_current_span("inner"):
                for _ in range(count):
                    await client.chat.completions.create(**CHAT)
                    yield current()

        seen = []
        async for inside in answers(3):
            seen.append((inside, current()))
            await client.embeddings.create(model="text-embedding-3-small", input="roses")
    assert seen == [("inner", "nothing")] * 3
    whole = next(span for span in telemetry.spans if span.name == "invoke_agent answers")
    assert whole.start_time < min(span.start_time for span in telemetry.spans if span is not whole)
    assert whole.end_time > max(span.end_time for span in telemetry.all_spans if span is not whole)
    found = tree(telemetry)
    assert (found["chat gpt-4.1-mini"], found["inner"]) == ("inner", "invoke_agent answers")
    assert found["embeddings text-embedding-3-small"] is None


def test_a_generator_gets_what_its_reader_sends(telemetry: Telemetry) -> None:
    """A step without a value is one with `None`, as ever."""
    values: list[object] = []

    @callspan.agent
    def answers() -> Generator[int, object, str]:
        values.append((yield 1))
        values.append((yield 2))
        return "done"

    items = answers()
    steps = [next(items), items.send("roses")]
    with pytest.raises(StopIteration) as end:
        next(items)
    assert (steps, values, end.value.value) == ([1, 2], ["roses", None], "done")
    assert telemetry.attributes["callspan.outcome"] == "completed"


async def test_an_async_generator_gets_what_its_reader_sends(telemetry: Telemetry) -> None:
    """The same in asynchronous code."""
    values: list[object] = []

    @callspan.agent
    async def answers() -> AsyncGenerator[int, object]:
        values.append((yield 1))
        values.append((yield 2))

    items = answers()
    steps = [await anext(items), await items.asend("roses")]
    with pytest.raises(StopAsyncIteration):
        await anext(items)
    assert (steps, values) == ([1, 2], ["roses", None])
    assert telemetry.attributes["callspan.outcome"] == "completed"


LEAVES = {
    "break": lambda items: next(iter(items)) and None,
    "close": lambda items: (next(items), items.close()),
    "close_twice": lambda items: (next(items), items.close(), items.close()),
}


@pytest.mark.parametrize("way", LEAVES)
def test_a_generator_left_early(telemetry: Telemetry, way: str, client: openai.OpenAI) -> None:
    """A reader that leaves ends it as abandoned; its `finally` runs at once, in the span and within its time."""
    left: list[str] = []

    @callspan.agent
    def answers() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            client.chat.completions.create(**CHAT)
            left.append(current())

    LEAVES[way](answers())
    assert left == ["invoke_agent answers"]
    model, whole = telemetry.spans
    assert tree(telemetry)[model.name] == "invoke_agent answers"
    assert whole.end_time is not None
    assert model.end_time is not None
    assert whole.end_time > model.end_time
    assert dict(whole.attributes or {})["callspan.outcome"] == "abandoned"
    assert current() == "nothing"


@pytest.mark.parametrize("way", ["break", "aclose", "aclose_twice"])
async def test_an_async_generator_left_early(telemetry: Telemetry, way: str) -> None:
    """The same in asynchronous code. After a `break` the event loop runs the `finally`, in the same context."""
    left: list[str] = []
    done = asyncio.Event()

    @callspan.agent
    async def answers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            left.append(current())
            done.set()

    items: Any = answers()
    async for _ in items:
        break
    if way == "break":
        del items, _
        assert telemetry.attributes["callspan.outcome"] == "abandoned"
        with telemetry.tracer.start_as_current_span("another request"):
            await done.wait()
    else:
        await items.aclose()
        assert done.is_set()
        if way == "aclose_twice":
            await items.aclose()
    assert left == ["invoke_agent answers"]
    assert telemetry.attributes["callspan.outcome"] == "abandoned"
    assert current() == "nothing"


def test_send_throw_and_return(telemetry: Telemetry) -> None:
    """`send`, `throw` and the value of `return` pass as if nobody looked on."""
    seen: list[Any] = []

    @callspan.workflow
    def talks() -> Any:
        seen.append((yield 1))
        try:
            yield 2
        except LookupError as error:
            seen.append(error)
        yield 3
        return "value"

    items, error = talks(), LookupError()
    assert (next(items), items.send("sent"), items.throw(error)) == (1, 2, 3)
    with pytest.raises(StopIteration) as ended:
        next(items)
    assert ended.value.value == "value"
    assert seen == ["sent", error]
    assert telemetry.attributes["callspan.outcome"] == "completed"
    error.__traceback__ = None


async def test_asend_and_athrow(telemetry: Telemetry) -> None:
    """`asend` and `athrow` too."""
    seen: list[Any] = []

    @callspan.workflow
    async def talks() -> Any:
        seen.append((yield 1))
        try:
            yield 2
        except LookupError as error:
            seen.append(error)
        yield 3

    items, error = talks(), LookupError()
    assert (await items.asend(None), await items.asend("sent"), await items.athrow(error)) == (
        1,
        2,
        3,
    )
    with pytest.raises(StopAsyncIteration):
        await items.__anext__()
    with pytest.raises(StopAsyncIteration):
        await items.__anext__()
    assert seen == ["sent", error]
    assert telemetry.attributes["callspan.outcome"] == "completed"
    error.__traceback__ = None


def test_nothing_runs_before_it_is_read(telemetry: Telemetry) -> None:
    """What nobody awaits or reads has not begun; wrong arguments are refused where they are given."""
    for function in KINDS[1:]:
        decorated = callspan.tool(function)
        with pytest.raises(TypeError, match="stems"):
            decorated()
        given = decorated(1)
        if inspect.iscoroutine(given):
            given.close()
        del given
    gc.collect()
    assert not telemetry.spans


async def test_two_readers(telemetry: Telemetry) -> None:
    """Two readers at once are refused as without us, and disturb nothing else."""
    go = asyncio.Event()

    @callspan.workflow
    async def items() -> AsyncIterator[str]:
        await go.wait()
        yield current()

    shared: Any = items()
    first = asyncio.create_task(shared.__anext__())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="running"):
        await shared.__anext__()
    go.set()
    assert await first == "invoke_workflow items"
    await shared.aclose()
    assert telemetry.attributes["callspan.outcome"] == "abandoned"
    assert current() == "nothing"


async def test_read_in_one_task_and_closed_in_another(
    telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    """Steps may be made by different tasks, and blocks in a generator may be left in another; nothing is logged."""
    before = otel.get_current()

    @callspan.workflow
    async def items() -> AsyncIterator[int]:
        with callspan.agent("inner"):
            yield 1
        yield 2

    shared: Any = items()
    with caplog.at_level(logging.DEBUG):
        assert await asyncio.create_task(shared.__anext__()) == 1
        assert await asyncio.create_task(shared.__anext__()) == 2
        await asyncio.create_task(shared.aclose())
    assert not [record for record in caplog.records if record.name.startswith("opentelemetry")]
    assert tree(telemetry) == {
        "invoke_agent inner": "invoke_workflow items",
        "invoke_workflow items": None,
    }
    assert otel.get_current() is before


async def test_steps_in_threads(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """A web server makes each step of a generator in a thread, with a copy of the request's context."""

    @callspan.workflow
    def items() -> Iterator[str]:
        with callspan.agent("inner"):
            yield current()
        client.chat.completions.create(**CHAT)
        yield current()

    shared, seen = items(), []
    for _ in range(2):
        seen.append(await asyncio.to_thread(next, shared))
    await asyncio.to_thread(shared.close)
    assert seen == ["invoke_agent inner", "invoke_workflow items"]
    assert tree(telemetry)["chat gpt-4.1-mini"] == "invoke_workflow items"


def test_a_loop_that_ends(telemetry: Telemetry) -> None:
    """An event loop that ends with a half-read generator closes it; the operation is abandoned."""
    closed: list[bool] = []

    @callspan.workflow
    async def items() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            closed.append(True)

    kept: list[Any] = []

    async def reads() -> None:
        kept.append(items())
        await kept[0].__anext__()

    asyncio.run(reads())
    kept.clear()
    assert closed == [True]
    assert telemetry.attributes["callspan.outcome"] == "abandoned"


@pytest.mark.parametrize("function", KINDS[1:])
def test_collected_in_a_circle(telemetry: Telemetry, function: Any) -> None:
    """What only the garbage collector finds is abandoned, and told elsewhere: the collector may stop any code."""
    told: list[str] = []
    before = otel.get_current()

    class Hears:
        def on_end(self, _call: Call, _response: Any) -> None:
            told.append(threading.current_thread().name)

    with callspan.use_handlers(Hears()):
        circle: list[Any] = [callspan.workflow(waits if function is coroutine else function)(3)]
        step = circle[0].asend if function is async_generator else circle[0].send
        with contextlib.suppress(StopIteration):
            (step(None).send if function is async_generator else step)(None)
    circle.append(circle)
    del circle, step
    gc.collect()
    callspan.flush()
    assert telemetry.attributes["callspan.outcome"] == "abandoned"
    assert told == ["callspan"]
    assert otel.get_current() == before


@types.coroutine
def turn() -> Iterator[None]:
    """A turn for others."""
    yield


async def waits(_turns: int) -> None:
    """A coroutine that waits."""
    await turn()
