"""Programs whose threads are greenlets of one thread, as gevent and eventlet make them."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

T = TypeVar("T")
_START_SECONDS = 5.0
"""The most seconds that the thread of a loop may take to begin."""
_POLL_SECONDS = 0.002
_TURN_SECONDS = 0.1


def are_threads() -> bool:
    """Whether threads of `threading` are greenlets."""
    return _gevent() is not None or _eventlet() is not None


def _eventlet() -> Any:
    # to import eventlet or gevent changes nothing; only what was patched has other threads
    patcher = sys.modules.get("eventlet.patcher")
    return patcher if patcher is not None and patcher.is_monkey_patched("thread") else None


def _gevent() -> Any:
    monkey = sys.modules.get("gevent.monkey")
    return monkey if monkey is not None and monkey.is_module_patched("threading") else None


def run_loop(make: Callable[[], asyncio.AbstractEventLoop], name: str) -> asyncio.AbstractEventLoop:
    """Return an event loop that runs for good on a daemon thread, a real one even under gevent.

    asyncio knows one running loop for each real thread. If ours ran in a greenlet, it would seem to
    be the loop of all greenlets: nothing would wake it, and `asyncio.run` of the app's would be
    refused (docs/decisions/0024).

    Args:
        make: The function that makes the loop, which is called on that thread.
        name: The name of the thread.
    """
    # the functions as they were before they were patched: they start and lock real threads
    gevent, eventlet = _gevent(), _eventlet()
    if gevent is not None:
        threads = gevent.get_original("_thread", ("start_new_thread", "allocate_lock"))
        return _run_beside_greenlets(make, *threads, pool=_executor)
    if eventlet is not None:
        thread = eventlet.original("_thread")
        return _run_beside_greenlets(make, thread.start_new_thread, thread.allocate_lock)
    loop = make()
    threading.Thread(target=loop.run_forever, name=name, daemon=True).start()
    return loop


def _run_beside_greenlets(
    make: Callable[[], asyncio.AbstractEventLoop],
    start: Callable[..., object],
    allocate_lock: Callable[[], threading.Lock],
    pool: Callable[[], ThreadPoolExecutor | None] = lambda: None,
) -> asyncio.AbstractEventLoop:
    loops: list[asyncio.AbstractEventLoop] = []
    # a lock of real threads as the signal: an event of `threading` would wake greenlets only
    begun = allocate_lock()
    begun.acquire()

    def run() -> None:
        try:
            loop = make()  # on this thread, as the loop's selector belongs to the hub of its thread
            executor = pool()
            if executor is not None:
                loop.set_default_executor(executor)
            loops.append(loop)
        finally:
            begun.release()
        loop.run_forever()

    start(run, ())
    has_begun = begun.acquire(timeout=_START_SECONDS)
    if not has_begun or not loops:
        raise RuntimeError("the event loop for asynchronous handlers did not begin")
    return loops[0]


def _executor() -> ThreadPoolExecutor:
    """Return an executor over the pool of real threads that gevent has for this thread.

    Python's own executor would have greenlets of this thread, which a forked child waits for at its
    end, and in vain.
    """
    from concurrent.futures import Future, ThreadPoolExecutor

    # each real thread has a hub of its own, hence a pool that belongs to this loop
    pool = sys.modules["gevent"].get_hub().threadpool

    class Executor(ThreadPoolExecutor):
        def submit(self, job: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            future: Future[Any] = Future()

            def run() -> None:
                try:
                    future.set_result(job(*args, **kwargs))
                except BaseException as error:  # noqa: BLE001  whoever waits for the job gets it
                    future.set_exception(error)

            pool.spawn(run)
            return future

    return Executor()


class Flag:
    """An event without a lock, which is polled."""

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        """Note that it has happened."""
        self._is_set = True

    def clear(self) -> None:
        """Note that it has not happened yet."""
        self._is_set = False

    def is_set(self) -> bool:
        """Whether it has happened."""
        return self._is_set


def make_event() -> threading.Event | Flag:
    """Return an event that a real thread may set for another one.

    Eventlet's own events are made of locks that know the greenlets of one thread only.
    """
    return threading.Event() if _eventlet() is None else Flag()


def run_on(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T], seconds: float) -> T:
    """Run a coroutine on a loop of `run_loop` while other greenlets can run, and return its result.

    `asyncio.run_coroutine_threadsafe` would wait for the result by a lock, which stops them all.

    Raises:
        TimeoutError: It took longer than so many seconds.
    """
    tasks: list[asyncio.Task[T]] = []
    done = make_event()

    def begin() -> None:
        tasks.append(loop.create_task(work))
        tasks[0].add_done_callback(lambda _task: done.set())

    # the task is made there, as a loop's methods may be called on its own thread only
    loop.call_soon_threadsafe(begin)
    if not wait(done, seconds):
        raise TimeoutError("the event loop did not answer in time")
    return tasks[0].result()


def wait(event: threading.Event | Flag, timeout: float) -> bool:
    """Wait until another thread sets an event, while other greenlets can run.

    Returns:
        Whether the event was set within `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while not event.is_set():
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            break
        if isinstance(event, Flag) or are_threads():
            # events of gevent and eventlet wake greenlets of their own thread only
            time.sleep(min(remaining, _POLL_SECONDS))
        else:
            # in turns, as a Ctrl-C that comes just as a turn begins is noticed at its end
            event.wait(min(remaining, _TURN_SECONDS))
    return event.is_set()
