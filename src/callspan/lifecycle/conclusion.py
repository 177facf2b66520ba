"""The work at the end of a call: budgets, handlers, and counts that come later."""

from __future__ import annotations

from dataclasses import replace

from callspan.accounting.reservations import settle
from callspan.accounting.tokens.estimator import estimator
from callspan.events import Failure
from callspan.lifecycle.dispatch import notify, notify_with
from callspan.lifecycle.pending_calls import PendingCall, pending_calls
from callspan.lifecycle.state import ObservationState
from callspan.runtime import guard


def conclude(state: ObservationState, failure: Failure | None, error: BaseException | None) -> None:
    """Settle the budgets of a call that has ended, notify all, and let go of its content."""
    call = state.call
    pending = None
    # OpenAI's background responses (tests/test_background_responses.py)
    if "background" in call.parameters:
        pending = _pending_call(state)
    if pending is None and (state.estimates or state.reservation is not None):
        _settle(state)
    # after the estimate was begun, as spans wait for it, and before it is computed (below)
    _notify_end(state, error)
    if pending is not None:
        # last: from here on another thread may fetch the response, and settle the call
        pending_calls.add(pending)
    elif "fetched" in call.response.details:
        fetched = call.response.details["fetched"]
        pending_calls.end(call.response.id, fetched, state.dispatch.background_ends)
    if failure is not None and failure.exception is not None:
        # its traceback refers to frames that refer to this call: objects that the app has let go
        # of must not wait for the garbage collector
        call.failure = replace(failure, exception=None)
    if state.needs_text and not state.dispatch.wants_text:
        call.response.forget_text()  # the handlers that export it have made their copies of it
    if call.estimate is not None:
        if state.counts_later:
            estimator.run(call, call.estimate)
        else:
            estimator.close(call.estimate)


def _notify_end(state: ObservationState, error: BaseException | None) -> None:
    """Notify the counters of the blocks around the call, then its handlers."""
    call = state.call
    if state.scope.counters and call.uses_tokens:
        notify([("count_tokens", counter.add) for counter in state.scope.counters], call)
    if error is None:
        answers = notify_with(state.dispatch.ends, call, call.response)
    else:
        answers = notify_with(state.dispatch.errors, call, error)
    if answers:
        state.keep_answers(answers)


def _settle(state: ObservationState) -> None:
    """Prepare the estimate of missing counts, and tell the budgets how much the call has used."""
    if state.estimates:
        _begin_estimate(state)
    if state.reservation is not None:
        notify_with([("budgets", settle)], state.call, state.reservation)


def _begin_estimate(state: ObservationState) -> None:
    call = state.call
    try:
        estimate = call.estimate = estimator.begin(call, has_text=state.needs_text)
        if estimate is None:
            return
        # what hides chunks hides those that came because we asked for counts
        estimate.is_requested = state.hides is not None
        if state.dispatch.wants_estimates:
            estimator.count_roughly(call, estimate)
    except Exception as error:  # noqa: BLE001  an odd request must not keep the call from its end
        guard.report(f"looking at the messages of {call.operation}", error)


def _pending_call(state: ObservationState) -> PendingCall | None:
    """Return the call as one that the provider still works at, its counts to come; else `None`."""
    call, response = state.call, state.call.response
    if response.usage is not None or response.id is None:
        return None
    if response.last or response.failure is not None:
        return None
    response.pending = True
    return PendingCall(call, state.scope.counters, state.reservation)
