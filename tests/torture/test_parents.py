"""Whose child a call is, wherever it is made; section D of the list of what the package must survive."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
from opentelemetry import trace

import callspan
from callspan.testing.modelserver import ModelServer
from clients import async_openai_client, openai_client
from program import CHAT
from telemetry import Telemetry


def parents(telemetry: Telemetry) -> list[str | None]:
    """The name of each call's parent."""
    names = {span.context.span_id: span.name for span in telemetry.all_spans}
    return [names[span.parent.span_id] if span.parent else None for span in telemetry.spans]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
async def test_calls_in_tasks_have_their_parents(
    telemetry: Telemetry, model_server: ModelServer, stream: bool
) -> None:
    """Calls in tasks that run at once are children of the span in which their task was made."""

    async with async_openai_client(model_server.url) as client:

        async def ask() -> None:
            answer: Any = await client.chat.completions.create(**CHAT, stream=stream)
            if stream:
                _ = [chunk async for chunk in answer]

        async def request(number: int) -> None:
            with telemetry.tracer.start_as_current_span(f"request {number}"):
                tasks = [asyncio.create_task(ask()) for _ in range(3)]
            await asyncio.gather(*tasks)

        await asyncio.gather(*map(request, range(3)))
    assert sorted(map(str, parents(telemetry))) == sorted(
        f"request {number}" for number in range(3) for _ in range(3)
    )


@pytest.mark.parametrize("carried", [True, False], ids=["carried", "bare"])
def test_calls_in_threads_have_their_parents(
    telemetry: Telemetry, client: openai.OpenAI, carried: bool
) -> None:
    """In a plain thread a call is a child of the app's span where the function is carried there, and else a root."""

    def ask(_number: int = 0) -> trace.Span:
        client.chat.completions.create(**CHAT)
        return trace.get_current_span()

    with ThreadPoolExecutor(2) as pool:
        with telemetry.tracer.start_as_current_span("work") as work:
            seen = set(pool.map(callspan.carry(ask) if carried else ask, range(4)))
        assert pool.submit(trace.get_current_span).result() is trace.INVALID_SPAN
    assert seen == {work if carried else trace.INVALID_SPAN}
    assert parents(telemetry) == ["work" if carried else None] * 4


@pytest.mark.parametrize("way", ["to_thread", "executor_carried", "executor"])
async def test_calls_in_threads_of_an_event_loop_have_their_parents(
    telemetry: Telemetry, model_server: ModelServer, way: str
) -> None:
    """`asyncio.to_thread` carries the span by itself, `run_in_executor` does not."""
    with openai_client(model_server.url) as client, telemetry.tracer.start_as_current_span("work"):

        def ask() -> None:
            client.chat.completions.create(**CHAT)

        if way == "to_thread":
            await asyncio.to_thread(ask)
        else:
            given = callspan.carry(ask) if way == "executor_carried" else ask
            await asyncio.get_running_loop().run_in_executor(None, given)
    assert parents(telemetry) == [None if way == "executor" else "work"]
