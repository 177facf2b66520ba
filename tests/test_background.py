"""Work in the background: each job runs, and each event reaches its asynchronous handler, whatever happens at once."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest

from callspan.background import Worker

THREADS = 8


@pytest.fixture
def frequent_switches() -> Iterator[None]:
    """Let threads take turns about each microsecond."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("frequent_switches")
def test_a_worker_that_many_start_at_once() -> None:
    """Threads that start one worker at the same moment get one thread, and none of their jobs is lost."""
    for number in range(50):
        worker, done, barrier = Worker(f"many-{number}"), [], threading.Barrier(THREADS)

        def work(worker: Worker = worker, done: list[int] = done, barrier: threading.Barrier = barrier) -> None:
            barrier.wait(30)
            worker.start()
            worker.put(lambda: done.append(1))

        threads = [threading.Thread(target=work) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert worker.wait(30)
        assert len(done) == THREADS
        names = [thread.name for thread in threading.enumerate()]
        assert names.count(f"many-{number}") == 1
