"""Work that must not run in the app's path: async handlers, and the ends of streams found by the garbage collector."""

from __future__ import annotations

import contextlib
import contextvars
import gc
import os
import queue
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, ClassVar

from callspan.runtime import greenlets, guard, process

if TYPE_CHECKING:
    import asyncio  # loaded by programs that need it, for it takes longer to import than all of callspan

QUEUE_LIMIT = 10_000
SHUTDOWN_SECONDS = 2.0


class Worker:
    """One daemon thread that runs what it is given, in order; started when first needed, again after a fork."""

    def __init__(self, name: str = "callspan") -> None:
        self._name = name
        self._lock = process.own_lock(self)
        self._jobs: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_starting = False
        process.in_child(self._forget)

    def start(self) -> None:
        """Make sure that the thread runs; there is one, whoever asks for it at once."""
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

    def _runs(self) -> bool:
        """Whether there is a thread that runs or is about to.

        A thread that has its ident is not alive yet, so neither of the two says that it starts.
        """
        thread = self._thread
        return thread is not None and (self._is_starting or thread.is_alive())

    def _forget(self) -> None:
        """In a forked child: the thread is the parent's, and so are its jobs."""
        self._jobs = queue.SimpleQueue()
        self._thread, self._is_starting = None, False

    def _run(self, jobs: queue.SimpleQueue[Callable[[], object]]) -> None:
        while True:
            job = jobs.get()
            try:
                job()
            except Exception as error:  # noqa: BLE001  one bad job must not end the others
                guard.report("background work", error)

    def put(self, job: Callable[[], object]) -> None:
        """Queue a job; safe in a finalizer, which may run while this thread holds any lock."""
        self._jobs.put(job)

    def wait(self, timeout: float) -> bool:
        """Wait until everything queued so far has run; false when that took longer than `timeout` seconds."""
        if self._thread is None or threading.current_thread() is self._thread:
            return True
        done = threading.Event()
        self.put(done.set)
        return greenlets.wait(done, timeout)


worker = Worker()
_attended = [worker]


def attended(more: Worker) -> Worker:
    """A worker whose jobs `heard` waits for too."""
    _attended.append(more)
    return more


_collecting: int | None = None


def _note_collection(phase: str, _info: object) -> None:
    global _collecting
    try:
        _collecting = threading.get_ident() if phase == "start" else None
    except RuntimeError:  # a greenlet of gevent's that ends with the interpreter has no number
        _collecting = None


def watch_collector() -> None:
    """Be ready for streams that are dropped: have the thread run, and know when the collector does."""
    worker.start()
    if _note_collection not in gc.callbacks:
        gc.callbacks.append(_note_collection)


def outside_collector(job: Callable[[], object]) -> None:
    """Run a job here, or on the worker if the garbage collector called us.

    The collector may interrupt code that holds a lock of the SDK's, so nothing of the SDK may be called under it.
    The short wait makes the end visible to whoever asked for the collection; an event loop waits for nobody.
    """
    if _collecting != threading.get_ident():
        job()
        return
    context = contextvars.copy_context()
    done = threading.Event()
    worker.put(lambda: (context.run(job), done.set()))
    if running_loop() is None:
        done.wait(0.05)


def outside_loop(job: Callable[[], object]) -> None:
    """Run a job that reads files here, or on the worker if an event loop runs here, which must not be held up."""
    if running_loop() is None:
        job()
    else:
        worker.start()
        worker.put(job)


class _Loop:
    """An event loop on a thread of ours, for async handlers of calls that have no loop."""

    def __init__(self) -> None:
        self._lock = process.own_lock(self)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = 0

    def get(self) -> asyncio.AbstractEventLoop:
        import asyncio

        with self._lock:
            if self._loop is None or self._pid != os.getpid():
                self._loop, self._pid = (
                    greenlets.run_loop(asyncio.new_event_loop, "callspan-handlers"),
                    os.getpid(),
                )
            return self._loop

    def is_it(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether a loop is ours, which runs, or is just about to."""
        return loop is self._loop


_own_loop = _Loop()


class Delivery:
    """Brings events to the async methods of one handler, in order, on the call's event loop or on ours."""

    _all: ClassVar[weakref.WeakSet[Delivery]] = weakref.WeakSet()
    _of: ClassVar[weakref.WeakKeyDictionary[Any, Delivery]] = weakref.WeakKeyDictionary()

    def __init__(self, name: str) -> None:
        self.name = name
        self._lines: dict[asyncio.AbstractEventLoop, _Line] = {}
        Delivery._all.add(self)

    @classmethod
    def of(cls, handler: Any) -> Delivery:
        """The one delivery of a handler."""
        try:
            if handler not in cls._of:
                cls._of[handler] = cls(type(handler).__name__)
            return cls._of[handler]
        except TypeError:
            return cls(type(handler).__name__)

    def method(self, event: str, target: Callable[..., Awaitable[Any]]) -> Callable[..., None]:
        """A plain method that hands its event on."""
        droppable = event == "on_token"

        def hand_on(call: Any, *rest: Any) -> None:
            loop = running_loop() if call.asynchronous else None
            if loop is None or _is_ending(loop):
                loop = _own_loop.get()
            self._line(loop).put(droppable, target, (call, *rest))

        return hand_on

    def _line(self, loop: asyncio.AbstractEventLoop) -> _Line:
        line = self._lines.get(loop)
        if line is None:
            line = self._lines.setdefault(loop, _Line(loop, self.name))
            self._take_over()
        return line

    def _take_over(self) -> None:
        """Bring to our own loop what came while the app's was closing, after it had ended all tasks."""
        for loop, line in list(self._lines.items()):
            if loop.is_closed() and self._lines.pop(loop, None) is not None:
                while line.waiting:
                    target, event = line.waiting.popleft()
                    self._line(_own_loop.get()).put(False, target, event)

    def forget(self) -> None:
        """Forget the events that wait: they are the parent's of a forked child."""
        for line in self._lines.values():
            line.forget()
        self._lines.clear()

    @classmethod
    def drain(cls, timeout: float) -> bool:
        """Wait until all async handlers have heard what was queued so far; not for the loop this is called on."""
        deadline = time.monotonic() + timeout
        here = running_loop()
        for delivery in list(cls._all):
            delivery._take_over()
        lines = [line for delivery in list(cls._all) for line in list(delivery._lines.values())]
        return all([line.wait(deadline) for line in lines if line.loop is not here])


def heard(timeout: float) -> bool:
    """Wait until everything that was put into the background has been done; false if that took too long."""
    deadline = time.monotonic() + timeout
    done = all([each.wait(max(0.0, deadline - time.monotonic())) for each in _attended])
    return Delivery.drain(max(0.0, deadline - time.monotonic())) and done


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop that runs in this thread, else `None`; asyncio is not imported for it."""
    running = getattr(sys.modules.get("asyncio"), "_get_running_loop", None)
    return running() if running is not None else None


def _is_ending(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether a loop has ended its tasks and closes its generators: a task that begins now is cut or never runs.

    asyncio's loops, and uvloop's, note that under a name of their own (CPython 3.6 to 3.14, tests/test_background.py).
    """
    return getattr(loop, "_asyncgens_shutdown_called", False)


class _Line:
    """The events of one handler on one loop, told one after the other by one task."""

    def __init__(self, loop: asyncio.AbstractEventLoop, name: str) -> None:
        self.loop = loop
        self._name = name
        self.waiting: deque[tuple[Callable[..., Awaitable[Any]], tuple[Any, ...]]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._idle = greenlets.make_event()
        self._idle.set()

    def put(
        self, droppable: bool, target: Callable[..., Awaitable[Any]], event: tuple[Any, ...]
    ) -> None:
        if droppable and len(self.waiting) >= QUEUE_LIMIT:
            guard.say_once(
                f"{self._name} is slower than the model: tokens are dropped for it, starts and ends are not"
            )
            return
        self.waiting.append((target, event))
        self._idle.clear()
        if running_loop() is self.loop:
            self._wake()
        else:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to hear
                self.loop.call_soon_threadsafe(self._wake)

    def forget(self) -> None:
        """Let go of what waits, without a lock, which another thread of the parent may hold."""
        self.waiting.clear()

    def _wake(self) -> None:
        if self._task is None or self._task.done():
            self._task = self.loop.create_task(self._tell_all())

    async def _tell_all(self) -> None:
        import asyncio

        try:
            while self.waiting:
                telling = self.loop.create_task(self._tell_waiting())
                # a loop that closes cancels all tasks that it knows, which would cut a handler in half; so it knows
                # only this one, which waits for the other, within a bound
                asyncio.tasks._unregister_task(telling)
                try:
                    await asyncio.shield(telling)
                except asyncio.CancelledError:
                    if telling.done():
                        continue  # the handler itself has raised it; what waits is still to be told
                    await asyncio.wait([telling], timeout=SHUTDOWN_SECONDS)
                    telling.cancel()
                    raise
        finally:
            self._idle.set()
            if self.waiting:  # another thread has put it there just now, and will wake us
                self._idle.clear()

    async def _tell_waiting(self) -> None:
        while self.waiting:
            target, event = self.waiting.popleft()
            try:
                await target(*event)
            except Exception as error:  # noqa: BLE001  a handler's fault is never the app's
                guard.report(f"{self._name}.{target.__name__}", error)

    def wait(self, deadline: float) -> bool:
        if self.loop.is_closed() or not (self.loop.is_running() or _own_loop.is_it(self.loop)):
            return not self.waiting
        return greenlets.wait(self._idle, max(0.0, deadline - time.monotonic()))


def _forked() -> None:
    """In a child after a fork: the collector of another thread is not here, nor is who would hear what waits."""
    global _collecting
    _collecting = None
    for delivery in list(Delivery._all):
        delivery.forget()


process.in_child(_forked)
