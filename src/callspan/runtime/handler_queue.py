"""Queues that bring events to asynchronous handlers, in order and without the call waiting.

A handler hears a call on the call's own event loop if there is one, else on a loop of ours.
"""

from __future__ import annotations

import contextlib
import os
import time
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, ClassVar

from callspan.runtime import greenlets, guard, process
from callspan.runtime.background import drain_workers, running_loop

if TYPE_CHECKING:
    import asyncio  # where a program needs it: it takes longer to import than all of callspan

QUEUE_LIMIT = 10_000
"""The most events that wait for one handler on one loop; beyond it, tokens are dropped."""
SHUTDOWN_SECONDS = 2.0
"""The time that a handler has for its last event while its loop closes."""

AsyncMethod = Callable[..., Awaitable[Any]]


def drain(timeout: float) -> bool:
    """Wait until all work in the background is done, and asynchronous handlers have their events.

    Returns:
        False if that took longer than `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    # workers first: what they work out may be an event for a handler
    are_workers_done = drain_workers(timeout)
    are_handlers_done = HandlerQueue.drain(max(0.0, deadline - time.monotonic()))
    return are_workers_done and are_handlers_done


class _HandlerLoop:
    """An event loop on a thread of ours, for asynchronous handlers of calls that have no loop."""

    def __init__(self) -> None:
        self._lock = process.own_lock(self)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = 0

    def get(self) -> asyncio.AbstractEventLoop:
        """Return the loop, which is made at its first use and again in a forked child."""
        import asyncio

        with self._lock:
            if self._loop is None or self._pid != os.getpid():
                self._loop = greenlets.run_loop(asyncio.new_event_loop, "callspan-handlers")
                self._pid = os.getpid()
            return self._loop

    def is_same(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether a loop is ours, which runs, or is just about to."""
        return loop is self._loop


_handler_loop = _HandlerLoop()


class HandlerQueue:
    """The events of one handler, with a queue for each event loop on which its calls are made."""

    _all: ClassVar[weakref.WeakSet[HandlerQueue]] = weakref.WeakSet()
    _by_handler: ClassVar[weakref.WeakKeyDictionary[object, HandlerQueue]] = (
        weakref.WeakKeyDictionary()
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self._queues: dict[asyncio.AbstractEventLoop, _LoopQueue] = {}
        HandlerQueue._all.add(self)

    @classmethod
    def of(cls, handler: object) -> HandlerQueue:
        """Return the one queue of a handler."""
        try:
            if handler not in cls._by_handler:
                cls._by_handler[handler] = cls(type(handler).__name__)
            return cls._by_handler[handler]
        except TypeError:  # it cannot be hashed, or not be referred to weakly
            return cls(type(handler).__name__)

    def method(self, event: str, target: AsyncMethod) -> Callable[..., None]:
        """Return a plain function that queues an event for a handler's method."""
        is_droppable = event == "on_token"

        def enqueue(call: Any, *rest: Any) -> None:
            loop = running_loop() if call.asynchronous else None
            if loop is None or _is_ending(loop):
                loop = _handler_loop.get()
            self._queue_on(loop).put(is_droppable, target, (call, *rest))

        return enqueue

    def put_apart(self, target: AsyncMethod, *event: Any) -> None:
        """Queue an event on our own loop, whatever loop the call has."""
        self._queue_on(_handler_loop.get()).put(False, target, event)

    def _queue_on(self, loop: asyncio.AbstractEventLoop) -> _LoopQueue:
        loop_queue = self._queues.get(loop)
        if loop_queue is None:
            # `setdefault` is atomic: two threads that come at once get the same queue
            loop_queue = self._queues.setdefault(loop, _LoopQueue(loop, self.name))
            self._adopt_orphans()
        return loop_queue

    def _adopt_orphans(self) -> None:
        """Move to our own loop the events that came while the app's loop was closing."""
        for loop, loop_queue in list(self._queues.items()):
            if loop.is_closed() and self._queues.pop(loop, None) is not None:
                while loop_queue.waiting:
                    target, event = loop_queue.waiting.popleft()
                    self._queue_on(_handler_loop.get()).put(False, target, event)

    def forget(self) -> None:
        """Forget the events that wait: they are the parent's of a forked child."""
        for loop_queue in self._queues.values():
            loop_queue.forget()
        self._queues.clear()

    @classmethod
    def drain(cls, timeout: float) -> bool:
        """Wait until all handlers have the events queued so far, but on the loop that runs here.

        Returns:
            False if that took longer than `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        here = running_loop()
        handler_queues = list(cls._all)
        for handler_queue in handler_queues:
            handler_queue._adopt_orphans()
        is_complete = True
        for handler_queue in handler_queues:
            for loop_queue in list(handler_queue._queues.values()):
                # the loop that runs here cannot go on while it waits
                if loop_queue.loop is not here:
                    is_done = loop_queue.wait(deadline)
                    is_complete = is_complete and is_done
        return is_complete

    @classmethod
    def forget_all(cls) -> None:
        """Forget all waiting events in a forked child: whoever would hear them is not there."""
        for handler_queue in list(cls._all):
            handler_queue.forget()


_left_over = HandlerQueue("inline handler")


def run_apart(waiting: Coroutine[Any, Any, Any]) -> None:
    """Run a handler's coroutine on a loop of ours, for a call that ends where no loop runs."""
    _left_over.put_apart(_finish, waiting)


async def _finish(waiting: Coroutine[Any, Any, Any]) -> None:
    try:
        await waiting
    except Exception as error:  # noqa: BLE001  a handler's fault is never the app's
        guard.report(waiting.__qualname__, error)


def _is_ending(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether a loop has ended its tasks and closes its generators.

    A task that begins now is cut or never runs. asyncio's loops, and uvloop's, note that under a
    private name (CPython 3.6 to 3.14, tests/test_background.py).
    """
    return getattr(loop, "_asyncgens_shutdown_called", False)


class _LoopQueue:
    """The events of one handler on one loop; one task calls the handler, event after event."""

    def __init__(self, loop: asyncio.AbstractEventLoop, name: str) -> None:
        self.loop = loop
        self._name = name
        self.waiting: deque[tuple[AsyncMethod, tuple[Any, ...]]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._idle = greenlets.make_event()
        self._idle.set()

    def put(self, is_droppable: bool, target: AsyncMethod, event: tuple[Any, ...]) -> None:
        """Queue an event, from any thread; drop one that may be dropped where the queue is full."""
        if is_droppable and len(self.waiting) >= QUEUE_LIMIT:
            guard.say_once(
                f"{self._name} is slower than the model: "
                "tokens are dropped for it, starts and ends are not"
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
        """Let go of waiting events, without a lock, which another thread of the parent may hold."""
        self.waiting.clear()

    def _wake(self) -> None:
        if self._task is None or self._task.done():
            self._task = self.loop.create_task(self._notify_all())

    async def _notify_all(self) -> None:
        import asyncio

        try:
            while self.waiting:
                notifying = self.loop.create_task(self._notify_waiting())
                # A loop that closes cancels all tasks that it knows, which would cut a handler in
                # half. So it knows only this one, which waits for the other, within a bound
                # (private, CPython 3.10 to 3.13; tests/test_handlers_async.py).
                asyncio.tasks._unregister_task(notifying)
                try:
                    await asyncio.shield(notifying)
                except asyncio.CancelledError:
                    if notifying.done():
                        continue  # the handler itself has raised it; other events still wait
                    await asyncio.wait([notifying], timeout=SHUTDOWN_SECONDS)
                    notifying.cancel()
                    raise
        finally:
            self._idle.set()
            if self.waiting:  # another thread has put it there just now, and will wake us
                self._idle.clear()

    async def _notify_waiting(self) -> None:
        while self.waiting:
            target, event = self.waiting.popleft()
            try:
                await target(*event)
            except Exception as error:  # noqa: BLE001  a handler's fault is never the app's
                guard.report(f"{self._name}.{target.__name__}", error)

    def wait(self, deadline: float) -> bool:
        """Wait until no event is left; return false if that lasts beyond the deadline."""
        can_run = self.loop.is_running() or _handler_loop.is_same(self.loop)
        if self.loop.is_closed() or not can_run:
            return not self.waiting
        return greenlets.wait(self._idle, max(0.0, deadline - time.monotonic()))


process.in_child(HandlerQueue.forget_all)
