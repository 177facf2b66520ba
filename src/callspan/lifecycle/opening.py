"""Opening a call: its handlers, its budgets, and how much of its content is captured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from callspan.accounting.budgets import Budget
from callspan.accounting.reservations import in_scope
from callspan.content.capture import Capture
from callspan.events import Call
from callspan.events.operations import FETCH_BATCH
from callspan.lifecycle import conversations
from callspan.lifecycle.admission import Admission
from callspan.lifecycle.batches import BatchObservation
from callspan.lifecycle.client_options import NO_OPTIONS, ClientOptions
from callspan.lifecycle.dispatch import Dispatch
from callspan.lifecycle.observation import Observation
from callspan.lifecycle.reading import Reading
from callspan.runtime.scope import NOTHING, Scope


class CallOpener:
    """Makes the observations of the calls of one installation.

    Attributes:
        ready: Called before each call is opened.
        budgets: The budgets that hold for all calls of the process.
        all_handlers: The handlers of a call, those that make telemetry among them.
        handlers_only: The handlers of a call for which another instrumentation makes telemetry.
        session_handlers: The handlers that record how long a session has lasted.
    """

    __slots__ = (
        "_capture",
        "_estimates",
        "_settings_capture",
        "all_handlers",
        "budgets",
        "handlers_only",
        "ready",
        "session_handlers",
    )

    def __init__(self, capture: Capture, estimates: bool, ready: Callable[[], None]) -> None:
        self.ready = ready
        self.budgets: tuple[Budget, ...] = ()
        self.all_handlers = Dispatch()
        self.handlers_only = Dispatch()
        self.session_handlers = Dispatch()
        self._settings_capture = capture
        # `None` for most calls, so that handlers see at once that there is no content to make
        self._capture = capture if capture.on else None
        self._estimates = estimates

    def open(
        self, call: Call, reading: Reading, scope: Scope, start_context: Any = None
    ) -> Observation:
        """Return an observation of a call without a client object: a framework's, or the app's."""
        self.ready()
        if call.facts.is_session:
            return self._observe_session(call, reading, scope, start_context)
        # `int()` is 0: there is no request here whose tokens could be estimated
        return self.observe(call, reading, scope, NO_OPTIONS, False, int, start_context)

    def _observe_session(
        self, call: Call, reading: Reading, scope: Scope, start_context: Any
    ) -> Observation:
        """Return an observation of a session, of which only its duration is recorded."""
        handlers = self.session_handlers
        return Observation(call, handlers, scope, reading, False, False, None, start_context)

    def observe(
        self,
        call: Call,
        reading: Reading,
        scope: Scope,
        options: ClientOptions,
        handlers_only: bool,
        size: Callable[[], int],
        start_context: Any,
    ) -> Observation:
        """Return an observation of a call.

        Args:
            call: The call.
            reading: How its answers and errors are read.
            scope: Where it is made.
            options: The options of its client object.
            handlers_only: Whether another instrumentation makes the telemetry.
            size: Estimates the tokens of the request.
            start_context: The OpenTelemetry context of the call, where it is not the current one.
        """
        dispatch = self.handlers_only if handlers_only else self.all_handlers
        counts_later = self._estimates
        call.capture = self._capture
        # most calls have neither, and are spared the looking
        if scope is not NOTHING or options is not NO_OPTIONS:
            call.attributes = scope.attributes
            call.capture = self._capture_for(options, scope)
            if options.handlers or scope.handlers:
                dispatch = dispatch.plus((*options.handlers, *scope.handlers))
            # a `count_tokens()` block counts all calls, those without counts of the provider's too
            counts_later = counts_later or bool(scope.counters)
        if call.attributes or conversations.may_be_ambient():
            call.attributes = conversations.attributes_with_id(call, start_context)
        estimates = call.uses_tokens and (counts_later or dispatch.wants_estimates)
        admission = self._admission(scope, options, size)
        if call.operation == FETCH_BATCH:
            return BatchObservation(call, dispatch, scope, reading, admission, start_context)
        return Observation(
            call, dispatch, scope, reading, estimates, counts_later, admission, start_context
        )

    def _admission(
        self, scope: Scope, options: ClientOptions, size: Callable[[], int]
    ) -> Admission | None:
        # `None` rather than no budgets: most calls are spared the estimate of their size
        if scope.budgets or self.budgets or options.budgets:
            return Admission(in_scope(scope, self.budgets, options.budgets), size)
        return None

    def _capture_for(self, options: ClientOptions, scope: Scope) -> Capture | None:
        """Return the capture that holds: the innermost block's, the client's, or the settings'."""
        capture = self._settings_capture
        # from the outside in, as each choice changes what holds outside of it
        for choice in options.choices:
            capture = choice.of(capture)
        if scope.capture:
            capture = scope.capture.of(capture)
        if not capture.on:
            return None
        return capture
