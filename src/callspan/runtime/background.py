"""Run work outside the app's path: on a thread of ours, and never inside the garbage collector."""

from __future__ import annotations

import contextvars
import gc
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from callspan.runtime import greenlets, guard, process

if TYPE_CHECKING:
    import asyncio  # where a program needs it: it takes longer to import than all of callspan

Job = Callable[[], object]


class Worker:
    """One daemon thread that runs jobs in order; started when first needed, again after a fork.

    Args:
        name: The name of the thread.
        is_drained: Whether `flush()` waits for the jobs of this worker.
    """

    def __init__(self, name: str = "callspan", is_drained: bool = False) -> None:
        self._name = name
        self._lock = process.own_lock(self)
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_starting = False
        process.in_child(self._forget)
        if is_drained:
            _drained_workers.append(self)

    def start(self) -> None:
        """Make sure that the thread runs; there is one, even if two threads start it at once."""
        if self._runs():
            return
        with self._lock:
            if self._runs():
                return
            # made here, not with the worker: gevent may have replaced queues and threads since then
            self._jobs = queue.SimpleQueue()
            thread = threading.Thread(
                target=self._run, args=(self._jobs,), name=self._name, daemon=True
            )
            self._thread, self._is_starting = thread, True
        # not under the lock: to start a thread gevent lets other greenlets run, which may come here
        try:
            thread.start()
        except RuntimeError:  # there can be no more threads; a later call may have more luck
            self._thread = None
            raise
        finally:
            self._is_starting = False

    def try_start(self) -> bool:
        """Make sure that the thread runs; log a warning and return false where there can be none.

        So it is at the process's limit of threads, and while the interpreter shuts down.
        """
        try:
            self.start()
        except RuntimeError as error:
            guard.report(f"starting the thread {self._name}", error)
            return False
        return True

    def _runs(self) -> bool:
        """Whether there is a thread that runs or is about to."""
        # A thread that has its ident is not alive yet, so neither of the two says that it starts.
        thread = self._thread
        return thread is not None and (self._is_starting or thread.is_alive())

    def _forget(self) -> None:
        """Let go of the thread and its jobs in a forked child: they are the parent's."""
        self._jobs = queue.SimpleQueue()
        self._thread, self._is_starting = None, False

    def _run(self, jobs: queue.SimpleQueue[Job]) -> None:
        while True:
            job = jobs.get()
            try:
                job()
            except Exception as error:  # noqa: BLE001  one bad job must not end the others
                guard.report("background work", error)

    def put(self, job: Job) -> None:
        """Queue a job; safe in a finalizer, which may run while this thread holds any lock."""
        self._jobs.put(job)

    def wait(self, timeout: float) -> bool:
        """Wait until everything queued so far has run.

        Returns:
            False if that took longer than `timeout` seconds.
        """
        if self._thread is None or threading.current_thread() is self._thread:
            return True
        done = threading.Event()
        self.put(done.set)
        return greenlets.wait(done, timeout)


_drained_workers: list[Worker] = []
worker = Worker(is_drained=True)
"""The worker for short jobs of any kind."""


def drain_workers(timeout: float) -> bool:
    """Wait until the workers have run all jobs; return false if that took too many seconds."""
    deadline = time.monotonic() + timeout
    is_complete = True
    for each in _drained_workers:
        # each of them is waited for, also after one that was too slow
        is_done = each.wait(max(0.0, deadline - time.monotonic()))
        is_complete = is_complete and is_done
    return is_complete


_collecting_thread: int | None = None
"""The thread in which the garbage collector runs now."""


def _note_collection(phase: str, _info: object) -> None:
    global _collecting_thread
    try:
        _collecting_thread = threading.get_ident() if phase == "start" else None
    except RuntimeError:  # a greenlet of gevent's that ends with the interpreter has no number
        _collecting_thread = None


def watch_collector() -> None:
    """Start the worker, and note when the garbage collector runs, for streams that are dropped."""
    worker.try_start()
    if _note_collection not in gc.callbacks:
        gc.callbacks.append(_note_collection)


def outside_collector(job: Job) -> None:
    """Run a job here, or on the worker if the garbage collector called us.

    The collector may interrupt code that holds a lock of the SDK's, so nothing of the SDK may be
    called under it (docs/decisions/0026).
    """
    if _collecting_thread != threading.get_ident():
        job()
        return
    context = contextvars.copy_context()
    done = threading.Event()

    def run_in_context() -> None:
        context.run(job)
        done.set()

    worker.put(run_in_context)
    # A short wait lets whoever started the collection see its effect; an event loop never waits.
    if running_loop() is None:
        done.wait(0.05)


def outside_loop(job: Job) -> None:
    """Run a job that reads files, but on the worker where an event loop runs: it must not block."""
    if running_loop() is not None and worker.try_start():
        worker.put(job)
    else:
        job()


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop that runs in this thread, without importing asyncio."""
    running = getattr(sys.modules.get("asyncio"), "_get_running_loop", None)
    return running() if running is not None else None


def _forget_collector() -> None:
    """Note in a forked child that no other thread collects: there is none."""
    global _collecting_thread
    _collecting_thread = None


process.in_child(_forget_collector)
