"""How programs read a stream, or stop reading it: each twice, as sync and async code is written."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from table.runner import Runner


class Boom(Exception):
    """An exception of the reader's own."""


@dataclass(frozen=True)
class Reader:
    """One way to read. Only an asynchronous program can be cancelled, so some have no `sync`."""

    asynchronous: Callable[[Runner], Awaitable[None]]
    sync: Callable[[Runner], None] | None = None


def to_the_end(runner: Runner) -> None:
    for item in runner.open():
        runner.note(item)


async def ato_the_end(runner: Runner) -> None:
    async for item in await runner.aopen():
        runner.note(item)


def by_next(runner: Runner) -> None:
    stream = runner.open()
    while True:
        try:
            runner.note(next(stream))
        except StopIteration:
            return


async def aby_next(runner: Runner) -> None:
    stream = await runner.aopen()
    while True:
        try:
            runner.note(await stream.__anext__())
        except StopAsyncIteration:
            return


def break_held(runner: Runner) -> None:
    stream = runner.open()
    for item in stream:
        runner.note(item)
        break
    runner.held(stream)


async def abreak_held(runner: Runner) -> None:
    stream = await runner.aopen()
    async for item in stream:
        runner.note(item)
        break
    runner.held(stream)


def close_early(runner: Runner) -> None:
    stream = runner.open()
    runner.note(next(stream))
    stream.close()


async def aclose_early(runner: Runner) -> None:
    stream = await runner.aopen()
    runner.note(await stream.__anext__())
    await close(stream)


async def close(stream: Any) -> None:
    """Close a stream; a plain generator has another name for it."""
    await (stream.aclose() if inspect.isasyncgen(stream) else stream.close())


def close_first(runner: Runner) -> None:
    runner.open().close()


async def aclose_first(runner: Runner) -> None:
    await close(await runner.aopen())


def close_twice(runner: Runner) -> None:
    stream = runner.open()
    runner.note(next(stream))
    stream.close()
    stream.close()


async def aclose_twice(runner: Runner) -> None:
    stream = await runner.aopen()
    runner.note(await stream.__anext__())
    await close(stream)
    await close(stream)


def never_read(runner: Runner) -> None:
    runner.open()


async def anever_read(runner: Runner) -> None:
    await runner.aopen()


def dropped_half(runner: Runner) -> None:
    stream = runner.open()
    runner.note(next(stream))
    del stream


async def adropped_half(runner: Runner) -> None:
    stream = await runner.aopen()
    runner.note(await stream.__anext__())
    del stream


def raising(runner: Runner) -> None:
    for item in runner.open():
        runner.note(item)
        raise Boom("mine")


async def araising(runner: Runner) -> None:
    async for item in await runner.aopen():
        runner.note(item)
        raise Boom("mine")


def in_with(runner: Runner) -> None:
    with runner.open() as stream:
        for item in stream:
            runner.note(item)


async def ain_with(runner: Runner) -> None:
    async with await runner.aopen() as stream:
        async for item in stream:
            runner.note(item)


def break_in_with(runner: Runner) -> None:
    with runner.open() as stream:
        for item in stream:
            runner.note(item)
            break


async def abreak_in_with(runner: Runner) -> None:
    async with await runner.aopen() as stream:
        async for item in stream:
            runner.note(item)
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


async def cancelled_in_create(runner: Runner) -> None:
    await cancel(asyncio.ensure_future(ato_the_end(runner)), runner.reached())


async def cancelled_between_chunks(runner: Runner) -> None:
    await cancel(asyncio.ensure_future(ato_the_end(runner)), runner.first.wait())


async def cancelled_in_body(runner: Runner) -> None:
    async def read() -> None:
        async with AsyncExitStack() as stack:
            async for item in await runner.aopen(stack):
                runner.note(item)
                await asyncio.Event().wait()

    await cancel(asyncio.ensure_future(read()), runner.first.wait())


async def run_out(task: asyncio.Future[None], when: Awaitable[object]) -> None:
    """Let a task's time run out, which begins once something has happened: a slow machine's answer is not late."""
    await until(when, task)
    await asyncio.wait_for(task, 0.05)


async def timed_out(runner: Runner) -> None:
    await run_out(asyncio.ensure_future(ato_the_end(runner)), runner.first.wait())


async def timed_out_in_create(runner: Runner) -> None:
    await run_out(asyncio.ensure_future(ato_the_end(runner)), runner.reached())


def the_answer(runner: Runner) -> None:
    runner.note(runner.open())


async def athe_answer(runner: Runner) -> None:
    runner.note(await runner.aopen())


async def answer_cancelled(runner: Runner) -> None:
    await cancel(asyncio.ensure_future(athe_answer(runner)), runner.reached())


async def answer_timed_out(runner: Runner) -> None:
    await run_out(asyncio.ensure_future(athe_answer(runner)), runner.reached())


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
