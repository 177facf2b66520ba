"""The thread that encodes and writes the lines of a file, with a limit to its queue."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from callspan.export.line_file import LineFile
from callspan.export.losses import Count
from callspan.runtime import guard, process
from callspan.runtime.background import Worker

LIMIT_BYTES = 64_000_000
"""The most bytes of lines that wait to be written; lines beyond it are dropped and counted."""
AHEAD = 100
"""The most batches that wait before the threads that record encode their own."""
CHUNK_BYTES = 1_000_000
"""The bytes that are written at once, about."""


Line = tuple[str, int]
"""A line, and the number of items in it."""
Encode = Callable[[], "list[Line]"]
_SETTLING_SECONDS = 0.25
"""The time in which the thread sees that it is to end, and counts the items that are not written."""


@dataclass(slots=True)
class _Batch:
    """Some items of one signal: the function that encodes them, or their lines and size in memory."""

    count: Count
    number: int
    encode: Encode | None
    lines: list[Line]
    size: int = 0


class LineWriter(Worker):
    """Writes items to a file, in order.

    A program that records faster than one thread encodes is slowed down, and loses no telemetry: from
    `AHEAD` batches on, each thread encodes its own. None waits for the file: beyond `LIMIT_BYTES`,
    items are dropped.
    """

    def __init__(self, file: LineFile) -> None:
        super().__init__("callspan-file")
        self._file = file
        # reentrant, as a handler of a signal may record while this thread does
        self._bytes_lock = process.own_lock(self, "_bytes_lock", threading.RLock)
        self._bytes = 0

    def submit(self, count: Count, number: int, encode: Encode) -> None:
        """Queue items to be written."""
        self.start()
        count.accept(number)
        # without a lock, so the number is about right, which is enough here
        if self._jobs.qsize() < AHEAD:
            self._jobs.put(_Batch(count, number, encode, []))  # type: ignore[arg-type]  # our own loop reads them
            return
        # in the thread that records: it is slowed down by what it makes too much of
        lines = encode()
        # the size in memory and not in the file: it is memory that has the limit
        size = sum(sys.getsizeof(text) for text, _ in lines)
        if self._reserve(size):
            self._jobs.put(_Batch(count, number, None, lines, size))  # type: ignore[arg-type]  # see above
        else:
            count.drop(number)
            limit = f"{LIMIT_BYTES // 1_000_000} MB wait for it"
            guard.say_once(
                f"{self._file.path!r} takes telemetry more slowly than it comes: {limit}, so some is dropped"
            )

    def _reserve(self, size: int) -> bool:
        with self._bytes_lock:
            if self._bytes + size > LIMIT_BYTES:
                return False
            self._bytes += size
            return True

    def _release(self, size: int) -> None:
        with self._bytes_lock:
            self._bytes -= size

    def stop(self) -> None:
        """End the thread soon, and close the file; items that still wait are not written."""
        # first: the thread may be waiting for a pipe that takes nothing
        self._file.closing.set()
        if self._thread is None:
            self._file.close()
            return
        self.put(_end)
        # bounded, as the file may hang; the thread is a daemon and ends with the process
        if self._thread is not threading.current_thread():
            self._thread.join(_SETTLING_SECONDS)

    def _run(self, jobs: queue.SimpleQueue[Any]) -> None:
        """Write batches, and run other jobs between them, until the end is queued."""
        while True:
            # many at once, so that they go to the file in few large writes
            batches, job = _next(jobs)
            is_end = job is _end
            try:
                self._write(batches)
                if job is not None and not is_end:
                    job()
            except Exception as error:  # noqa: BLE001  one bad job must not end the others
                guard.report("writing telemetry", error)
            if is_end:
                self._file.close()
                return

    def _write(self, batches: list[_Batch]) -> None:
        """Write batches in chunks of about `CHUNK_BYTES`."""
        chunk: list[_Batch] = []
        size = 0
        for batch in batches:
            if batch.encode is not None:
                batch.lines = batch.encode()
            chunk.append(batch)
            size += sum(len(text) for text, _ in batch.lines)
            if size > CHUNK_BYTES:
                self._write_chunk(chunk)
                chunk = []
                size = 0
        self._write_chunk(chunk)

    def _write_chunk(self, chunk: list[_Batch]) -> None:
        """Write the lines of some batches, and count the items whose lines are not in the file."""
        # after the end nothing is counted as delivered: what is left here is lost
        if not chunk or self._file.closing.is_set():
            return
        for count, number in _numbers(chunk):
            # in flight until the file has them: a process that ends now cannot know whether it does
            count.begin(number)
        texts: list[str] = []
        for batch in chunk:
            texts += [text for text, _ in batch.lines]
        written = self._file.write(texts)
        for batch in chunk:
            # the lines that were written are the first ones, so they are divided batch by batch
            delivered = sum(items for _, items in batch.lines[:written])
            written = max(0, written - len(batch.lines))
            batch.count.end(delivered, batch.number - delivered)
            self._release(batch.size)


def _numbers(chunk: list[_Batch]) -> list[tuple[Count, int]]:
    """Return the number of items for each count."""
    numbers: dict[Count, int] = {}
    for batch in chunk:
        numbers[batch.count] = numbers.get(batch.count, 0) + batch.number
    return list(numbers.items())


def _next(jobs: queue.SimpleQueue[Any]) -> tuple[list[_Batch], Any]:
    """Wait for entries; return the batches up to the first other job, and that job or `None`."""
    batches: list[_Batch] = []
    entry = jobs.get()
    while isinstance(entry, _Batch):
        batches.append(entry)
        if len(batches) >= AHEAD:
            return batches, None
        try:
            entry = jobs.get_nowait()
        except queue.Empty:
            return batches, None
    return batches, entry


def _end() -> None:
    """Mark the end of the queue; the thread compares it and does not call it."""
