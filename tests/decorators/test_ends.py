"""How decorated functions and blocks end, and that nothing of them is kept."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import callspan
from callspan import Call
from decorators.subjects import (
    KINDS,
    Live,
    coroutine,
    generator,
    plain,
)
from telemetry import Telemetry


class Unspeakable(Exception):
    """An exception that cannot say anything."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize("error", [LookupError("secret"), Unspeakable()])
@pytest.mark.parametrize("kind", [*KINDS, "block"])
def test_errors(telemetry: Telemetry, capture: str, error: Exception, kind: Any) -> None:
    """An exception passes as the very object; the span has its type, and its text only where content is captured."""
    with pytest.raises(type(error)) as caught:
        fail(kind, error)
    assert caught.value is error
    assert error.__context__ is None
    span = telemetry.span
    name = {LookupError: "LookupError", Unspeakable: f"{__name__}.Unspeakable"}[type(error)]
    assert (telemetry.attributes["error.type"], span.status.status_code.name) == (name, "ERROR")
    assert ("secret" in telemetry.everything()) == (
        capture != "off" and isinstance(error, LookupError)
    )
    error.__traceback__ = None


@pytest.mark.parametrize("kind", [*KINDS, "block"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_cancelled(telemetry: Telemetry, kind: Any, error: Any) -> None:
    """What is no `Exception` cancels the operation, and passes."""
    with pytest.raises(error):
        # a loop would take these two for its own
        fail(kind, error(), loop=error is asyncio.CancelledError)
    assert telemetry.attributes["callspan.outcome"] == "cancelled"


def fail(kind: Any, error: BaseException, loop: bool = True) -> None:
    """Raise an exception in a decorated function of a kind, or in a block."""

    def raising() -> None:
        raise error

    async def araising() -> None:
        raise error

    def yielding() -> Iterator[int]:
        yield 1
        raise error

    async def ayielding() -> AsyncIterator[int]:
        yield 1
        raise error

    async def read() -> None:
        async for _ in callspan.tool(ayielding)():
            pass

    if kind == "block":
        with callspan.tool("block"):
            raise error
    elif kind is plain:
        callspan.tool(raising)()
    elif kind is generator:
        list(callspan.tool(yielding)())
    else:
        made = callspan.tool(araising)() if kind is coroutine else read()
        asyncio.run(made) if loop else made.send(None)


async def test_a_cancelled_task(telemetry: Telemetry) -> None:
    """A task that is cancelled cancels its operation; so does one that is cancelled between two items."""
    inside = asyncio.Event()

    @callspan.agent
    async def waits() -> None:
        inside.set()
        await asyncio.Event().wait()

    @callspan.workflow
    async def items() -> AsyncIterator[int]:
        yield 1

    async def passes_on() -> AsyncIterator[int]:
        async for item in items():
            yield item

    async def reads() -> None:
        async for _ in passes_on():
            await waits()

    task = asyncio.create_task(reads())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(10):  # the event loop closes what passes the items on, in a task of its own
        await asyncio.sleep(0)
    outcomes = {
        span.name: dict(span.attributes or {})["callspan.outcome"] for span in telemetry.spans
    }
    assert outcomes["invoke_agent waits"] == "cancelled"
    assert outcomes["invoke_workflow items"] == (
        "abandoned" if sys.version_info < (3, 11) else "cancelled"
    )


def test_nothing_is_kept(telemetry: Telemetry) -> None:
    """What a function was given, gave and raised is let go of at once, without the collector."""
    gc.disable()
    try:
        references: list[weakref.ref[Live]] = []

        def fails(live: Live, deep: bool) -> Live:
            if deep:
                raise LookupError
            return live

        for deep in (True, False):
            live = Live()
            references.append(weakref.ref(live))
            with contextlib.suppress(LookupError):
                callspan.tool(fails)(live, deep)
            del live
        assert [reference() for reference in references] == [None, None]
    finally:
        gc.enable()


def test_control_flow_is_no_error(telemetry: Telemetry) -> None:
    """An interrupt of LangGraph's that passes through a tool is control flow."""

    class GraphInterrupt(Exception):
        pass

    def asks() -> None:
        raise GraphInterrupt

    with pytest.raises(GraphInterrupt):
        callspan.tool(asks)()
    assert telemetry.attributes["callspan.outcome"] == "completed"


def test_a_failing_handler(telemetry: Telemetry, guard_reports: Any) -> None:
    """A handler that fails keeps no function from running."""

    class Failing:
        def on_start(self, call: Call) -> None:
            raise RuntimeError

        on_end = on_start

    with callspan.use_handlers(Failing()):
        assert callspan.tool(plain)(3) == "3 red"
    assert telemetry.attributes["callspan.outcome"] == "completed"
    assert len(guard_reports.messages) == 2
    guard_reports.records.clear()


async def test_inline_handlers_are_awaited(telemetry: Telemetry) -> None:
    """A handler that asks for it is awaited before the function begins, and after it has ended."""
    told: list[str] = []

    class Inline:
        inline = True

        async def on_start(self, call: Call) -> None:
            await asyncio.sleep(0)
            told.append(f"{call.subject} starts")

        async def on_end(self, call: Call, _response: Any) -> None:
            await asyncio.sleep(0)
            told.append(f"{call.subject} ends")

    @callspan.tool
    async def looks_up() -> None:
        told.append("looks up")

    @callspan.workflow
    async def items() -> AsyncIterator[int]:
        told.append("yields")
        yield 1

    with callspan.use_handlers(Inline()):
        await looks_up()
        async for _ in items():
            pass
        async with callspan.agent("block"):
            told.append("block")
    expected = [
        "looks_up starts",
        "looks up",
        "looks_up ends",
        "items starts",
        "yields",
        "items ends",
    ]
    assert told == [*expected, "block starts", "block", "block ends"]
