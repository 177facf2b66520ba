"""One span a call, current while the provider is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry import context as otel
from opentelemetry import trace

from callspan.events import Call, Outcome, Response, Token
from callspan.semconv import attributes, content, names
from callspan.semconv.conventions import CHOICES, request_tables, schema_url
from callspan.settings.settings import Settings
from callspan.telemetry import sums
from callspan.telemetry.deferred import Deferred
from callspan.telemetry.provider import FollowsProvider
from callspan.version import __version__

READY_CALLS = 1000
"""Distinct (operation, provider, model, server) whose name and attributes are kept ready."""
TOKEN_EVENTS = 128
"""The most token events on one span, the SDK's own default limit."""


class Spans:
    """Starts a span with each call and ends it with the call; the status is set for errors only."""

    def __init__(
        self, settings: Settings, look_up: Callable[[], Any] = trace.get_tracer_provider
    ) -> None:
        self.needs_text = settings.token_events == "all"
        self._first_token = settings.token_events == "first"
        self._conventions = CHOICES[settings.semconv]
        self._requests = request_tables(self._conventions)
        self._needs_provider = self._conventions[0].needs_provider
        self._deferred = Deferred.from_settings(settings)
        self._sums = sums.CallAdder(self._deferred)
        self._ready: dict[Any, tuple[str, trace.SpanKind, dict[str, Any]]] = {}
        url = schema_url(self._conventions)
        self._tracer = FollowsProvider(
            look_up,
            lambda provider: provider.get_tracer(names.SCOPE, __version__, schema_url=url),
        )
        if settings.token_events == "all":
            # as an attribute, so that the dispatch finds no `on_token` where it would do nothing
            self.on_token = self._every_token
        if settings.readers:
            # the same, and the table is loaded where it is wanted
            from callspan.semconv.reader_attributes import ReaderAttributes

            self._reader_attributes = ReaderAttributes(settings.readers)
            self._conventions = self._reader_attributes.conventions(self._conventions)
            self._close = self._close_for_readers

    def on_start(self, call: Call) -> None:
        """Start the span, as a child of what is current; the call is made in its context."""
        # calls to one model of one server differ in few attributes, so the others are kept ready
        name, kind, shared = self._ready.get(call.identity) or self._prepare(call)
        values = {**shared, **attributes.request(call, self._requests)}
        provider = attributes.own_provider(call, self._needs_provider)
        if provider is not None:
            values[names.PROVIDER] = provider
        if call.framework is not None:
            values.update(attributes.framework(call))
        if call.attributes:
            values.update(call.attributes)
        parent = otel.get_current()
        span = self._tracer.get().start_span(
            name,
            context=parent,
            kind=kind,
            attributes=values,
            links=call.links,
            start_time=call.start_ns,
            # `on_error` does both, and knows whether the words of an exception may be recorded
            record_exception=False,
            set_status_on_exception=False,
        )
        call.span = span
        call.context = trace.set_span_in_context(span, parent)
        if call.capture is not None:
            self._capture_request(call, span)

    def _capture_request(self, call: Call, span: trace.Span) -> None:
        """Read the messages before the app, which owns them, can change them; for the event too."""
        is_recorded = call.capture.span and span.is_recording()
        if not is_recorded and not call.capture.event:
            return
        captured = content.CapturedContent(call.capture, _longest_value(span), self._conventions[0])
        call.captured_content = captured
        captured.sent(call)
        if is_recorded:
            span.set_attributes(captured.request_texts())

    def _prepare(self, call: Call) -> tuple[str, trace.SpanKind, dict[str, Any]]:
        """Return the name, kind and attributes that calls of one identity share, and keep them."""
        if len(self._ready) >= READY_CALLS:
            # an app may make up names of models: what is ready must not grow with them
            self._ready.clear()
        kind = _span_kind(call)
        shared = {**attributes.identity(call), **attributes.client(call)}
        ready = self._ready[call.identity] = (attributes.span_name(call), kind, shared)
        return ready

    def _every_token(self, call: Call, token: Token) -> None:
        span = call.span
        if span is None or not span.is_recording() or call.response.chunks > TOKEN_EVENTS:
            return
        values: dict[str, Any] = {names.TOKEN_KIND: token.kind, names.TOKEN_TIME: token.time}
        span.add_event(names.TOKEN_EVENT, values, call.start_ns + int(token.time * 1e9))

    def on_end(self, call: Call, response: Response) -> None:
        """End the span; its status stays unset."""
        if call.span is None:
            return
        end = call.end_ns
        values: dict[str, Any] = {}
        try:
            if call.span.is_recording():
                values = self._end_values(call, response)
        finally:
            # also where reading the answer failed: a span that never ends is never exported
            if not values:
                self._close(call, end, values)
            elif call.handler_state and sums.has_sums(call):
                # a sum that the agent itself states counts before ours
                sums.deliver(call, lambda more: self._close(call, end, {**more, **values}))
            elif self._deferred is None:
                self._close(call, end, values)
            else:
                self._deferred.deliver(
                    call, lambda more: self._close(call, end, {**values, **more})
                )
            # the usual case, in the path of each call: nothing is around it
            if call.parent is not None and call.facts.uses_tokens:
                self._sums.add(call)

    def on_error(self, call: Call, error: BaseException) -> None:
        """End the span as failed; the text of the exception may be content, and is treated so."""
        span = call.span
        if span is not None and span.is_recording():
            message = content.message(call, error) if call.outcome is Outcome.ERROR else None
            span.set_attributes(attributes.failure(call))
            span.set_status(trace.Status(trace.StatusCode.ERROR, message or None))
        self.on_end(call, call.response)

    def _close(self, call: Call, end: int, values: dict[str, Any]) -> None:
        """End the span with its true time, which may have been a moment ago."""
        try:
            if values:
                call.span.set_attributes(values)
            self._add_events(call)
        finally:
            call.span.end(end)

    def _close_for_readers(self, call: Call, end: int, values: dict[str, Any]) -> None:
        """End the span with what readers need of it, and without what misleads them."""
        try:
            if values:
                # a span that is not the SDK's need not say what it has
                start = getattr(call.span, "attributes", None) or {}
                values = self._reader_attributes.complete(
                    call.operation, call.start_ns, start, values
                )
        finally:
            Spans._close(self, call, end, values)

    def _end_values(self, call: Call, response: Response) -> dict[str, Any]:
        """Return the attributes that are there at the end."""
        values = attributes.response(call, response, self._conventions)
        if call.has_late_parameters:
            # they may be part of the span's name, which was set when the call began
            values.update(attributes.request(call, self._requests))
            call.span.update_name(attributes.span_name(call))
        captured = call.captured_content
        if captured is not None:
            captured.received(call)
            if call.capture.span:
                if call.has_late_content:
                    values.update(captured.request_texts())
                values.update(captured.answer_texts())
            values.update(captured.notes())
        return values

    def on_batch_result(self, call: Call, _response: Response) -> None:
        """Add one result of a batch to the span of the reading, and to agents around it."""
        self._sums.add(call)

    def on_budget_stop(self, call: Call, stop: Any) -> None:
        """Add an event for a budget that stopped the call; to the outer span if it was not sent."""
        # a call that is refused before it is sent has no span (docs/decisions/0052)
        span = call.span or trace.get_current_span()
        values = {
            names.BUDGET_NAME: stop.budget.name,
            names.BUDGET_UNIT: stop.unit,
            names.BUDGET_LIMIT: float(stop.limit),
            names.BUDGET_SPENT: float(stop.spent),
        }
        span.add_event(names.BUDGET_STOP_EVENT, values)

    def _add_events(self, call: Call) -> None:
        for retry in call.retries:
            values = {
                names.RETRY_ATTEMPT: retry.attempt,
                names.RETRY_CAUSE: retry.cause,
                names.RETRY_WAIT: retry.wait,
            }
            call.span.add_event(names.RETRY_EVENT, values, retry.time_ns)
        first = call.response.first_token
        if self._first_token and first is not None:
            call.span.add_event(names.FIRST_TOKEN_EVENT, None, call.start_ns + int(first * 1e9))


def _span_kind(call: Call) -> trace.SpanKind:
    if call.facts.is_served:
        return trace.SpanKind.SERVER
    if call.in_process:
        return trace.SpanKind.INTERNAL
    return trace.SpanKind.CLIENT


def _longest_value(span: trace.Span) -> int | None:
    """Return the length at which the SDK cuts attributes; `None` for no limit.

    A private attribute of the SDK's span: no other way tells a limit set in code. A JSON text that
    is cut there would not parse (tests/test_content.py).
    """
    return getattr(getattr(span, "_attributes", None), "max_value_len", None)
