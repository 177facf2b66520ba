"""The log of the SDK's exporters kept quiet: one line when telemetry cannot be sent, no traceback."""

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
_UNREACHABLE_KIND = "unreachable"
_ENCODING = "encode"
# words of both exporters, gRPC and HTTP, when they are about to try again
_RETRY = re.compile(r"retrying in (\d+(?:\.\d+)?)s")
_UNANSWERED_SIGNS = (
    "without response",
    "reset by peer",
    "read timed out",
    "socket closed",
    "deadline_exceeded",
)
"""Words of an exporter that has sent a request and got no answer."""
_UNREACHABLE_SIGNS = (
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
    """Lets the first message of a kind through, without its traceback; all failures to connect are one kind.

    Exporters tell in their log alone why they failed, and that they try again, so it is read here too.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[str] = set()
        # by thread: each signal has its own, and a failure of one must not count for another
        self._here = threading.local()

    @property
    def unreachable_here(self) -> int:
        """The number of failures to connect that were logged in this thread."""
        return getattr(self._here, "unreachable", 0)

    @contextlib.contextmanager
    def counting(self, count: Count) -> Iterator[None]:
        """Inform a count when the exporter in this thread tries again, or has got no answer."""
        self._here.count = count
        try:
            yield
        finally:
            self._here.count = None

    def note_no_answer(self) -> None:
        """Inform the count of this thread that a request was sent and got no answer."""
        count: Count | None = getattr(self._here, "count", None)
        if count is not None:
            count.unanswered()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to let a record pass, shortened to one line."""
        if record.levelno < logging.WARNING:
            return True
        text = _short(record)
        kind = _kind(text, record)
        # before anything is dropped: the counts need every message, people only the first
        self._inform_count(record.getMessage())
        if kind == _UNREACHABLE_KIND:
            self._here.unreachable = self.unreachable_here + 1
        # two threads may both let a first message through, which costs a line and no lock
        if kind in self._seen:
            return False
        self._seen.add(kind)
        record.msg, record.args = f"{text} (said once)", ()
        # the record is changed in place, so that handlers of the app's see it short too
        record.exc_info = record.exc_text = None
        return True

    def _inform_count(self, text: str) -> None:
        count: Count | None = getattr(self._here, "count", None)
        if count is None:
            return
        lower = text.lower()
        if any(sign in lower for sign in _UNANSWERED_SIGNS):
            count.unanswered()
        pause = _RETRY.search(text)
        if pause is not None:
            count.refused(float(pause[1]))


def _short(record: logging.LogRecord) -> str:
    text = " ".join(record.getMessage().split())
    if _ENCODING in text.lower():
        # the value that cannot be encoded follows the colon, and may be content
        text = text.partition(":")[0]
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    if error is not None:
        text = f"{text} {type(error).__name__}"
    # the words of other errors may hold content; those of connections name hosts
    if isinstance(error, OSError):
        text = f"{text}: {' '.join(str(error).split())}"
    return text if len(text) <= 300 else text[:299] + "…"


def _kind(text: str, record: logging.LogRecord) -> str:
    lower = text.lower()
    if any(sign in lower for sign in _UNREACHABLE_SIGNS):
        return _UNREACHABLE_KIND
    # the pattern without its arguments, so that numbers in it make no new kind
    return f"{record.name}: {record.msg}"


exporter_log_filter = ExporterLogFilter()


def install_log_filter() -> None:
    """Put the filter in place; the same one for all, so that one outage is one line."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        filters = list(logger.filters)
        # first of all: the exporters' own filters drop messages that say that they try again
        for existing in filters:
            logger.removeFilter(existing)
        logger.addFilter(exporter_log_filter)
        for existing in filters:
            if existing is not exporter_log_filter:
                logger.addFilter(existing)
