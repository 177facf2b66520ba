"""The processors that a provider gets from us once and for all; they pass on to the exporters in force.

Providers cannot let go of a processor, so without this a notebook cell run twice would send everything twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry.sdk._logs import LogRecordProcessor
from opentelemetry.sdk.trace import SpanProcessor

from callspan.runtime import guard

Processors = tuple[Any, ...]


class _DelegatingProcessor:
    """Holds the processors in force; `None` asks for them anew, as after a fork."""

    def __init__(self, renew: Callable[[], None], flush: Callable[[float], bool]) -> None:
        # replaced as a whole and never changed in place: other threads read it without a lock
        self.processors: Processors | None = ()
        self._renew = renew
        self._flush = flush

    def in_force(self) -> Processors:
        """Return the processors to pass on to; none in a child that could not open any."""
        if self.processors is None:
            try:
                self._renew()
            except Exception as error:  # noqa: BLE001  this runs in a span of the app's
                guard.report("opening the destinations of a child process", error)
        return self.processors or ()

    def notify(self, name: str, *arguments: Any) -> None:
        """Pass on to each; a fault in one is reported once and reaches nobody else."""
        for processor in self.in_force():
            try:
                getattr(processor, name)(*arguments)
            except Exception as error:  # noqa: BLE001  a destination's fault must never be the app's
                guard.report(f"{type(processor).__name__}.{name}", error)

    def force_flush(self, timeout_millis: int | None = 30_000) -> bool:
        """Flush, and keep to the time, which the SDK's own processors do not promise."""
        # the default of the SDK's own batching processors, with which an app may call us (SDK 1.45)
        if timeout_millis is None:
            timeout_millis = 30_000
        return self._flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        """Flush: the app shuts this provider down, but others may still pass on to the exporters."""
        # the exporters stay open: `ExportProviders` closes them, once, at the exit
        self._flush(5.0)


class DelegatingSpanProcessor(_DelegatingProcessor, SpanProcessor):
    """The one span processor that a tracer provider gets from us."""

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Pass on a start."""
        self.notify("on_start", span, parent_context)

    def on_end(self, span: Any) -> None:
        """Pass on an end."""
        self.notify("on_end", span)


class DelegatingLogProcessor(_DelegatingProcessor, LogRecordProcessor):
    """The one log record processor that a logger provider gets from us."""

    def on_emit(self, log_record: Any) -> None:
        """Pass on a record; the method was called `emit` before 1.35."""
        for processor in self.in_force():
            self._pass_on(processor, log_record)

    # both names for all versions: an SDK calls the one that it knows
    emit = on_emit

    def _pass_on(self, processor: Any, log_record: Any) -> None:
        try:
            (getattr(processor, "on_emit", None) or processor.emit)(log_record)
        except Exception as error:  # noqa: BLE001  a destination's fault must never be the app's
            guard.report(f"{type(processor).__name__}.on_emit", error)
