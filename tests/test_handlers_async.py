"""Handlers with `async def` methods: told in order, on the right event loop, and never in the app's way."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

import openai
import pytest

import callspan
from callspan.runtime import handler_queue
from callspan.testing.modelserver import ModelServer, Reply
from clients import async_openai_client
from program import CHAT
from telemetry import Telemetry

ROSES = Reply(text="Roses are red.")
STREAM = ["start", "token", "token", "token", "end"]


class Notes:
    """Hears everything asynchronously, and notes on which thread."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.threads: set[str] = set()

    async def _note(self, kind: str) -> None:
        await asyncio.sleep(0)  # another task may run in between
        self.heard.append(kind)
        self.threads.add(threading.current_thread().name)

    async def on_start(self, call: callspan.Call) -> None:
        await self._note("start")

    async def on_token(self, call: callspan.Call, token: callspan.Token) -> None:
        await self._note("token")

    async def on_end(self, call: callspan.Call, response: callspan.Response) -> None:
        await self._note("end")

    async def on_error(self, call: callspan.Call, error: BaseException) -> None:
        await self._note("error")


class Slow(Notes):
    """Does not go on before it is allowed to."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()

    async def on_start(self, call: callspan.Call) -> None:
        await self.gate.wait()
        await self._note("start")


async def read(client: openai.AsyncOpenAI) -> int:
    """Read a stream to its end; how many chunks it had."""
    stream = await client.chat.completions.create(**CHAT, stream=True)
    return len([chunk async for chunk in stream])


async def told(handler: Notes, ends: int = 1) -> None:
    """Let other tasks run until the handler has heard of the end of so many calls; fails when that never comes."""

    async def wait() -> None:
        while handler.heard.count("end") + handler.heard.count("error") < ends:
            await asyncio.sleep(0)

    await asyncio.wait_for(wait(), 10)


def test_sync_call(telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer) -> None:
    """For a sync call an async handler is told in order on one background loop of ours; `flush` waits for it."""
    notes = Notes()
    telemetry.instrument(handlers=[notes])
    model_server.enqueue(ROSES)
    list(client.chat.completions.create(**CHAT, stream=True))
    assert callspan.flush(5)
    assert notes.heard == STREAM
    assert notes.threads == {"callspan-handlers"}


async def test_async_call(telemetry: Telemetry, model_server: ModelServer) -> None:
    """For an async call an async handler is told in order on the call's own event loop."""
    notes = Notes()
    telemetry.instrument(handlers=[notes])
    model_server.enqueue(ROSES)
    async with async_openai_client(model_server.url) as client:
        await read(client)
        await told(notes)
    assert notes.heard == STREAM
    assert notes.threads == {threading.current_thread().name}


async def test_slow_handler(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A handler that waits holds up neither the call nor other handlers, and hears all in order when it goes on."""
    slow, quick = Slow(), Notes()
    telemetry.instrument(handlers=[slow, quick])
    model_server.enqueue(ROSES)
    async with async_openai_client(model_server.url) as client:
        assert await read(client) == 5
        await told(quick)
    assert (slow.heard, quick.heard) == ([], STREAM)
    slow.gate.set()
    await told(slow)
    assert slow.heard == STREAM


def test_loop_closes(telemetry: Telemetry, model_server: ModelServer) -> None:
    """When the event loop closes right after the call, what is queued is still told."""
    notes = Notes()
    telemetry.instrument(handlers=[notes])
    model_server.enqueue(ROSES)

    async def main() -> None:
        async with async_openai_client(model_server.url) as client:
            await read(client)

    asyncio.run(main())
    assert notes.heard == STREAM


def test_loop_closes_in_the_middle(telemetry: Telemetry, model_server: ModelServer) -> None:
    """When the event loop closes while a handler is being told, that event is not lost either."""
    begun = threading.Event()

    class Interrupted(Notes):
        async def on_end(self, call: callspan.Call, response: callspan.Response) -> None:
            begun.set()
            for _ in range(3):
                await asyncio.sleep(0)
            self.heard.append("end")

    notes = Interrupted()
    telemetry.instrument(handlers=[notes])

    async def main() -> None:
        async with async_openai_client(model_server.url) as client:
            await client.chat.completions.create(**CHAT)
            while not begun.is_set():
                await asyncio.sleep(0)

    asyncio.run(main())
    assert notes.heard == ["start", "end"]


async def test_inline(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A handler with `inline = True` is awaited by the call: it has heard each event before the app goes on."""
    notes = Notes()
    notes.inline = True  # type: ignore[attr-defined]  # what makes it so
    telemetry.instrument(handlers=[notes])
    model_server.enqueue(ROSES, ROSES)
    async with async_openai_client(model_server.url) as client:
        stream = await client.chat.completions.create(**CHAT, stream=True)
        assert notes.heard == ["start"]
        counts = [(len(notes.heard)) async for _ in stream]
        assert counts == [1, 2, 3, 4, 4]
        assert notes.heard == STREAM
        await client.chat.completions.create(**CHAT)
    assert notes.heard == [*STREAM, "start", "end"]


@pytest.mark.parametrize("way", ["error", "break", "close"])
async def test_inline_at_the_end(telemetry: Telemetry, model_server: ModelServer, way: str) -> None:
    """However a call ends, an inline handler hears of it."""
    notes = Notes()
    notes.inline = True  # type: ignore[attr-defined]  # what makes it so
    telemetry.instrument(handlers=[notes])
    model_server.enqueue(Reply(status=400) if way == "error" else ROSES)
    async with async_openai_client(model_server.url) as client:
        if way == "error":
            with pytest.raises(openai.BadRequestError):
                await read(client)
        else:
            stream = await client.chat.completions.create(**CHAT, stream=True)
            async for _ in stream:
                break
            if way == "close":
                await stream.close()
        await told(notes)
    assert notes.heard[-1] == ("error" if way == "error" else "end")


async def test_inline_where_the_collector_finds_the_stream(
    telemetry: Telemetry, model_server: ModelServer
) -> None:
    """The end of a stream that only the garbage collector finds is told too, once, on whichever loop."""
    notes = Notes()
    notes.inline = True  # type: ignore[attr-defined]  # what makes it so
    telemetry.instrument(handlers=[notes])
    model_server.enqueue(ROSES)
    async with async_openai_client(model_server.url) as client:
        stream = await client.chat.completions.create(**CHAT, stream=True)
        await anext(stream)
        circle = [stream]
        circle.append(circle)  # type: ignore[arg-type]  # which keeps the stream until a collection
        del stream, circle
        gc.collect()
        assert await asyncio.to_thread(callspan.flush, 10)
        await told(notes)
    assert notes.heard == ["start", "end"]


class PlainClose(openai.AsyncStream[Any]):
    """An asynchronous stream of the app's own whose `close` is no coroutine."""

    closed = 0
    aclose = None  # type: ignore[assignment]  # newer clients have it, and await `close` there

    def close(self) -> None:  # type: ignore[override]  # that is what is tried
        PlainClose.closed += 1


async def _plain_close(client: openai.AsyncOpenAI) -> Any:
    return await client.post(
        "/chat/completions",
        body={**CHAT, "stream": True},
        cast_to=object,
        stream=True,
        stream_cls=PlainClose,
    )


@pytest.mark.parametrize("stops", [False, True], ids=["closed by the app", "stopped by a budget"])
async def test_async_stream_with_a_plain_close(
    telemetry: Telemetry, model_server: ModelServer, stops: bool
) -> None:
    """It is closed as it wants to be, by the app and by a budget, and the call ends there."""
    PlainClose.closed = 0
    model_server.enqueue(Reply(text="Roses are red. " * 40))
    async with async_openai_client(model_server.url) as client:
        if stops:
            with callspan.budget(tokens=60, in_stream="raise"):
                stream = await _plain_close(client)
                with pytest.raises(callspan.BudgetExceeded):
                    _ = [chunk async for chunk in stream]
        else:
            stream = await _plain_close(client)
            await anext(stream)
            stream.close()
        assert PlainClose.closed == 1
        await stream.response.aclose()
        assert telemetry.attributes["callspan.outcome"] == ("error" if stops else "abandoned")


def test_inline_for_a_sync_call(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """A sync call cannot await, so there an inline handler is told on the background loop."""
    notes = Notes()
    notes.inline = True  # type: ignore[attr-defined]  # what makes it so
    telemetry.instrument(handlers=[notes])
    client.chat.completions.create(**CHAT)
    assert callspan.flush(5)
    assert (notes.heard, notes.threads) == (["start", "end"], {"callspan-handlers"})


async def test_cancelled(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A cancelled call is told as an error: the cancellation."""
    gate = threading.Event()
    notes, errors = Notes(), []

    class Errors:
        def on_error(self, call: callspan.Call, error: BaseException) -> None:
            errors.append((call.outcome, type(error)))

    telemetry.instrument(handlers=[notes, Errors()])
    model_server.enqueue(Reply(gate=gate))
    async with async_openai_client(model_server.url) as client:
        task = asyncio.ensure_future(client.chat.completions.create(**CHAT))
        while not model_server.requests:
            await asyncio.sleep(0.002)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gate.set()
        await told(notes)
    assert notes.heard == ["start", "error"]
    assert errors == [(callspan.Outcome.CANCELLED, asyncio.CancelledError)]


class Failing(Notes):
    """Raises when it hears a token."""

    async def on_token(self, call: callspan.Call, token: callspan.Token) -> None:
        raise RuntimeError("the handler's own")


@pytest.mark.guard_acts("a handler raises")
@pytest.mark.parametrize("inline", [False, True])
async def test_raising(
    telemetry: Telemetry, model_server: ModelServer, guard_reports: Any, inline: bool
) -> None:
    """An async handler that raises is named in one log line, and still hears what comes after."""
    failing = Failing()
    failing.inline = inline  # type: ignore[attr-defined]  # what makes it so
    telemetry.instrument(handlers=[failing])
    model_server.enqueue(ROSES)
    async with async_openai_client(model_server.url) as client:
        assert await read(client) == 5
        await told(failing)
    assert failing.heard == ["start", "end"]
    [message] = guard_reports.messages
    assert "Failing.on_token" in message


@pytest.mark.guard_acts("the queue is full, and that is said once")
async def test_full_queue(
    telemetry: Telemetry,
    model_server: ModelServer,
    guard_reports: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the handler is too slow, tokens are dropped, which is said once; a start or an end never is."""
    monkeypatch.setattr(handler_queue, "QUEUE_LIMIT", 4)
    slow = Slow()
    telemetry.instrument(handlers=[slow])
    model_server.enqueue(*[Reply(text="one two three four five six seven eight nine ten")] * 3)
    async with async_openai_client(model_server.url) as client:
        for _ in range(3):
            await read(client)
        slow.gate.set()
        await told(slow, ends=3)
    assert (slow.heard.count("start"), slow.heard.count("end")) == (3, 3)
    assert 0 < slow.heard.count("token") < 30
    [message] = guard_reports.messages
    assert "tokens are dropped" in message
