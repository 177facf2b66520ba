"""The program under load: `python -m tests.soak.load URL SECONDS`, with the OTLP endpoint in its environment.

Prints a JSON line about each second of what it holds, and at its end how many calls of each model it made.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI, OpenAI

import callspan
from callspan.lifecycle.observation import open_observations

THREADS, TASKS = 3, 8
ASK: Any = [{"role": "user", "content": "How long do tulips last?"}]
COUNTED: Any = {"stream": True, "stream_options": {"include_usage": True}}
made: Counter[str] = Counter()


def chat(model: str, **more: Any) -> Any:
    """The arguments of one call, which is counted."""
    made[model] += 1
    return {"model": model, "messages": ASK, **more}


def plain(client: OpenAI) -> None:
    client.chat.completions.create(**chat("plain-model"))


def read(client: OpenAI) -> None:
    for _ in client.chat.completions.create(**chat("read-model", **COUNTED)):
        pass


def left(client: OpenAI) -> None:
    for _ in client.chat.completions.create(**chat("left-model", stream=True)):
        break


def unread(client: OpenAI) -> None:
    client.chat.completions.create(**chat("unread-model", stream=True)).close()


def embedded(client: OpenAI) -> None:
    made["embedding-model"] += 1
    client.embeddings.create(model="embedding-model", input=["tulips", "roses"])


def failed(model: str, **more: Any) -> Callable[[OpenAI], None]:
    """A call that fails, at once or while its stream is read."""

    def fail(client: OpenAI) -> None:
        with contextlib.suppress(Exception):
            for _ in client.chat.completions.create(**chat(model, **more)):
                pass

    return fail


def in_thread_of_its_own(client: OpenAI) -> None:
    """As a web server without a pool does it, with a client that is thrown away."""

    def serve() -> None:
        with OpenAI(base_url=client.base_url, api_key="any", max_retries=0, timeout=120) as own:
            read(own)

    thread = threading.Thread(target=callspan.carry(serve))
    thread.start()
    thread.join()


STEPS: list[Callable[[OpenAI], None]] = [
    plain,
    read,
    left,
    unread,
    embedded,
    in_thread_of_its_own,
    failed("no-such-model"),
    failed("failing-model"),
    failed("busy-model", stream=True),
    failed("cut-model", stream=True),
    failed("breaking-model", stream=True),
]


async def read_async(client: AsyncOpenAI) -> None:
    async for _ in await client.chat.completions.create(**chat("read-model", **COUNTED)):
        pass


async def many_async(client: AsyncOpenAI) -> None:
    await asyncio.gather(*[client.chat.completions.create(**chat("plain-model")) for _ in range(4)])


async def left_async(client: AsyncOpenAI) -> None:
    async with await client.chat.completions.create(**chat("left-model", stream=True)) as stream:
        async for _ in stream:
            break


async def stopped(client: AsyncOpenAI) -> None:
    """A task that is cancelled while it works on a chunk, as when the reader of a web page goes away."""
    begun = asyncio.Event()

    async def work() -> None:
        async with await client.chat.completions.create(
            **chat("stopped-model", stream=True)
        ) as stream:
            async for _ in stream:
                begun.set()
                await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    await asyncio.wait([task])


async def too_slow(client: AsyncOpenAI) -> None:
    """A time limit of the program's cancels the call before it has an answer."""
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(client.chat.completions.create(**chat("slow-model")), 0.05)


ASYNC_STEPS: list[Callable[[AsyncOpenAI], Awaitable[None]]] = [
    read_async,
    many_async,
    left_async,
    stopped,
    too_slow,
]


def sync_load(url: str, over: threading.Event, offset: int) -> None:
    """One thread, going round all steps."""
    steps = itertools.islice(itertools.cycle(STEPS), offset, None)
    with OpenAI(base_url=url, api_key="any", max_retries=0, timeout=120) as client:
        while not over.is_set():
            next(steps)(client)


async def async_load(url: str, over: threading.Event) -> None:
    """Several tasks on one loop, each going round all steps."""

    async def one(offset: int) -> None:
        steps = itertools.islice(itertools.cycle(ASYNC_STEPS), offset, None)
        while not over.is_set():
            await next(steps)(client)

    async with AsyncOpenAI(base_url=url, api_key="any", max_retries=0, timeout=120) as client:
        await asyncio.gather(*[one(offset) for offset in range(TASKS)])


def held(began: float) -> dict[str, float]:
    """What the process has now."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "seconds": time.monotonic() - began,
        "calls": sum(made.values()),
        "memory": pages * os.sysconf("SC_PAGE_SIZE"),
        "threads": threading.active_count(),
        "files": len(os.listdir("/proc/self/fd")),
        "open": len(open_observations),
    }


def main(url: str, seconds: float) -> None:
    """Work for so many seconds."""
    callspan.configure(otlp=True)
    callspan.instrument()
    over = threading.Event()
    workers = [
        threading.Thread(target=sync_load, args=(url, over, offset)) for offset in range(THREADS)
    ]
    workers.append(threading.Thread(target=lambda: asyncio.run(async_load(url, over))))
    for worker in workers:
        worker.start()
    began = time.monotonic()
    while time.monotonic() < began + seconds:
        print(json.dumps(held(began)), flush=True)
        over.wait(1.0)
    over.set()
    for worker in workers:
        worker.join()
    print(json.dumps({**held(began), "made": made}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
