"""Selective tracers and histograms: they mute a framework's own telemetry call by call."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from opentelemetry import context as otel
from opentelemetry import trace
from opentelemetry.context import Context

from callspan.hooks.native import is_counted, policy
from callspan.runtime import guard
from callspan.runtime.patching import Wrapper
from callspan.semconv import names

TracerLike = Any
"""OpenTelemetry's tracer or module `trace`, or an object of the framework's that stands for it."""


def would_leak_content() -> bool:
    """Whether a framework's span begun now would record content, though ours do not."""
    try:
        return policy.content()
    except Exception as error:  # noqa: BLE001  in doubt nothing private leaves
        guard.report("looking at who records content", error)
        return True


def muted_span(context: Context | None = None) -> trace.Span:
    """Return a span that records nothing and has the identity of the span around it.

    Spans begun in it become children of that one. An invalid span would hide ours, and spans
    in it would begin new traces.
    """
    return trace.NonRecordingSpan(trace.get_current_span(context).get_span_context())


def without_ours(span: trace.Span) -> trace.Span:
    """Return a span that a framework finds in force, or a muted one in place of a span of ours.

    Where its own spans are muted it would write prompts and keys to ours. Attributes that the app
    sets on the span in force still go to ours.
    """
    scope = getattr(span, "instrumentation_scope", None)
    if scope is None or scope.name != names.SCOPE:
        return span
    return trace.NonRecordingSpan(span.get_span_context())


def without_ours_in_force(
    wrapped: Callable[..., trace.Span],
    _instance: object,
    args: tuple[object, ...],
    kwargs: dict[str, object],
) -> trace.Span:
    """Wrap a function of a framework's that returns the span in force."""
    return without_ours(wrapped(*args, **kwargs))


@contextlib.contextmanager
def _muted_block(context: Context | None) -> Iterator[trace.Span]:
    # an explicit context, such as a remote parent's, is in force as with the framework's own span
    token = None if context is None else otel.attach(context)
    try:
        yield muted_span()
    finally:
        if token is not None:
            otel.detach(token)


def _never() -> bool:
    return False


class SelectiveTracer(trace.Tracer):
    """A framework's tracer that starts muted spans where ours stand for them.

    It does so, too, while the real ones would record content that ours do not.

    Args:
        tracer: The framework's tracer.
        is_replaced: Whether our spans stand for the framework's at this moment.
    """

    def __init__(self, tracer: TracerLike, is_replaced: Callable[[], bool] = _never) -> None:
        self._tracer = tracer
        self._is_replaced = is_replaced

    def _mutes(self) -> bool:
        # asked for each span: settings and providers may change while the tracer is kept
        return self._is_replaced() or would_leak_content()

    def start_span(
        self, name: str, context: Context | None = None, *args: Any, **kwargs: Any
    ) -> trace.Span:
        """Start a span of the framework's, or a muted one."""
        if self._mutes():
            return muted_span(context)
        return self._tracer.start_span(name, context, *args, **kwargs)

    def start_as_current_span(
        self, name: str, context: Context | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        """Start a span for a block; a muted one leaves the span around it in force."""
        if self._is_replaced():
            # our span has the explicit parent already, and must not be hidden by it
            return _muted_block(None)
        if would_leak_content():
            return _muted_block(context)
        return self._tracer.start_as_current_span(name, context, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tracer, name)


class SelectiveTraceModule:
    """Stand-in for the name `trace` in a module that asks for a tracer at each span.

    A span of ours is kept from the module, which would write to it as it writes to its own.

    Args:
        module: OpenTelemetry's module.
        is_replaced: Whether our spans stand for those of the tracers at this moment.
    """

    def __init__(self, module: TracerLike, is_replaced: Callable[[], bool] = _never) -> None:
        self._module = module
        self._is_replaced = is_replaced

    def get_tracer(self, *args: object, **kwargs: object) -> trace.Tracer:
        """Return a selective tracer."""
        return SelectiveTracer(self._module.get_tracer(*args, **kwargs), self._is_replaced)

    def get_current_span(self, context: Context | None = None) -> trace.Span:
        """Return the span in force, or a muted one in place of ours."""
        return without_ours(self._module.get_current_span(context))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


Attributes = Mapping[str, Any]


def _is_in_ours(attributes: Attributes) -> bool:
    # a call that nobody watched stands in the framework's metric alone
    return policy.metrics and is_counted(attributes.get(names.REQUEST_MODEL))


class SelectiveHistogram:
    """A framework's histogram that leaves out the values which our metric of that name has.

    Args:
        histogram: The framework's histogram.
        is_in_ours: Whether our metric has the value with these attributes: by default, whether it
            has counted the call of the model.
    """

    def __init__(
        self, histogram: Any, is_in_ours: Callable[[Attributes], bool] = _is_in_ours
    ) -> None:
        self._histogram = histogram
        self._is_in_ours = is_in_ours

    def record(
        self,
        amount: float,
        attributes: Attributes | None = None,
        *args: object,
        **kwargs: object,
    ) -> None:
        """Record a value, unless its call stands in our metrics."""
        # recorded after the call, in its context, where ours has just counted it
        if self._is_in_ours(attributes or {}):
            return
        self._histogram.record(amount, attributes, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._histogram, name)


def selective_get_tracer(
    change: Callable[[TracerLike], trace.Tracer], caller: str | None = None
) -> Wrapper:
    """Return a wrapper for a function that returns a tracer.

    Args:
        change: Makes a tracer selective.
        caller: The module whose tracers are changed; `None` stands for all.
    """

    def wrapper(
        wrapped: Callable[..., TracerLike],
        _instance: object,
        args: tuple[object, ...],
        kwargs: dict[str, object],
    ) -> TracerLike:
        tracer = wrapped(*args, **kwargs)
        # the frame that called the function; see tests/frameworks/test_native.py
        module = sys._getframe(1).f_globals.get("__name__")
        if caller is not None and module != caller:
            return tracer
        return change(tracer)

    return wrapper


def mute_block(is_replaced: Callable[[], bool]) -> Wrapper:
    """Return a wrapper for the generator function of a context manager that yields a span.

    Args:
        is_replaced: Whether our spans stand for the framework's at this moment.
    """

    def wrapper(
        wrapped: Callable[..., Iterator[trace.Span]],
        _instance: object,
        args: tuple[object, ...],
        kwargs: dict[str, object],
    ) -> Iterator[trace.Span]:
        # the framework's decorator makes a context manager of either generator
        if is_replaced() or would_leak_content():
            return _muted_steps()
        return wrapped(*args, **kwargs)

    return wrapper


def _muted_steps() -> Iterator[trace.Span]:
    yield muted_span()
