"""Work in the background: each job runs, and each event reaches its asynchronous handler, whatever happens at once."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import callspan
from callspan.runtime.background import Worker
from callspan.testing.modelserver import ModelServer, Reply
from clients import async_openai_client
from program import CHAT
from telemetry import Telemetry

THREADS = 8


@pytest.mark.usefixtures("frequent_switches")
def test_a_worker_that_many_start_at_once() -> None:
    """Threads that start one worker at the same moment get one thread, and none of their jobs is lost."""
    for number in range(50):
        worker, done, barrier = Worker(f"many-{number}"), [], threading.Barrier(THREADS)

        def work(
            worker: Worker = worker, done: list[int] = done, barrier: threading.Barrier = barrier
        ) -> None:
            barrier.wait(30)
            worker.start()
            worker.put(lambda: done.append(1))

        threads = [threading.Thread(target=work) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert worker.wait(30)
        assert len(done) == THREADS
        names = [thread.name for thread in threading.enumerate()]
        assert names.count(f"many-{number}") == 1


class Ends:
    """An asynchronous handler: the calls whose start and whose end it has heard."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.ended: list[str] = []

    async def on_start(self, call: callspan.Call) -> None:
        await asyncio.sleep(0)
        self.started.append(call.id)

    async def on_end(self, call: callspan.Call, response: callspan.Response) -> None:
        await asyncio.sleep(0)
        self.ended.append(call.id)


class SlowEnds(Ends):
    """The same, which takes its time at the end."""

    async def on_end(self, call: callspan.Call, response: callspan.Response) -> None:
        await asyncio.sleep(0.05)
        await super().on_end(call, response)


def test_ends_that_come_while_the_loop_closes(
    telemetry: Telemetry, model_server: ModelServer
) -> None:
    """Streams that are closed after the loop has ended all tasks: their ends are heard, and `flush` says so."""
    handler = SlowEnds()
    telemetry.instrument(handlers=[handler])

    async def read(client: Any) -> Any:
        stream = await client.chat.completions.create(**CHAT, stream=True)
        try:
            async for chunk in stream:
                yield chunk
        finally:
            await stream.close()

    async def main() -> list[Any]:
        client = async_openai_client(model_server.url)
        readers = [read(client) for _ in range(3)]
        for reader in readers:
            await reader.__anext__()
        return readers

    for _ in range(3):
        model_server.enqueue(Reply(text="Roses are red and violets are blue"))
    kept = asyncio.run(main())
    assert callspan.flush(30)
    assert len(kept) == len(handler.started) == 3
    assert sorted(handler.ended) == sorted(handler.started)


def test_a_handler_that_is_cancelled_by_itself(telemetry: Telemetry, client: Any) -> None:
    """A handler in which something is cancelled hears of the next event all the same."""

    class Cancelled(Ends):
        async def on_start(self, call: callspan.Call) -> None:
            await super().on_start(call)
            raise asyncio.CancelledError

    handler = Cancelled()
    telemetry.instrument(handlers=[handler])
    client.chat.completions.create(**CHAT)
    assert callspan.flush(30)
    assert handler.ended == handler.started != []


@pytest.mark.usefixtures("frequent_switches")
def test_many_loops_that_come_and_go(telemetry: Telemetry, model_server: ModelServer) -> None:
    """Loops that begin and end in several threads at once lose no event."""
    handler = Ends()
    telemetry.instrument(handlers=[handler])

    async def ask() -> None:
        async with async_openai_client(model_server.url) as asking:
            await asking.chat.completions.create(**CHAT)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _number: asyncio.run(ask()), range(24)))
    assert callspan.flush(30)
    assert len(handler.started) == 24
    assert sorted(handler.ended) == sorted(handler.started)
