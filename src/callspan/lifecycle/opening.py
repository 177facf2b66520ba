"""Opening a call: who is notified of it, how much of its content is captured, which budgets hold."""

from __future__ import annotations

from collections.abc import Callable

from callspan.accounting.budgets import Budget
from callspan.accounting.reservations import in_scope
from callspan.content.capture import Capture
from callspan.events import Call
from callspan.lifecycle.client_options import NO_OPTIONS, ClientOptions
from callspan.lifecycle.dispatch import Dispatch
from callspan.lifecycle.observation import Observation
from callspan.lifecycle.state import Reader
from callspan.runtime.scope import NOTHING, Scope


class CallOpener:
    """Makes the observations of the calls of one installation.

    Attributes:
        ready: Called before each call is opened.
        budgets: The budgets that hold for all calls of the process.
        all_handlers: The handlers of a call, those that make telemetry among them.
        handlers_only: The handlers of a call for which another instrumentation makes telemetry.
    """

    __slots__ = (
        "_capture",
        "_estimates",
        "_settings_capture",
        "all_handlers",
        "budgets",
        "handlers_only",
        "ready",
    )

    def __init__(self, capture: Capture, estimates: bool, ready: Callable[[], None]) -> None:
        self.ready = ready
        self.budgets: tuple[Budget, ...] = ()
        self.all_handlers = Dispatch()
        self.handlers_only = Dispatch()
        self._settings_capture = capture
        self._capture = capture if capture.on else None
        self._estimates = estimates

    def open(self, call: Call, read: Reader, scope: Scope) -> Observation:
        """Return an observation of a call that no client object makes: of a framework, or the app's own."""
        self.ready()
        observation = self.observe(call, read, scope, NO_OPTIONS, False)
        observation.budgets = in_scope(scope, self.budgets)
        return observation

    def observe(
        self, call: Call, read: Reader, scope: Scope, options: ClientOptions, handlers_only: bool
    ) -> Observation:
        """Return an observation of a call, for the options of its client object and for a scope."""
        dispatch = self.all_handlers
        if handlers_only:
            dispatch = self.handlers_only
        estimates = self._estimates
        call.capture = self._capture
        # most calls have neither, and are spared the looking
        if scope is not NOTHING or options is not NO_OPTIONS:
            call.attributes = scope.attributes
            call.capture = self._capture_for(options, scope)
            if options.handlers or scope.handlers:
                dispatch = dispatch.plus((*options.handlers, *scope.handlers))
            estimates = estimates or bool(scope.counters)
        return Observation(call, dispatch, scope, read, estimates=estimates and call.uses_tokens)

    def _capture_for(self, options: ClientOptions, scope: Scope) -> Capture | None:
        """Return the capture that holds: that of the innermost block, of the client, of the settings."""
        capture = self._settings_capture
        for choice in options.choices:
            capture = choice.of(capture)
        if scope.capture:
            capture = scope.capture.of(capture)
        if not capture.on:
            return None
        return capture
