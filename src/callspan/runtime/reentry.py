"""Calls that a signal handler makes while its thread tells of another call.

Python runs a signal handler between any two steps of the main thread, also where that holds a lock of OpenTelemetry's.
A call that the handler makes would wait for that lock for ever, so it is told by the worker's thread, in order.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from callspan.runtime import process
from callspan.runtime.background import worker

T = TypeVar("T")
telling: set[int] = set()
"""The threads (under gevent and eventlet the greenlets) that tell of a call, or collect what was told, right now."""
process.in_child(telling.clear)


def run(job: Callable[[], Any]) -> None:
    """Run a job that tells something: here, or on the worker's thread if this one is interrupted in telling."""
    thread = threading.get_ident()
    if thread in telling:
        run_later(job)
        return
    telling.add(thread)
    try:
        job()
    finally:
        telling.discard(thread)


def run_later(job: Callable[[], Any]) -> None:
    """Run a job on the worker's thread, in the context of here."""
    context = contextvars.copy_context()
    worker.start()
    worker.put(lambda: context.run(job))


def outside(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Call code of the app's, a handler's for example: no lock is held there, and its own calls are told at once."""
    thread = threading.get_ident()
    if thread not in telling:
        return function(*args, **kwargs)
    telling.discard(thread)
    try:
        return function(*args, **kwargs)
    finally:
        telling.add(thread)


def within(seconds: float, job: Callable[[], T], otherwise: T) -> T:
    """Return what a job gives that takes locks of OpenTelemetry's, or something else if they are not to be had.

    Where this thread is interrupted in telling, another one waits for the locks, for so many seconds.
    """
    thread = threading.get_ident()
    if thread in telling:
        return _beside(seconds, job, otherwise)
    telling.add(thread)
    try:
        return job()
    finally:
        telling.discard(thread)


def _beside(seconds: float, job: Callable[[], T], otherwise: T) -> T:
    results: list[T] = []
    thread = threading.Thread(
        target=lambda: results.append(job()), name="callspan-flush", daemon=True
    )
    thread.start()
    thread.join(seconds)
    return results[0] if results else otherwise
