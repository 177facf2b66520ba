"""Calls that a signal handler makes while its thread notifies handlers of another call.

Python runs a signal handler between any two steps of the main thread, also where that holds a lock
of OpenTelemetry's. A call that the signal handler makes would wait for that lock for ever, so the
worker's thread notifies of it, in order (docs/decisions/0027).
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from callspan.runtime import process
from callspan.runtime.background import worker

T = TypeVar("T")
# a set and no lock: the thread that finds itself in it must go on, not wait
notifying: set[int] = set()
"""The threads, or greenlets, that notify handlers or collect telemetry right now."""
process.in_child(notifying.clear)


def run(job: Callable[[], object]) -> None:
    """Run a job that notifies handlers; on the worker, if it interrupts another such job."""
    thread = threading.get_ident()
    if thread in notifying:
        run_later(job)
        return
    notifying.add(thread)
    try:
        job()
    finally:
        notifying.discard(thread)


def run_later(job: Callable[[], object]) -> None:
    """Run a job on the worker's thread, in the context of this place."""
    context = contextvars.copy_context()
    # in order: one worker runs these jobs, so a start comes before its end
    # without a thread the job is lost: here it could wait for a lock that this thread holds
    if worker.try_start():
        worker.put(lambda: context.run(job))


def outside(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Call code of the app's, such as a handler: no lock is held, so its calls are not deferred."""
    thread = threading.get_ident()
    if thread not in notifying:
        return function(*args, **kwargs)
    notifying.discard(thread)
    try:
        return function(*args, **kwargs)
    finally:
        # back in the notification of the other call, whose locks may be taken next
        notifying.add(thread)


def within(seconds: float, job: Callable[[], T], otherwise: T) -> T:
    """Return the result of a job that takes locks of OpenTelemetry's.

    Where this thread was interrupted while it may hold them, another thread waits for them.

    Args:
        seconds: The most seconds that the other thread may take.
        job: The job.
        otherwise: The result if that was too short.
    """
    thread = threading.get_ident()
    if thread in notifying:
        return _beside(seconds, job, otherwise)
    notifying.add(thread)
    try:
        return job()
    finally:
        notifying.discard(thread)


def _beside(seconds: float, job: Callable[[], T], otherwise: T) -> T:
    results: list[T] = []
    # not the worker, which may be waiting for what the interrupted thread holds
    thread = threading.Thread(
        target=lambda: results.append(job()), name="callspan-flush", daemon=True
    )
    thread.start()
    thread.join(seconds)
    return results[0] if results else otherwise
