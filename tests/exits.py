"""Every way by which telemetry leaves the process, and secrets to search for there."""

from __future__ import annotations

import contextlib
import io
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

import callspan
from callspan.export.file import File
from callspan.export.text.tree import TreePrinter
from telemetry import Telemetry

MARK = "whisper"


class Exits:
    """Providers, the file, the console's tree, the handlers for people, and the log."""

    def __init__(self, folder: Path) -> None:
        self.telemetry = Telemetry()
        self._path = folder / "telemetry.jsonl"
        self._lines = folder / "lines.txt"
        self._file = File(str(self._path))
        self._tree, self._console, self._log = io.StringIO(), io.StringIO(), io.StringIO()
        for processor in (*self._file.span_processors(), TreePrinter(self._tree)):
            self.telemetry.tracer_provider.add_span_processor(processor)
        for processor in self._file.log_processors():
            self.telemetry.logger_provider.add_log_record_processor(processor)
        self._handlers = [
            callspan.ConsoleHandler(self._console),
            callspan.FileHandler(str(self._lines)),
        ]
        self._listener = logging.StreamHandler(self._log)
        self._listener.setLevel(logging.INFO)

    @contextlib.contextmanager
    def watched(self, **options: Any) -> Iterator[None]:
        """Instrument a block."""
        logging.getLogger().addHandler(self._listener)
        self.telemetry.instrument(handlers=self._handlers, **options)
        try:
            yield
        finally:
            callspan.flush()
            callspan.uninstrument()
            self._file.close(time.monotonic() + 5)
            logging.getLogger().removeHandler(self._listener)

    def bytes(self) -> dict[str, bytes]:
        """Return all that has left the process, by its way."""
        outputs = {
            "spans": encode_spans(self.telemetry.all_spans).SerializeToString(),
            "logs": encode_logs(self.telemetry.log_data).SerializeToString(),
            "everything": self.telemetry.everything().encode(),
            "file": self._path.read_bytes(),
            "lines": self._lines.read_bytes() if self._lines.exists() else b"",
            "tree": self._tree.getvalue().encode(),
            "console": self._console.getvalue().encode(),
            "log": self._log.getvalue().encode(),
        }
        metrics = self.telemetry.metrics_data
        if metrics is not None:
            outputs["metrics"] = encode_metrics(metrics).SerializeToString()
        return outputs

    def leaks(self) -> dict[str, bytes]:
        """Return the text around a secret that has left the process, by its way."""
        return {way: _around(data) for way, data in self.bytes().items() if MARK.encode() in data}


def _around(data: bytes) -> bytes:
    start = data.index(MARK.encode())
    return data[max(0, start - 60) : start + 60]


def secret(place: str) -> str:
    """Return a text that can be searched for, and that names its place."""
    return f"{MARK}-{place}"
