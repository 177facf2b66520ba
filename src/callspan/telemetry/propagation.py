"""The context of our span, for requests in which a client would have sent that of its own span."""

from __future__ import annotations

from typing import Any

from opentelemetry import context as otel
from opentelemetry import trace

from callspan.events import Call
from callspan.telemetry.provider import own_providers


def is_provider_set() -> bool:
    """Whether there is a global tracer provider, the app's or ours."""
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def sends_context(call: Call) -> bool:
    """Whether a client that traces itself would send a context with this call, without callspan.

    A call in a signal handler may have no span yet, and so no context to be sent. Else one is sent
    where the app has set a tracer provider. Without a provider the client passes on the context
    around the call, such as that of a request which the app serves.
    """
    if call.span is None or not call.span.get_span_context().is_valid:
        return False
    is_ours = trace.get_tracer_provider() in own_providers
    if not is_ours and is_provider_set():
        return True
    return _has_context_around(call, is_ours)


def _has_context_around(call: Call, is_ours: bool) -> bool:
    """Whether a call and our operations around it began in a context that is not of our making."""
    while call.parent is not None:
        call = call.parent
    span = call.span
    if span is None:
        return False
    if span.get_span_context().is_remote:
        return True  # without a provider, our span is the one around it
    around = getattr(span, "parent", None)
    if around is None:
        return False
    # with a provider of ours, any span of this process would not be there without us
    return around.is_remote or not is_ours


class StandInTracer(trace.NoOpTracer):
    """A client's tracer while our span replaces its own: it starts spans that are no spans."""

    def start_span(self, *_args: Any, **_kwargs: Any) -> trace.Span:
        """Return a span that records nothing, and has the context of the span around it."""
        return _StandIn(trace.get_current_span())


class _StandIn(trace.NonRecordingSpan):
    """Has the context of another span, and leaves it to that span to be the current one.

    Anthropic's client (1.17 to 2.14) makes its span the current one, then asks it for its context to
    send that. From then on the current span is ours, so that code of the app's which runs in the request
    annotates a span that is exported. The client's `use_span` restores what was current before, by
    its token. See tests/test_context_in_requests.py.
    """

    def __init__(self, span: trace.Span) -> None:
        super().__init__(span.get_span_context())
        self._span = span

    def get_span_context(self) -> trace.SpanContext:
        """Return the context of the other span, which becomes the current one if this one is."""
        if trace.get_current_span() is self:
            otel.attach(trace.set_span_in_context(self._span))
        return super().get_span_context()


STAND_IN_TRACER = StandInTracer()
