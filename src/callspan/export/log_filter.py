"""Keeps the exporters' own log quiet: one line when telemetry cannot be sent, and no traceback."""

from __future__ import annotations

import contextlib
import logging
import re
import threading
from collections.abc import Iterator

from callspan.export.losses import Count

_LOGGERS = (
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    "opentelemetry.exporter.otlp.proto.http._log_exporter",
    "opentelemetry.exporter.otlp.common.http",
    "opentelemetry.sdk._shared_internal",
    "opentelemetry.sdk.trace",
    "opentelemetry.sdk.trace.export",
    "opentelemetry.sdk._logs._internal.export",
    "opentelemetry.sdk.metrics._internal.export",
    "opentelemetry.exporter.otlp.proto.common._internal",
    "urllib3.connectionpool",
    "callspan.export",
)
_AWAY = "unreachable"
_ENCODING = "encode"
_RETRY = re.compile(r"retrying in (\d+(?:\.\d+)?)s")
_UNANSWERED = (
    "without response",
    "reset by peer",
    "read timed out",
    "socket closed",
    "deadline_exceeded",
)
"""By these an exporter tells that it has sent a request and got no answer."""
_UNREACHABLE = (
    "transient error",
    "unavailable",
    "deadline_exceeded",
    "timed out",
    "timeout",
    "connection",
    "max retries",
    "refused",
    "retrying",
    *(f"code: {status}" for status in (408, 429, 502, 503, 504)),
    "reset by peer",
    "already shutdown",
    "shutdown in progress",
)


class ExporterLogFilter(logging.Filter):
    """Lets the first message of a kind through, without its traceback; not being able to connect is one kind."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[str] = set()
        self._here = threading.local()

    @property
    def said_unreachable(self) -> bool:
        """Whether it has been said that telemetry cannot be sent."""
        return _AWAY in self._seen

    @property
    def unreachable_here(self) -> int:
        """How often it was said in this thread: exporters tell in no other way why they failed."""
        return getattr(self._here, "unreachable", 0)

    @contextlib.contextmanager
    def counting(self, count: Count) -> Iterator[None]:
        """Tell a count when the exporter in this thread tries again, or has got no answer."""
        self._here.count = count
        try:
            yield
        finally:
            self._here.count = None

    def note_no_answer(self) -> None:
        """Tell the count that is on in this thread that a request was sent and got no answer."""
        count: Count | None = getattr(self._here, "count", None)
        if count is not None:
            count.unanswered()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to let a record pass, shortened to one line."""
        if record.levelno < logging.WARNING:
            return True
        text = _short(record)
        kind = _kind(text, record)
        self._tell(record.getMessage())
        if kind == _AWAY:
            self._here.unreachable = self.unreachable_here + 1
        if kind in self._seen:
            return False
        self._seen.add(kind)
        record.msg, record.args = f"{text} (said once)", ()
        record.exc_info = record.exc_text = None
        return True

    def _tell(self, text: str) -> None:
        count: Count | None = getattr(self._here, "count", None)
        if count is None:
            return
        lower = text.lower()
        if any(sign in lower for sign in _UNANSWERED):
            count.unanswered()
        pause = _RETRY.search(text)
        if pause is not None:
            count.refused(float(pause[1]))


def _short(record: logging.LogRecord) -> str:
    text = " ".join(record.getMessage().split())
    if _ENCODING in text.lower():
        text = text.partition(":")[0]  # what cannot be encoded stands behind it, and may be content
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    if error is not None:
        text = f"{text} {type(error).__name__}"
    if isinstance(error, OSError):
        text = f"{text}: {' '.join(str(error).split())}"
    return text if len(text) <= 300 else text[:299] + "…"


def _kind(text: str, record: logging.LogRecord) -> str:
    lower = text.lower()
    if "larger than max" not in lower and any(sign in lower for sign in _UNREACHABLE):
        return _AWAY
    return f"{record.name}: {record.msg}"


exporter_log_filter = ExporterLogFilter()


def install_log_filter() -> None:
    """Put the filter in place; the same one for all, so that one outage is one line."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        others = [each for each in logger.filters if each is not exporter_log_filter]
        # the first of all: the exporters' own filters drop messages by which they tell that they try again
        for each in logger.filters[:]:
            logger.removeFilter(each)
        for each in (exporter_log_filter, *others):
            logger.addFilter(each)
