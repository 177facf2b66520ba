"""Streams that are left as the last thing that an event loop does: abandoned, and as silent as without us."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

from frameworks.langchain.conftest import run
from frameworks.langchain.shape import calls
from telemetry import Telemetry

ASK = ChatPromptTemplate.from_messages([("user", "{x}")])
ROUNDS = 10


class Failing(StrOutputParser):
    """A parser that raises in the middle of a stream."""

    async def _atransform(self, input: Any, *_args: Any, **_kwargs: Any) -> AsyncIterator[str]:  # type: ignore[override]
        async for _chunk in input:
            yield "x"
            raise ValueError("made up")


def alone(model: Any) -> Any:
    """The stream of a model alone."""
    return model.astream("Hi")


def chain(model: Any) -> Any:
    """The stream of a chain that ends with a parser."""
    return (ASK | model | StrOutputParser()).astream({"x": "Hi"})


def failing(model: Any) -> Any:
    """The stream of a chain whose parser fails."""
    return (ASK | model | Failing()).astream({"x": "Hi"})


@pytest.mark.parametrize("held", [False, True], ids=["dropped", "held"])
@pytest.mark.parametrize("make", [alone, chain, failing])
def test_left_at_the_end_of_a_loop(
    telemetry: Telemetry, caplog: pytest.LogCaptureFixture, make: Any, held: bool
) -> None:
    """The call is abandoned, and asyncio has nothing to say."""
    streams: list[Any] = []

    async def leave() -> None:
        stream = make(FakeListChatModel(responses=["Roses are red"]))
        if held:
            streams.append(stream)
        async for _chunk in stream:
            if make is not failing:
                break

    with caplog.at_level(logging.WARNING, "asyncio"):
        for _ in range(ROUNDS):
            if make is failing:
                with pytest.raises(ValueError, match="made up"):
                    run(leave())
            else:
                run(leave())
        streams.clear()
        gc.collect()
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []
    assert [span.attributes["callspan.outcome"] for span in calls(telemetry)] == [
        "abandoned"
    ] * ROUNDS


@pytest.mark.parametrize("held", [False, True], ids=["dropped", "held"])
@pytest.mark.parametrize("make", [alone, chain])
def test_the_call_of_a_client_that_is_left(
    telemetry: Telemetry, model: Any, make: Any, held: bool
) -> None:
    """The same with a model whose client is watched, which tells the end."""
    streams: list[Any] = []

    async def leave() -> None:
        stream = make(model)
        if held:
            streams.append(stream)
        async for _chunk in stream:
            break

    run(leave())
    streams.clear()
    gc.collect()
    assert [span.attributes["callspan.outcome"] for span in calls(telemetry)] == ["abandoned"]


def test_a_cancelled_reader_is_no_reader_that_left(telemetry: Telemetry) -> None:
    """A task that is cancelled in the middle of its stream makes the call a cancelled one."""
    begun = asyncio.Event()

    async def read() -> None:
        async for _chunk in FakeListChatModel(responses=["Roses are red"]).astream("Hi"):
            begun.set()
            await asyncio.Event().wait()

    async def work() -> None:
        task = asyncio.create_task(read())
        await begun.wait()
        task.cancel()
        await asyncio.wait([task])

    run(work())
    assert [span.attributes["callspan.outcome"] for span in calls(telemetry)] == ["cancelled"]
