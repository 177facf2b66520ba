"""A collector as a destination: OTLP, by gRPC or HTTP."""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from callspan.export.delivery import CountingProcessor, RetryingExporter
from callspan.export.endpoints import PACKAGES, Target, is_absent, is_installed
from callspan.export.exporter import Exporter, seconds_left
from callspan.export.log_filter import exporter_log_filter, install_log_filter
from callspan.export.losses import ItemCount, MetricsCount
from callspan.export.throttle import Throttle
from callspan.export.worker import ExportWorker
from callspan.runtime import greenlets
from callspan.runtime.errors import ConfigurationError

_EXPORTERS = {
    "traces": ("trace_exporter", "OTLPSpanExporter"),
    "metrics": ("metric_exporter", "OTLPMetricExporter"),
    "logs": ("_log_exporter", "OTLPLogExporter"),
}
# short, as a collector that takes spans slowly must not cost the metrics (see `begin_flush`)
_SPANS_FIRST_SECONDS = 0.1
_COUNT_SECONDS = 0.5
"""How long it may take to count metrics for a collector that is not there."""
METRIC_EXPORT_MS = 10_000
"""Time between two exports of metrics.

The dashboards' rates are over two minutes: with the SDK's 60 s these hold one export or two, and a
steady load looks like a saw.
"""


def metric_export_interval() -> float | None:
    """Return the milliseconds between two exports of metrics; `None` leaves it to the user's variable."""
    return None if os.environ.get("OTEL_METRIC_EXPORT_INTERVAL") else METRIC_EXPORT_MS


_DEFERRED_IMPORTS = {
    "grpc": ("grpc.experimental", "grpc._channel", "callspan.export.grpc_stub"),
    "http/protobuf": ("callspan.export.http_session",),
}
"""Modules that exporters of a protocol import only when they are made, by their full names.

Ours are literal imports below too, because packagers such as PyInstaller find no others.
"""


def exporter_module(target: Target) -> str:
    """Return the name of the module that has the exporter for a target."""
    module, _ = _EXPORTERS[target.signal]
    return f"{PACKAGES[target.protocol]}.{module}"


def exporter_modules() -> list[str]:
    """Return the names of all modules that have an exporter, of those protocols that are installed."""
    installed = [package for package in PACKAGES.values() if is_installed(package)]
    return [f"{package}.{module}" for package in installed for module, _ in _EXPORTERS.values()]


def modules(targets: Iterable[Target]) -> Iterator[str]:
    """Yield the names of the modules that are imported when exporters for these targets are made."""
    for target in targets:
        yield exporter_module(target)
        yield from _DEFERRED_IMPORTS.get(target.protocol, ())


def sdk_exporter(target: Target, throttle: Throttle) -> Any:
    """Return the exporter for a target; whatever it finds wrong with the environment is one line.

    The throttle is told of the pauses that the collector asks for.
    """
    _, name = _EXPORTERS[target.signal]
    try:
        make = getattr(importlib.import_module(exporter_module(target)), name)
        if target.protocol == "http/protobuf":
            from callspan.export.http_session import session

            own_session = session(exporter_log_filter.note_no_answer, throttle)
            return make(endpoint=target.url, session=own_session)
        made = make(endpoint=target.url)
        if target.protocol == "grpc":
            from callspan.export.grpc_stub import watch_pauses

            watch_pauses(made, throttle.postpone)
        return made
    except ImportError:
        needed = PACKAGES[target.protocol].replace(".", "-")
        raise ConfigurationError(
            f"OTLP over {target.protocol} needs a package: pip install {needed}"
        ) from None
    except Exception as error:  # noqa: BLE001  exporters raise errors of many kinds for a wrong variable
        why = " ".join(str(error).split())
        raise ConfigurationError(
            f"OTLP to {target.url} cannot be set up: {why}; see the OTEL_* variables"
        ) from None


class Collector(Exporter):
    """Sends signals in batches, each on a thread of its own: the SDK's flush may take longer than allowed.

    So a slow collector has the metrics while it still takes spans. The threads are
    started here and not at exit, where Python starts none.
    """

    remote = True

    def __init__(self, targets: tuple[Target, ...], joins: bool) -> None:
        self.joins = joins
        self._targets = {target.signal: target for target in targets}
        self._workers = {
            signal: ExportWorker(f"callspan-otlp-{signal}") for signal in self._targets
        }
        self._begun: dict[str, _Job] = {}
        self._processors: dict[str, tuple[Any, ...]] = {}
        self._retrying: dict[str, RetryingExporter] = {}
        self._metrics: Any = None
        self._is_absent = False
        self.name = targets[0].url.removesuffix(f"/v1/{targets[0].signal}")
        self.failure = f"could not be sent to {self.name}"
        self._items = {signal: ItemCount() for signal in self._targets if signal != "metrics"}
        self._metrics_count = MetricsCount()
        self.counts = {**self._items, "metrics": self._metrics_count}
        # made now, because what is wrong with one has to be known now
        self._throttles = {signal: Throttle() for signal in self._targets}
        self._exporters = {
            target.signal: sdk_exporter(target, self._throttles[target.signal])
            for target in targets
        }
        # after the exporters, whose modules put filters of their own on their loggers
        install_log_filter()
        for worker in self._workers.values():
            worker.start()

    def wants(self, signal: str) -> bool:
        """Whether a signal is one of its targets."""
        return signal in self._targets

    def span_processors(self) -> tuple[Any, ...]:
        """Return the SDK's batching processor, and one that counts."""
        return self._batch("traces")

    def log_processors(self) -> tuple[Any, ...]:
        """Return the SDK's batching processor, and one that counts."""
        return self._batch("logs")

    def _batch(self, signal: str) -> tuple[Any, ...]:
        if signal not in self._processors:
            count = self._items[signal]
            delivery = RetryingExporter(self._exporter(signal), count, self._throttles[signal])
            self._retrying[signal] = delivery
            # counts after the queue has the item: one that is counted and not there is lost
            self._processors[signal] = (_batching(signal, delivery), CountingProcessor(count))
        return self._processors[signal]

    def _exporter(self, signal: str) -> Any:
        # the first of a signal was made at the start; a new metric reader needs a new exporter
        ready = self._exporters.pop(signal, None)
        return ready or sdk_exporter(self._targets[signal], self._throttles[signal])

    def metric_reader(self) -> Any:
        """Return the SDK's periodic reader."""
        from callspan.export.closable import ClosableReader

        if self._metrics is not None:
            # on the worker: the old reader may have to wait for the collector, and the app must not
            self._workers["metrics"].put(partial(_flush_and_end, self._metrics))
        self._metrics = ClosableReader(
            self._exporter("metrics"),
            self._metrics_count,
            metric_export_interval(),
            self._throttles["metrics"],
        )
        return self._metrics.reader

    def describe(self) -> list[str]:
        """Return a line for each signal."""
        return [f"otlp: {t.signal} by {t.protocol} to {t.url}" for t in self._targets.values()]

    def begin_flush(self, deadline: float) -> None:
        """Begin to send all signals beside each other."""
        for signal in self._targets if not self._is_absent else ():
            work = partial(self._flush, signal, deadline)
            traces = self._begun.get("traces")
            if signal == "metrics" and traces is not None:
                work = partial(_after, traces, work)
            self._begun[signal] = self._start(signal, work)

    def flush(self, signal: str, deadline: float) -> bool:
        """Send the queue; return false when that was not done in time."""
        seconds = seconds_left(deadline)
        if self._is_absent:
            # spans and events were counted as they came; metrics are counted by being collected
            if signal != "metrics":
                return False
            seconds = min(seconds, _COUNT_SECONDS)
        # what `begin_flush` has started is waited for, and not done twice
        job = self._begun.pop(signal, None) or self._start(
            signal, partial(self._flush, signal, deadline)
        )
        return job.wait(seconds) and not self._is_absent

    def give_up_absent(self) -> None:
        """Try no more where nobody listens, as waiting would change nothing."""
        # only when all are: with one of three listening, that one is worth its time
        self._is_absent = all(is_absent(target.url) for target in self._targets.values())
        if self._is_absent and self._metrics is not None:
            self._metrics.give_up()

    def _start(self, signal: str, work: Callable[[], bool]) -> _Job:
        job, worker = _Job(work), self._workers[signal]
        worker.start()
        worker.put(job.run)
        return job

    def _flush(self, signal: str, deadline: float) -> bool:
        if signal == "metrics":
            return self._metrics is None or self._metrics.flush(seconds_left(deadline))
        processors = self._processors.get(signal)
        if not processors:
            return True
        # before the flush: what comes during it may wait in the queue, and is not lost
        accepted = self._items[signal].accepted
        done = processors[0].force_flush(max(1, int(seconds_left(deadline) * 1000))) is not False
        if done:  # the queue is empty; an accepted item that was not sent had no room in it
            self._items[signal].expect(accepted)
        return done

    def close(self, deadline: float) -> None:
        """Shut the exporters down, or leave them to the end of the process when they hang."""
        for delivery in self._retrying.values():
            # first, or the processors' ends would wait for the pauses between two tries
            delivery.give_up()
        # on the workers: a processor of the SDK's may take 30 s for its end (SDK 1.45)
        jobs = [
            self._start(signal, partial(self._close, signal, deadline)) for signal in self._targets
        ]
        for job in jobs:
            job.wait(0.0 if self._is_absent else seconds_left(deadline))
        for worker in self._workers.values():
            worker.stop()
        for count in self.counts.values():
            count.close()

    def _close(self, signal: str, deadline: float) -> bool:
        if signal == "metrics" and self._metrics is not None:
            self._metrics.end(seconds_left(deadline))
        for processor in self._processors.get(signal, ()):
            processor.shutdown()
        return True

    def in_child(self) -> Collector:
        """Return a collector with connections of its own: two processes on one would mix their requests."""
        return Collector(tuple(self._targets.values()), self.joins)


def _after(first: _Job, work: Callable[[], bool]) -> bool:
    """Work after another job if that ends soon: exemplars of metrics then point to spans that are there."""
    first.wait(_SPANS_FIRST_SECONDS)
    return work()


class _Job:
    """Work on another thread, and its result: false as long as there is none."""

    def __init__(self, work: Callable[[], bool]) -> None:
        self._work = work
        self._done = threading.Event()
        self._result = False

    def run(self) -> None:
        """Do the work, in the other thread."""
        try:
            self._result = self._work()
        finally:
            self._done.set()

    def wait(self, seconds: float) -> bool:
        """Wait for the result, for so long at most."""
        return greenlets.wait(self._done, seconds) and self._result


def _batching(signal: str, exporter: Any) -> Any:
    if signal == "traces":
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        return BatchSpanProcessor(exporter)
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    return BatchLogRecordProcessor(exporter)


def _flush_and_end(metrics: Any) -> None:
    metrics.flush(10.0)
    metrics.end(1.0)
