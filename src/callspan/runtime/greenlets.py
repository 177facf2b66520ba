"""Programs whose threads are greenlets of one thread, as gevent and eventlet make them."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

_START_SECONDS = 5.0
_POLL_SECONDS = 0.002
_TURN_SECONDS = 0.1


def are_threads() -> bool:
    """Whether what `threading` gives are greenlets."""
    eventlet = sys.modules.get("eventlet.patcher")
    return _gevent() is not None or (eventlet is not None and eventlet.is_monkey_patched("thread"))


def _gevent() -> Any:
    monkey = sys.modules.get("gevent.monkey")
    return monkey if monkey is not None and monkey.is_module_patched("threading") else None


def run_loop(make: Callable[[], asyncio.AbstractEventLoop], name: str) -> asyncio.AbstractEventLoop:
    """An event loop that runs for good on a daemon thread, which is a real one under gevent too.

    asyncio knows one running loop for each real thread. If ours ran in a greenlet, it would seem to be the loop of all
    greenlets: nothing would wake it, and `asyncio.run` of the app's would be refused.
    """
    gevent = _gevent()
    if gevent is not None:
        return _run_beside_gevent(make, gevent)
    loop = make()
    threading.Thread(target=loop.run_forever, name=name, daemon=True).start()
    return loop


def _run_beside_gevent(
    make: Callable[[], asyncio.AbstractEventLoop], gevent: Any
) -> asyncio.AbstractEventLoop:
    start, allocate_lock = gevent.get_original("_thread", ("start_new_thread", "allocate_lock"))
    made: list[asyncio.AbstractEventLoop] = []
    begun = allocate_lock()
    begun.acquire()

    def run() -> None:
        try:
            loop = make()  # here, for what it waits with belongs to gevent's hub of this thread
            loop.set_default_executor(_executor())
            made.append(loop)
        finally:
            begun.release()
        loop.run_forever()

    start(run, ())
    if not begun.acquire(timeout=_START_SECONDS) or not made:
        raise RuntimeError("the event loop for asynchronous handlers did not begin")
    return made[0]


def _executor() -> ThreadPoolExecutor:
    """The pool of real threads that gevent has for this one.

    Python's own would have greenlets of this thread, which a forked child waits for at its end, and in vain.
    """
    from concurrent.futures import Future, ThreadPoolExecutor

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


def wait(event: threading.Event, timeout: float) -> bool:
    """Wait for what another thread sets, while other greenlets can run.

    In turns: gevent's events wake greenlets of their own thread only, so there it is looked at again and again; and
    elsewhere a Ctrl-C that comes just as a turn begins is noticed at its end.
    """
    deadline = time.monotonic() + timeout
    while not event.is_set() and (left := deadline - time.monotonic()) > 0:
        if _gevent() is None:
            event.wait(min(left, _TURN_SECONDS))
        else:
            time.sleep(min(left, _POLL_SECONDS))
    return event.is_set()
