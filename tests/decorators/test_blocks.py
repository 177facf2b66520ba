"""Blocks with an operation around: any number of one object, left in any order."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import openai
from opentelemetry import context as otel

import callspan
from callspan.testing.modelserver import ModelServer
from clients import async_openai_client
from decorators.subjects import (
    attributes,
    current,
    tree,
)
from program import CHAT
from telemetry import Telemetry


def test_blocks(telemetry: Telemetry, capture: str) -> None:
    """A block says what it is given and gives; its arguments may be the JSON text that a model gave."""
    with callspan.tool("price", call_id="call_1", arguments='{"flower": "rose"}') as run:
        run.result = 1.2
    with callspan.agent("florist", arguments="Which?") as run:
        run.result = "Roses."
    tool, agent = (
        attributes(telemetry, "execute_tool price"),
        attributes(telemetry, "invoke_agent florist"),
    )
    assert tool["gen_ai.tool.call.id"] == "call_1"
    captured = capture != "off"
    assert (tool.get("gen_ai.tool.call.arguments") == '{"flower":"rose"}') == captured
    assert (tool.get("gen_ai.tool.call.result") == '{"content":1.2}') == captured
    assert ("Which?" in str(agent)) == ("Roses." in str(agent)) == captured


async def test_async_blocks(telemetry: Telemetry, model_server: ModelServer) -> None:
    """Blocks in asynchronous code; those of one mark may be open in several tasks, and be left in any order."""
    mark, inside, left = callspan.agent("florist"), asyncio.Event(), asyncio.Event()

    async def first(client: openai.AsyncOpenAI) -> None:
        async with mark:
            await client.chat.completions.create(**CHAT)
            await inside.wait()
        model, agent = telemetry.spans
        assert tree(telemetry)[model.name] == agent.name == "invoke_agent florist"
        assert current() == "nothing"
        left.set()

    async def second() -> None:
        async with mark:
            inside.set()
            await left.wait()
            assert current() == "invoke_agent florist"
        assert current() == "nothing"

    async with async_openai_client(model_server.url) as client:
        await asyncio.gather(first(client), second())
    assert len(telemetry.spans) == 3


def test_blocks_left_out_of_order(telemetry: Telemetry) -> None:
    """A block that is left late puts nothing out of force that has begun since; one may end before it is left."""

    def opens() -> Iterator[None]:
        with callspan.agent("late"):
            yield

    before = otel.get_current()
    items = opens()
    with telemetry.tracer.start_as_current_span("app"):
        next(items)
    with telemetry.tracer.start_as_current_span("app's next"):
        items.close()
        assert current() == "app's next"
    assert otel.get_current() is before
    with callspan.agent("early") as run:
        run.end()
        assert telemetry.spans[-1].name == "invoke_agent early"
    assert otel.get_current() is before


def test_blocks_of_one_mark_in_threads(telemetry: Telemetry) -> None:
    """The same with threads, which leave in the order in which they came, and nested ones in the other."""
    mark, meeting, outcomes = callspan.tool("wait"), threading.Barrier(2), []

    def wait(fails: bool) -> None:
        try:
            with mark:
                meeting.wait(10)
                if fails:
                    raise LookupError
        except LookupError:
            outcomes.append("error")
        meeting.wait(10)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(wait, [True, False]))
    assert sorted(dict(s.attributes or {})["callspan.outcome"] for s in telemetry.spans) == [
        "completed",
        "error",
    ]
    telemetry.clear()
    with mark:
        with mark:
            pass
        assert len(telemetry.spans) == 1
    inner, outer = telemetry.spans
    assert inner.parent is not None
    assert outer.context is not None
    assert inner.parent.span_id == outer.context.span_id
