"""Tracers and histograms of frameworks, muted call by call as the policy has it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from opentelemetry import context as otel
from opentelemetry import trace

from callspan.hooks.native import is_counted, policy
from callspan.runtime import guard
from callspan.semconv import names


def takes_content_out() -> bool:
    """Whether a span that a framework begins now would take content out though ours does not."""
    try:
        return policy.content()
    except Exception as error:  # noqa: BLE001  in doubt nothing private leaves
        guard.report("looking at who records content", error)
        return True


def muted_span(context: Any = None) -> trace.Span:
    """Return a span that records nothing and has the identity of the span around it.

    What begins in it is a child of that one: an invalid span would hide ours, and begin new traces.
    """
    return trace.NonRecordingSpan(trace.get_current_span(context).get_span_context())


@contextlib.contextmanager
def _muted_block(context: Any) -> Iterator[trace.Span]:
    # a context that is given explicitly, such as a remote parent's, is in force as it would have been
    mark = None if context is None else otel.attach(context)
    try:
        yield muted_span()
    finally:
        if mark is not None:
            otel.detach(mark)


class SelectiveTracer(trace.Tracer):
    """A framework's tracer, which gives muted spans while the framework's own would take content out."""

    def __init__(self, tracer: Any) -> None:
        self._tracer = tracer

    def start_span(self, name: str, context: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Start a span, or give one that records nothing."""
        if takes_content_out():
            return muted_span(context)
        return self._tracer.start_span(name, context, *args, **kwargs)

    def start_as_current_span(
        self, name: str, context: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        """Start a span for a block, or give one that records nothing and leave the span around it in force."""
        if takes_content_out():
            return _muted_block(context)
        return self._tracer.start_as_current_span(name, context, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tracer, name)


class SelectiveTraceModule:
    """In place of the name `trace` in a module that asks OpenTelemetry for a tracer at each span."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def get_tracer(self, *args: Any, **kwargs: Any) -> Any:
        """Return the tracer, made selective."""
        return SelectiveTracer(self._module.get_tracer(*args, **kwargs))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


class SelectiveHistogram:
    """A framework's histogram of a name that ours has too: what ours has recorded is not recorded again."""

    def __init__(self, histogram: Any) -> None:
        self._histogram = histogram

    def record(self, amount: Any, attributes: Any = None, *args: Any, **kwargs: Any) -> None:
        """Record a value, unless it is of a call that stands in our metrics."""
        if policy.metrics and is_counted((attributes or {}).get(names.REQUEST_MODEL)):
            return
        self._histogram.record(amount, attributes, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._histogram, name)


def selective_get_tracer(
    wrapped: Any, _none: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Wrap a function that gives a tracer."""
    return SelectiveTracer(wrapped(*args, **kwargs))


def mute_block(wrapped: Any, _none: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Wrap the generator function of a context manager that yields a span."""
    return _muted_steps() if takes_content_out() else wrapped(*args, **kwargs)


def _muted_steps() -> Iterator[trace.Span]:
    yield muted_span()
