"""One call's life, from its start to exactly one end.

The hook that catches a call drives its observation: `start` and `leave` around the client's own
request, then `answer` for a whole answer or `chunk` for each piece of a stream, and one of
`finish`, `abandon`, `fail` for the end. The first end wins; later ones do nothing.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial

from callspan.accounting.budgets import Reservation
from callspan.accounting.reservations import STEP
from callspan.events import (
    CANCELLED_BY_PROVIDER,
    REASONING,
    TEXT,
    TOOL_CALL,
    Delta,
    Failure,
    Outcome,
    Token,
)
from callspan.events.exceptions import ProviderError, message_of, qualified_name
from callspan.lifecycle import admission
from callspan.lifecycle.answers import explain, read_answer, read_rest
from callspan.lifecycle.conclusion import conclude
from callspan.lifecycle.control_flow import is_cancellation
from callspan.lifecycle.dispatch import notify, notify_with
from callspan.lifecycle.reading import Item
from callspan.lifecycle.state import ObservationState
from callspan.runtime import guard, reentry
from callspan.runtime.cancellation import being_cancelled
from callspan.runtime.reentry import notifying
from callspan.runtime.scope import enter, leave, run_context

active: ContextVar[Observation | None]
"""The observation whose provider call runs in this context."""
open_observations: set[Observation] = set()
"""Observations that have started and not ended; this also keeps them alive."""

_TOKEN_KINDS = (TEXT, REASONING, TOOL_CALL)


class Observation(ObservationState):
    """Follows one call: notifies handlers of its start, its tokens and its end."""

    __slots__ = ()

    def start(self) -> None:
        """Notify handlers of the start, and enter the contexts that they want around the call.

        Raises `BudgetExceeded`, and tells nothing, for a call that a budget does not admit.
        """
        if self.admission is not None and self.reservation is None:
            self.reserve(self.admission.size)
        call = self.call
        if self.start_context is not None:
            self._context_tokens.append(enter(self.start_context))
        # the innermost: a call in whose course this one is made, else a framework's run
        outer = active.get() or run_context()
        if outer is not None:
            call.parent = outer.call
        # before the handlers: if one is interrupted, the hook still finds a call that it can end
        self._open.append(True)
        open_observations.add(self)
        thread = threading.get_ident()
        if thread in notifying:
            # a signal handler, or a finalizer, has interrupted this thread while it held a lock of
            # the SDK's: another thread has to tell of this call (tests/test_signals.py)
            self.is_deferred = True
            reentry.run_later(partial(notify, self.dispatch.starts, call))
            self._active_token = active.set(self)
            return
        notifying.add(thread)
        try:
            answers = notify(self.dispatch.starts, call)
        finally:
            notifying.discard(thread)
        # the span's; a context manager of the handler's would cost more (docs/decisions/0029)
        if call.context is not None:
            self._context_tokens.append(enter(call.context))
        if answers:
            self.keep_answers(answers)
        self._active_token = active.set(self)

    def start_late(
        self,
        start_ns: int,
        started: float,
        reservation: Reservation | None,
        *,
        has_input: bool = True,
    ) -> None:
        """Notify handlers of a call that began before, at these times of both clocks.

        Its work has begun, so budgets cannot refuse it any more; they may have reserved for it.
        Without its input nothing of it can be estimated.
        """
        self.call.start_ns = start_ns
        self.call.started = started
        self.admission = None
        self.reservation = reservation
        self.estimates = self.estimates and has_input
        self.start()
        self.leave()

    def reserve(self, size: Callable[[], int]) -> Reservation | None:
        """Reserve in the budgets the amounts that the call may need; `size` estimates its tokens.

        Raises `BudgetExceeded` if too little is left.
        """
        if self.admission is not None:
            budgets = self.admission.budgets
            self.reservation = admission.admit(self.call, budgets, size, self.dispatch)
        return self.reservation

    def leave(self) -> None:
        """Leave the contexts that `start` entered; the app's own code runs again from here."""
        try:
            if self._active_token is not None:
                active.reset(self._active_token)
        except ValueError:
            active.set(None)  # closed in another task: there is nothing of ours to restore
        if self._contexts:
            self._exit_contexts()
        while self._context_tokens:
            leave(self._context_tokens.pop())

    def chunk(self, item: Item) -> bool:
        """Read one chunk of a stream, and return whether the app shall see it.

        Raises `BudgetExceeded` where a budget stops the stream, which the caller then closes.
        """
        if self.skips is not None and self.skips(item):
            return True
        response = self.call.response
        elapsed = time.perf_counter() - self.call.started
        response.chunks += 1
        if response.first_chunk is None:
            response.first_chunk = elapsed
        elif response.chunk_times is not None:
            response.chunk_times.append(elapsed)
        try:
            # with id and first token, a chunk of mere text matters to readers of text only
            full = self.needs_text or response.id is None or response.first_token is None
            delta = self.read(item, full)
            if delta is not None:
                self._add(delta, elapsed)
            is_visible = self.hides is None or not self.hides(item)
        except Exception as error:  # noqa: BLE001  an odd chunk must not cost the app its stream
            guard.report(f"reading a chunk of {self.call.operation}", error)
            is_visible = True
        if self.reservation is not None and response.chunks % STEP == 0:
            admission.watch(self.call, self.reservation, self.dispatch)
        return is_visible

    def _add(self, delta: Delta, elapsed: float) -> None:
        """Add a chunk to the response, and notify handlers of its tokens."""
        response = self.call.response
        parts = delta.parts
        if delta.whole and response.first_token is not None:
            parts = ()  # the closing event of a stream repeats the pieces that came before
        # such counts were sent because callspan requested them, not the app (`request_usage`)
        if delta.usage is not None and self.hides is not None:
            delta.usage.source = "requested"
        response.add(delta, self.needs_text)
        if delta.sound is not None and response.first_sound is None:
            response.first_sound = elapsed
        for part in parts:
            if part.text and part.kind in _TOKEN_KINDS:
                if response.first_token is None:
                    response.first_token = elapsed
                if self.dispatch.tokens:
                    token = Token(part.text, part.kind, part.choice, elapsed)
                    answers = notify_with(self.dispatch.tokens, self.call, token)
                    if answers:
                        self.keep_answers(answers)

    def answer(self, item: Item) -> None:
        """Read a whole answer and end the call."""
        read_answer(self, item)
        self.finish()

    def finish(self) -> None:
        """End a call whose answer was read to the end, and may say that the model failed."""
        # first: what the rest states may be a failure, which decides the outcome
        if self.reading.rest is not None:
            read_rest(self)
        failure = self.call.response.failure
        if failure is None:
            self._end(self.call.response.outcome)
            return
        outcome = Outcome.ERROR
        if failure.type == CANCELLED_BY_PROVIDER:
            outcome = Outcome.CANCELLED
        self._end(outcome, failure, failure.exception or ProviderError(failure))

    def abandon(self) -> None:
        """End the call: its reader stopped. It is completed if the answer was whole by then."""
        if self.ended:
            return
        response = self.call.response
        if self.call.asynchronous and being_cancelled(self.reader):
            # a cancelled task closes its streams before the CancelledError reaches them
            self.fail(sys.modules["asyncio"].CancelledError())
        elif response.failure or response.finished(self.call.choices):
            # many programs break at the finish reason, with the whole answer (docs/decisions/0028)
            self.finish()
        else:
            self._end(Outcome.ABANDONED)

    def pause(self) -> bool:
        """Return whether a call stays open although a loop over its stream was left.

        It does if its token counts are still to come: a reader that leaves at the finish reason
        may loop once more for them. If it does not, the call has lasted until this moment. See
        tests/test_second_loops.py.
        """
        if self.ended or not self._lacks_only_usage():
            return False
        # a reader that is cancelled does not come back
        if self.call.asynchronous and being_cancelled(self.reader):
            return False
        # a further loop that reads nothing must not move the end
        if self._held_end is None or self._held_end[0] != self.call.response.chunks:
            self.hold_end()
        return True

    def _lacks_only_usage(self) -> bool:
        """Whether the answer is whole but for its token counts, which are still to come."""
        response = self.call.response
        if not self.reading.awaits_usage or response.last or response.failure is not None:
            return False
        has_usage = response.usage is not None and bool(response.usage.total)
        return not has_usage and response.finished(self.call.choices)

    def leave_loop(self) -> None:
        """End the call as a loop over its stream was left, unless its counts are still to come."""
        if not self.pause():
            self.drop()

    def drop(self) -> None:
        """End the call: the reader is gone, by `break`, by an exception or by cancellation."""
        self.abandon()
        self.hand_off()

    def fail(self, error: BaseException) -> None:
        """End the call: it raised. Cancellations and interrupts (no `Exception`) are no errors."""
        if self.ended:
            return
        failure = None
        outcome = Outcome.CANCELLED
        if not is_cancellation(error):
            outcome = Outcome.ERROR
            try:
                failure = explain(self, error)
            except Exception as fault:  # noqa: BLE001  an odd error must reach the app as it is
                guard.report(f"reading an error of {self.call.operation}", fault)
        if failure is None:
            failure = Failure(qualified_name(type(error)), message_of(error), exception=error)
        self._end(outcome, failure, error)

    def _end(
        self, outcome: Outcome, failure: Failure | None = None, error: BaseException | None = None
    ) -> None:
        try:
            # the one step that decides which of two ends wins (`ObservationState.__init__`)
            self._open.pop()
        except IndexError:
            return  # another thread, or an earlier event, has ended it; or it never began
        open_observations.discard(self)
        call = self.call
        end = time.perf_counter()
        if self._held_end is not None:
            chunks, moment = self._held_end
            if chunks == call.response.chunks:
                end = moment  # nothing was read after that
        call.duration = end - call.started
        call.outcome, call.failure = outcome, failure
        thread = threading.get_ident()
        # a deferred start is still to come, from the worker; this end has to queue up behind it
        if self.is_deferred or thread in notifying:
            reentry.run_later(partial(conclude, self, failure, error))
            return
        notifying.add(thread)
        try:
            conclude(self, failure, error)
        finally:
            notifying.discard(thread)


active = ContextVar("callspan-active", default=None)

__all__ = ["Observation", "active", "open_observations"]
