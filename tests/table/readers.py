"""How programs read a stream, or stop reading it: each twice, as sync and async code is written."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from table.stage import Stage


class Boom(Exception):
    """An exception of the reader's own."""


@dataclass(frozen=True)
class Reader:
    """One way to read. Only an asynchronous program can be cancelled, so some have no `sync`."""

    asynchronous: Callable[[Stage], Awaitable[None]]
    sync: Callable[[Stage], None] | None = None


def to_the_end(stage: Stage) -> None:
    for item in stage.open():
        stage.note(item)


async def ato_the_end(stage: Stage) -> None:
    async for item in await stage.aopen():
        stage.note(item)


def by_next(stage: Stage) -> None:
    stream = stage.open()
    while True:
        try:
            stage.note(next(stream))
        except StopIteration:
            return


async def aby_next(stage: Stage) -> None:
    stream = await stage.aopen()
    while True:
        try:
            stage.note(await stream.__anext__())
        except StopAsyncIteration:
            return


def break_held(stage: Stage) -> None:
    stream = stage.open()
    for item in stream:
        stage.note(item)
        break
    stage.held(stream)


async def abreak_held(stage: Stage) -> None:
    stream = await stage.aopen()
    async for item in stream:
        stage.note(item)
        break
    stage.held(stream)


def close_early(stage: Stage) -> None:
    stream = stage.open()
    stage.note(next(stream))
    stream.close()


async def aclose_early(stage: Stage) -> None:
    stream = await stage.aopen()
    stage.note(await stream.__anext__())
    await close(stream)


async def close(stream: Any) -> None:
    """Close a stream; a plain generator has another name for it."""
    await (stream.aclose() if inspect.isasyncgen(stream) else stream.close())


def close_first(stage: Stage) -> None:
    stage.open().close()


async def aclose_first(stage: Stage) -> None:
    await close(await stage.aopen())


def close_twice(stage: Stage) -> None:
    stream = stage.open()
    stage.note(next(stream))
    stream.close()
    stream.close()


async def aclose_twice(stage: Stage) -> None:
    stream = await stage.aopen()
    stage.note(await stream.__anext__())
    await close(stream)
    await close(stream)


def never_read(stage: Stage) -> None:
    stage.open()


async def anever_read(stage: Stage) -> None:
    await stage.aopen()


def dropped_half(stage: Stage) -> None:
    stream = stage.open()
    stage.note(next(stream))
    del stream


async def adropped_half(stage: Stage) -> None:
    stream = await stage.aopen()
    stage.note(await stream.__anext__())
    del stream


def raising(stage: Stage) -> None:
    for item in stage.open():
        stage.note(item)
        raise Boom("mine")


async def araising(stage: Stage) -> None:
    async for item in await stage.aopen():
        stage.note(item)
        raise Boom("mine")


def in_with(stage: Stage) -> None:
    with stage.open() as stream:
        for item in stream:
            stage.note(item)


async def ain_with(stage: Stage) -> None:
    async with await stage.aopen() as stream:
        async for item in stream:
            stage.note(item)


def break_in_with(stage: Stage) -> None:
    with stage.open() as stream:
        for item in stream:
            stage.note(item)
            break


async def abreak_in_with(stage: Stage) -> None:
    async with await stage.aopen() as stream:
        async for item in stream:
            stage.note(item)
            break


async def until(when: Awaitable[object], task: asyncio.Future[None]) -> None:
    """Wait until something has happened, unless the task ends before."""
    waiting = asyncio.ensure_future(when)
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED, timeout=20)
    waiting.cancel()


async def cancel(task: asyncio.Future[None], when: Awaitable[object]) -> None:
    """Cancel a task as soon as something has happened, and see what becomes of it."""
    await until(when, task)
    task.cancel()
    await task


async def cancelled_in_create(stage: Stage) -> None:
    await cancel(asyncio.ensure_future(ato_the_end(stage)), stage.reached())


async def cancelled_between_chunks(stage: Stage) -> None:
    await cancel(asyncio.ensure_future(ato_the_end(stage)), stage.first.wait())


async def cancelled_in_body(stage: Stage) -> None:
    async def read() -> None:
        async with AsyncExitStack() as stack:
            async for item in await stage.aopen(stack):
                stage.note(item)
                await asyncio.Event().wait()

    await cancel(asyncio.ensure_future(read()), stage.first.wait())


async def run_out(task: asyncio.Future[None], when: Awaitable[object]) -> None:
    """Let a task's time run out, which begins once something has happened: a slow machine's answer is not late."""
    await until(when, task)
    await asyncio.wait_for(task, 0.05)


async def timed_out(stage: Stage) -> None:
    await run_out(asyncio.ensure_future(ato_the_end(stage)), stage.first.wait())


async def timed_out_in_create(stage: Stage) -> None:
    await run_out(asyncio.ensure_future(ato_the_end(stage)), stage.reached())


def the_answer(stage: Stage) -> None:
    stage.note(stage.open())


async def athe_answer(stage: Stage) -> None:
    stage.note(await stage.aopen())


async def answer_cancelled(stage: Stage) -> None:
    await cancel(asyncio.ensure_future(athe_answer(stage)), stage.reached())


async def answer_timed_out(stage: Stage) -> None:
    await run_out(asyncio.ensure_future(athe_answer(stage)), stage.reached())


STREAM_READERS = {
    "to_the_end": Reader(ato_the_end, to_the_end),
    "by_next": Reader(aby_next, by_next),
    "break_held": Reader(abreak_held, break_held),
    "close_early": Reader(aclose_early, close_early),
    "close_first": Reader(aclose_first, close_first),
    "close_twice": Reader(aclose_twice, close_twice),
    "never_read": Reader(anever_read, never_read),
    "dropped_half": Reader(adropped_half, dropped_half),
    "raising": Reader(araising, raising),
    "in_with": Reader(ain_with, in_with),
    "break_in_with": Reader(abreak_in_with, break_in_with),
    "cancelled_in_create": Reader(cancelled_in_create),
    "cancelled_between_chunks": Reader(cancelled_between_chunks),
    "cancelled_in_body": Reader(cancelled_in_body),
    "timed_out": Reader(timed_out),
    "timed_out_in_create": Reader(timed_out_in_create),
}
ANSWER_READERS = {
    "the_answer": Reader(athe_answer, the_answer),
    "answer_cancelled": Reader(answer_cancelled),
    "answer_timed_out": Reader(answer_timed_out),
}
