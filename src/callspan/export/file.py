"""A file as a destination: OTLP JSON lines, appended."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from callspan import guard, private, process
from callspan.export.endpoints import ConfigurationError
from callspan.export.noise import hush
from callspan.export.outlet import Outlet, left
from callspan.export.sender import Sender

MAX_WAITING = 10_000
"""The most batches that wait to be written; more are dropped, and that is said once."""


class LineFile:
    """Appends lines to a file, each whole, from whatever thread; a full disk is one warning."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = process.own_lock(self)
        self._descriptor: int | None = None

    def open(self) -> None:
        """Open for appending; raises `ConfigurationError` in one line."""
        with self._lock:
            self._open()

    def _open(self) -> int:
        if self._descriptor is None:
            try:
                self._descriptor = private.opened(self.path)
            except OSError as error:
                raise ConfigurationError(self._fix(error)) from None
        return self._descriptor

    def _fix(self, error: OSError) -> str:
        folder = Path(self.path).absolute().parent
        if not folder.is_dir():
            return f"{self.path!r} cannot be written: there is no folder {str(folder)!r}, create it or choose another"
        return f"{self.path!r} cannot be written: {error.strerror or error}; choose another file"

    def write(self, lines: list[str]) -> None:
        """Append lines; one call of the operating system each, so that processes and threads do not mix them."""
        with self._lock:
            try:
                descriptor = self._open()
                for line in lines:
                    _write_all(descriptor, line.encode("utf-8", "backslashreplace"))
            except (OSError, ConfigurationError) as error:
                guard.say_once(f"telemetry cannot be written to {self.path!r}: {error}")

    def close(self) -> None:
        """Close the file; a later write opens it again."""
        with self._lock, contextlib.suppress(OSError):
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None


def _write_all(descriptor: int, data: bytes) -> None:
    """Write the whole line; a line that stops half-way, on a full disk, is taken back."""
    written = os.write(descriptor, data)
    if written < len(data):
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, os.fstat(descriptor).st_size - written)
        raise OSError(28, "No space left on device")


class File(Outlet):
    """Writes spans, log records and metrics to one file; encoding and writing happen on a thread of its own."""

    def __init__(self, path: str, child_of: str | None = None) -> None:
        self._base = child_of or path
        self._file = LineFile(path)
        self._worker = Sender("callspan-file")
        self._waiting = 0
        self._metrics: Any = None
        self._processors: dict[str, tuple[Any, ...]] = {}
        if child_of is None:
            self._file.open()
        hush()

    def wants(self, signal: str) -> bool:
        """All signals."""
        return True

    def span_processors(self) -> tuple[Any, ...]:
        """One that hands each span to the writer as it ends."""
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor

        from callspan.export.otlp_json import SpanLines

        if "traces" not in self._processors:
            self._processors["traces"] = (SimpleSpanProcessor(SpanLines(self._put)),)
        return self._processors["traces"]

    def log_processors(self) -> tuple[Any, ...]:
        """One that hands each record to the writer."""
        from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor

        from callspan.export.otlp_json import LogLines

        if "logs" not in self._processors:
            self._processors["logs"] = (SimpleLogRecordProcessor(LogLines(self._put)),)  # pyright: ignore[reportArgumentType]  # only its methods are used
        return self._processors["logs"]

    def metric_reader(self) -> Any:
        """A periodic reader; what stands there at exit is written too."""
        from callspan.export.gate import GatedReader
        from callspan.export.otlp_json import MetricLines

        if self._metrics is not None:
            self._metrics.flush(1.0)
            self._metrics.end(1.0)
        self._metrics = GatedReader(MetricLines(self._put))
        return self._metrics.reader

    def _put(self, encode: Callable[[], list[str]]) -> None:
        if self._waiting >= MAX_WAITING:
            guard.say_once(f"telemetry comes faster than {self._file.path!r} takes it: some is dropped")
            return
        self._worker.start()
        self._waiting += 1
        self._worker.put(lambda: self._write(encode))

    def _write(self, encode: Callable[[], list[str]]) -> None:
        try:
            self._file.write(encode())
        finally:
            self._waiting -= 1

    def describe(self) -> list[str]:
        """Which file."""
        return [f"file: OTLP JSON lines in {self._file.path}"]

    def flush(self, signal: str, deadline: float) -> bool:
        """Have everything written."""
        if signal == "metrics" and self._metrics is not None:
            self._metrics.flush(left(deadline))
        return self._worker.wait(left(deadline))

    def close(self, deadline: float) -> None:
        """Write what waits and close."""
        if self._metrics is not None:
            self._metrics.end(left(deadline))
        self._worker.wait(left(deadline))
        self._worker.stop()
        self._file.close()

    def in_child(self) -> File:
        """A child writes to a file of its own, opened when it has something to say."""
        return File(f"{self._base}.{os.getpid()}", self._base)
