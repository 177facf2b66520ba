"""A background thread for one exporter, which ends when that is closed."""

from __future__ import annotations

import queue
from collections.abc import Callable

from callspan.runtime import guard
from callspan.runtime.background import Worker


class ExportWorker(Worker):
    """Runs the jobs of one exporter, in order, on a thread with a name of its own."""

    def stop(self) -> None:
        """End the thread after the jobs that are queued."""
        if self._thread is not None:
            # behind the jobs that wait; nobody waits here, since a job may hang
            self.put(_end)

    def _run(self, jobs: queue.SimpleQueue[Callable[[], object]]) -> None:
        while (job := jobs.get()) is not _end:
            try:
                job()
            except Exception as error:  # noqa: BLE001  one bad job must not end the others
                guard.report(self._name, error)


def _end() -> None:
    """Mark the end of the queue; the thread compares it and does not call it."""
