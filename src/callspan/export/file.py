"""A file as a destination: OTLP JSON lines, appended."""

from __future__ import annotations

import os
from typing import Any

from callspan.export.exporter import Exporter, seconds_left
from callspan.export.line_file import LineFile
from callspan.export.line_writer import LineWriter
from callspan.export.log_filter import install_log_filter
from callspan.export.losses import ItemCount, MetricsCount

_LEAST_SECONDS = 0.5
"""The time that the file has at the exit in any case: a collector may have used up all other time."""


class File(Exporter):
    """Writes all signals to one file; a thread of its own encodes and writes."""

    def __init__(self, path: str, child_of: str | None = None) -> None:
        # a grandchild's file is named after the first one's too: PATH.PID, never PATH.PID.PID
        self._base = child_of or path
        self._file = LineFile(path)
        self._writer = LineWriter(self._file)
        self._metrics: Any = None
        self._processors: dict[str, tuple[Any, ...]] = {}
        self.name = path
        self.failure = f"could not be written to {path!r}"
        self.counts = {"traces": ItemCount(), "metrics": MetricsCount(), "logs": ItemCount()}
        # a child's is opened at its first line, so that one without calls leaves no file
        if child_of is None:
            self._file.open()
        install_log_filter()

    def wants(self, signal: str) -> bool:
        """Whether it takes a signal: all of them."""
        return True

    def span_processors(self) -> tuple[Any, ...]:
        """Return a processor that queues each span for the writer as it ends."""
        from callspan.export.line_exporters import SpanLines

        if "traces" not in self._processors:
            # made once, as it is asked for again at each change of exporters or of providers
            lines = SpanLines(self._writer.submit, self.counts["traces"])
            self._processors["traces"] = (lines,)
        return self._processors["traces"]

    def log_processors(self) -> tuple[Any, ...]:
        """Return a processor that queues each record for the writer."""
        from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor

        from callspan.export.line_exporters import LogLines

        if "logs" not in self._processors:
            # `Any`, as the class has no base class: see `LogLines`
            lines: Any = LogLines(self._writer.submit, self.counts["logs"])
            self._processors["logs"] = (SimpleLogRecordProcessor(lines),)
        return self._processors["logs"]

    def metric_reader(self) -> Any:
        """Return a periodic reader; metrics are written at the exit too."""
        from callspan.export.closable import ClosableReader
        from callspan.export.line_exporters import MetricLines

        if self._metrics is not None:
            # seconds; they only queue lines, so a slow disk does not come into it
            self._metrics.flush(1.0)
            self._metrics.end(1.0)
        self._metrics = ClosableReader(MetricLines(self._writer.submit, self.counts["metrics"]))
        return self._metrics.reader

    def describe(self) -> list[str]:
        """Return one line that names the file."""
        return [f"file: OTLP JSON lines in {self._file.path}"]

    def flush(self, signal: str, deadline: float) -> bool:
        """Wait until everything is written."""
        if signal == "metrics" and self._metrics is not None:
            # metrics become lines only now, so they go into the queue before it is waited for
            self._metrics.flush(seconds_left(deadline))
        return self._writer.wait(seconds_left(deadline))

    def close(self, deadline: float) -> None:
        """Write the lines that wait, and close; a file that hangs is left to the end of the process."""
        if self._metrics is not None:
            self._metrics.end(seconds_left(deadline))
        self._writer.wait(max(seconds_left(deadline), _LEAST_SECONDS))
        self._writer.stop()
        for count in self.counts.values():
            count.close()

    def in_child(self) -> File:
        """Return a child's own file, which is opened at its first line."""
        return File(f"{self._base}.{os.getpid()}", self._base)
