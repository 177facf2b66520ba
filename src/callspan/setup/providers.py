"""The providers that telemetry goes to, and the handlers that make telemetry for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry import _logs as logs
from opentelemetry import metrics, trace

from callspan.runtime import guard
from callspan.settings.environment import sdk_disabled
from callspan.settings.settings import Settings
from callspan.telemetry.agents import AgentMetrics
from callspan.telemetry.evaluations import Evaluations
from callspan.telemetry.logs import LogEvents
from callspan.telemetry.metrics import Metrics
from callspan.telemetry.spans import Spans


class Providers:
    """Three providers of OpenTelemetry: those of `instrument()`, else the global ones.

    The global ones are looked up at each use, so that one that the app sets later is used
    (docs/decisions/0033).
    """

    def __init__(
        self, tracer_provider: Any = None, meter_provider: Any = None, logger_provider: Any = None
    ) -> None:
        self.tracer = _look_up(tracer_provider, trace.get_tracer_provider)
        self.meter = _look_up(meter_provider, metrics.get_meter_provider)
        self.logger = _look_up(logger_provider, logs.get_logger_provider)

    def handlers(self, settings: Settings) -> tuple[Any, ...]:
        """Return the handlers that make telemetry; none where OpenTelemetry is switched off."""
        if sdk_disabled():
            return ()
        # the first handler starts first and ends last, so the span is there for all others
        return (
            Spans(settings, self.tracer),
            Metrics(settings, self.meter),
            AgentMetrics(settings, self.meter),
            LogEvents(settings, self.logger),
        )

    def evaluations(self, settings: Settings) -> Evaluations | None:
        """Return the emitter of results of evaluations; `None` where OpenTelemetry is switched off."""
        if sdk_disabled():
            return None
        return Evaluations(settings, self.logger)

    def in_force(self) -> list[Any]:
        """Return the providers in their order of flushing, without those that cannot be loaded."""
        providers: list[Any] = []
        for look_up in (self.tracer, self.logger, self.meter):
            try:
                providers.append(look_up())
            except Exception as error:  # noqa: BLE001  OTEL_PYTHON_..._PROVIDER may be wrong
                guard.report("looking for a provider", error)
        return providers


class NoTelemetry(Providers):
    """For a program that counts tokens or has handlers, and has not asked for telemetry."""

    def handlers(self, settings: Settings) -> tuple[Any, ...]:
        """Return no handler that makes spans, metrics or log events."""
        return ()

    def evaluations(self, settings: Settings) -> Evaluations | None:
        """Return `None`: results of evaluations are telemetry too."""
        return None


def _look_up(provider: Any, get_global: Callable[[], Any]) -> Callable[[], Any]:
    # the API's function itself: it finds a provider that is set later
    if provider is None:
        return get_global
    return lambda: provider
