"""The checker: finished spans, metric data and log records in, findings out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .event import by_context, check_event, check_together
from .expectations import Expectations
from .finding import Finding
from .metric import check_metric
from .registry import everything
from .rules import SCOPE
from .span import check_scope, check_span
from .sums import check_sums


class Checker:
    """Holds telemetry against the conventions and our own registry, under the settings it was made with."""

    def __init__(self, semconv: str = "released", capture: str | None = None) -> None:
        self.expect = Expectations(everything(), semconv, capture)

    def spans(self, spans: Iterable[Any]) -> list[Finding]:
        """What is wrong with spans, each by itself."""
        return [finding for span in spans for finding in check_span(self.expect, span)]

    def metrics(self, data: Any) -> list[Finding]:
        """What is wrong with metrics, each by itself."""
        return [
            *self._scopes(data),
            *(f for metric in metrics_of(data) for f in check_metric(self.expect, metric)),
        ]

    def _scopes(self, data: Any) -> Iterator[Finding]:
        for scope in _scopes_of(data):
            yield from check_scope(self.expect, "metrics", scope.scope)

    def events(self, logs: Iterable[Any]) -> list[Finding]:
        """What is wrong with log events, each by itself."""
        return [finding for record in logs for finding in check_event(self.expect, record)]

    def together(self, spans: list[Any], data: Any, logs: list[Any] | None) -> list[Finding]:
        """Whether the signals tell the same; needs the spans of every call that the others tell of."""
        found = list(check_sums(self.expect, spans, metrics_of(data))) if data is not None else []
        return found + (
            list(check_together(self.expect, by_context(spans), logs)) if logs is not None else []
        )


def _scopes_of(data: Any) -> list[Any]:
    resources = data.resource_metrics if data is not None else ()
    return [
        scope
        for resource in resources
        for scope in resource.scope_metrics
        if scope.scope.name == SCOPE
    ]


def metrics_of(data: Any) -> list[Any]:
    """The metrics of our scope in what a reader collected."""
    return [metric for scope in _scopes_of(data) for metric in scope.metrics]
