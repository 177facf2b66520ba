"""A collector as a destination: OTLP, by gRPC or HTTP."""

from __future__ import annotations

import importlib
from functools import partial
from typing import Any

from callspan import guard
from callspan.export.delivery import Delivery, Tally
from callspan.export.endpoints import PACKAGES, ConfigurationError, Target
from callspan.export.noise import first_only, hush
from callspan.export.outlet import Outlet, left
from callspan.export.sender import Sender

_EXPORTERS = {
    "traces": ("trace_exporter", "OTLPSpanExporter"),
    "metrics": ("metric_exporter", "OTLPMetricExporter"),
    "logs": ("_log_exporter", "OTLPLogExporter"),
}


def exporter(target: Target) -> Any:
    """The exporter for a target; whatever it finds wrong with the environment is one line."""
    module, name = _EXPORTERS[target.signal]
    package = PACKAGES[target.protocol]
    try:
        return getattr(importlib.import_module(f"{package}.{module}"), name)(endpoint=target.url)
    except ImportError:
        needed = package.replace(".", "-")
        raise ConfigurationError(f"OTLP over {target.protocol} needs a package: pip install {needed}") from None
    except Exception as error:  # noqa: BLE001  exporters raise errors of many kinds for a wrong variable
        why = " ".join(str(error).split())
        raise ConfigurationError(f"OTLP to {target.url} cannot be set up: {why}; see the OTEL_* variables") from None


class Collector(Outlet):
    """Sends signals in batches. Flushing runs on a thread of its own, for the SDK's may take longer than allowed.

    That thread is started here and not at exit, where Python starts none.
    """

    remote = True

    def __init__(self, targets: tuple[Target, ...], joins: bool) -> None:
        self.joins = joins
        self._targets = {target.signal: target for target in targets}
        self._worker = Sender("callspan-otlp")
        self._processors: dict[str, tuple[Any, ...]] = {}
        self._deliveries: dict[str, Delivery] = {}
        self._metrics: Any = None
        # made now, because what is wrong with one has to be known now
        self._exporters = {target.signal: exporter(target) for target in targets}
        hush()
        self._worker.start()

    def wants(self, signal: str) -> bool:
        """The signals that it was made for."""
        return signal in self._targets

    def span_processors(self) -> tuple[Any, ...]:
        """The SDK's batching one."""
        return self._batch("traces")

    def log_processors(self) -> tuple[Any, ...]:
        """The SDK's batching one."""
        return self._batch("logs")

    def _batch(self, signal: str) -> tuple[Any, ...]:
        if signal not in self._processors:
            delivery = self._deliveries[signal] = Delivery(self._exporter(signal))
            self._processors[signal] = (Tally(delivery), _batching(signal, delivery))
        return self._processors[signal]

    def _exporter(self, signal: str) -> Any:
        return self._exporters.pop(signal, None) or exporter(self._targets[signal])

    def metric_reader(self) -> Any:
        """The SDK's periodic one."""
        from callspan.export.gate import GatedReader

        if self._metrics is not None:
            self._worker.put(partial(_last_words, self._metrics))
        self._metrics = GatedReader(self._exporter("metrics"))
        return self._metrics.reader

    def describe(self) -> list[str]:
        """Which signals go where."""
        return [f"otlp: {t.signal} by {t.protocol} to {t.url}" for t in self._targets.values()]

    def flush(self, signal: str, deadline: float) -> bool:
        """Send what waits; false when that was not done in time."""
        return self._run(lambda: self._flush(signal, deadline), deadline)

    def _run(self, job: Any, deadline: float) -> bool:
        answers: list[bool] = []
        self._worker.start()
        self._worker.put(lambda: answers.append(job()))
        return self._worker.wait(left(deadline)) and all(answers)

    def _flush(self, signal: str, deadline: float) -> bool:
        if signal == "metrics":
            return self._metrics is None or self._metrics.flush(left(deadline))
        waiting = self._processors.get(signal, ())
        return all([p.force_flush(max(1, int(left(deadline) * 1000))) is not False for p in waiting])

    def close(self, deadline: float) -> None:
        """Shut the exporters down, or leave them to the end of the process when they hang; say what was lost."""
        for delivery in self._deliveries.values():
            delivery.give_up()
        closed = self._run(lambda: self._close(deadline), deadline)
        self._worker.stop()
        lost = {signal: delivery.lost for signal, delivery in self._deliveries.items()}
        told = [f"{number} {_noun(signal, number)}" for signal, number in lost.items() if number > 0]
        if told:
            guard.say_once(f"{' and '.join(told)} could not be sent to {self._url}")
        elif not closed and not first_only.said_unreachable:
            guard.say_once(f"not all telemetry could be sent in time to {self._url}")

    @property
    def _url(self) -> str:
        return next(iter(self._targets.values())).url

    def _close(self, deadline: float) -> bool:
        if self._metrics is not None:
            self._metrics.end(left(deadline))
        for processors in self._processors.values():
            for processor in processors:
                processor.shutdown()
        return True

    def in_child(self) -> Collector:
        """A child needs connections of its own: two processes on one would mix their requests."""
        return Collector(tuple(self._targets.values()), self.joins)


def _noun(signal: str, number: int) -> str:
    noun = "span" if signal == "traces" else "log record"
    return noun if number == 1 else f"{noun}s"


def _batching(signal: str, exporter: Any) -> Any:
    if signal == "traces":
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        return BatchSpanProcessor(exporter)
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    return BatchLogRecordProcessor(exporter)


def _last_words(metrics: Any) -> None:
    metrics.flush(10.0)
    metrics.end(1.0)
