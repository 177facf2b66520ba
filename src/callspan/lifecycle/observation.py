"""One call's life, from its start to exactly one end."""

from __future__ import annotations

import sys
import threading
import time
import weakref
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from types import CoroutineType
from typing import Any

from callspan.accounting.budgets import Budget, BudgetExceeded, Reservation
from callspan.accounting.reservations import STEP, admit, give_back, settle, watch
from callspan.accounting.tokens.estimator import estimator
from callspan.events import (
    CANCELLED_BY_PROVIDER,
    REASONING,
    TEXT,
    TOOL_CALL,
    Call,
    Delta,
    Failure,
    Outcome,
    Retry,
    Token,
)
from callspan.events.exceptions import ProviderError, qualified, said
from callspan.lifecycle.dispatch import Dispatch, notify, notify_with
from callspan.lifecycle.pending_calls import PendingCall, pending_calls
from callspan.runtime import guard, reentry
from callspan.runtime.background import heard, running_loop
from callspan.runtime.cancellation import being_cancelled
from callspan.runtime.reentry import telling
from callspan.runtime.scope import Scope, enter, leave, run_context

Reader = Callable[[Any, bool], "Delta | None"]
active: ContextVar[Observation | None]
open_observations: set[Observation] = set()

_SPOKEN = (TEXT, REASONING, TOOL_CALL)


class Observation:
    """Follows one call: tells the start, reads what arrives, and ends once, whoever says first that it is over.

    `read` turns one chunk or one whole answer into a `Delta`. `explain` reads an exception of the client's.
    `answer_of` finds in an exception the answer that the client could not make into what the app wanted of it.
    `hides` picks out chunks that the app did not ask for, `skips` what comes in a stream and is no chunk.
    `rest` reads what the client knows at the end of a stream and has put into no chunk.
    `inside` is true while the client's stream is being read.
    With `estimates`, counts that the provider leaves out are worked out after the end.
    `failed_attempt` has the cause and the time of an attempt that failed, until it is known whether another follows.
    With `awaits_usage`, a stream states its counts after its finish reason.
    `reader` refers to the task that reads it, where another may be the one that closes it.
    A call that is `_deferred` is told by another thread, as this one was interrupted in telling of another.
    `start_context` is the context in which the call begins, where that is not the one in force.
    `budgets` may refuse the call or stop its stream; `size` estimates the tokens of the request for
    them, and `reservation` is what they have reserved for it.
    """

    __slots__ = (
        "__weakref__",
        "_contexts",
        "_deferred",
        "_dispatch",
        "_estimates",
        "_full",
        "_left",
        "_mark",
        "_marks",
        "_open",
        "answer_of",
        "asks_usage",
        "awaitables",
        "awaits_usage",
        "budgets",
        "call",
        "explain",
        "failed_attempt",
        "hides",
        "inside",
        "read",
        "reader",
        "reservation",
        "rest",
        "scope",
        "size",
        "skips",
        "start_context",
    )

    def __init__(
        self, call: Call, dispatch: Dispatch, scope: Scope, read: Reader, *, estimates: bool = False
    ) -> None:
        self.call = call
        self.read = read
        self.scope = scope
        self.explain: Callable[[BaseException], Failure] | None = None
        self.answer_of: Callable[[BaseException], Any] | None = None
        self.hides: Callable[[Any], bool] | None = None
        self.skips: Callable[[Any], bool] | None = None
        self.rest: Callable[[], Delta | None] | None = None
        self.inside = False
        self.failed_attempt: tuple[str, float] | None = None
        self.reader: weakref.ref[Any] | None = None
        self.asks_usage = False
        self.awaits_usage = False
        self.start_context: Any = None
        self.budgets: tuple[Budget, ...] = ()
        self.size: Callable[[], int] = int
        self.reservation: Reservation | None = None
        self.awaitables: list[Coroutine[Any, Any, Any]] = []
        self._dispatch = dispatch
        self._estimates = estimates
        self._full = dispatch.wants_text or call.capture is not None or (estimates and call.stream)
        self._marks: list[Any] = []
        self._contexts: list[AbstractContextManager[Any]] = []
        self._open: list[bool] = []
        self._mark: Any = None
        self._deferred = False
        self._left: tuple[int, float] | None = None

    # -- around the provider call ------------------------------------------------------------------------------

    def start(self) -> None:
        """Tell the start, and enter what the handlers gave to be entered around the provider call.

        Raises `BudgetExceeded`, and tells nothing, for a call that a budget does not admit.
        """
        if self.budgets and self.reservation is None:
            self.admit()
        call = self.call
        if self.start_context is not None:
            self._marks.append(enter(self.start_context))
        outer = active.get() or run_context()
        if outer is not None:
            call.parent = outer.call
        self._open.append(True)
        open_observations.add(self)
        thread = threading.get_ident()
        if thread in telling:
            self._deferred = True
            reentry.run_later(partial(notify, self._dispatch.starts, call))
            self._mark = active.set(self)
            return
        telling.add(thread)
        try:
            answers = notify(self._dispatch.starts, call)
        finally:
            telling.discard(thread)
        if call.context is not None:
            self._marks.append(enter(call.context))
        if answers:
            self._take_up(answers)
        self._mark = active.set(self)

    def admit(self) -> None:
        """Reserve in the budgets what the call may need; raises `BudgetExceeded` where too little is left."""
        try:
            self.reservation = admit(self.call, self.budgets, self.size)
        except BudgetExceeded as stop:
            reentry.run(partial(notify_with, self._dispatch.stops, self.call, stop))
            raise
        except Exception as error:  # noqa: BLE001  an odd request must not keep the app from calling its model
            guard.report("looking at budgets", error)

    def _take_up(self, answers: list[Any]) -> None:
        """Keep what is to be awaited by the call, and enter what is to be entered around it."""
        for answer in answers:
            if isinstance(answer, CoroutineType):
                self.awaitables.append(answer)
            elif self._mark is None and hasattr(type(answer), "__exit__"):
                self._enter(answer)

    async def await_handlers(self) -> None:
        """Await the handlers that asked to be awaited by the call."""
        while self.awaitables:
            waiting = self.awaitables.pop(0)
            try:
                await waiting
            except Exception as error:  # noqa: BLE001  a handler's fault is never the app's
                guard.report(f"{waiting.__qualname__}", error)

    def _enter(self, context: AbstractContextManager[Any]) -> None:
        try:
            context.__enter__()
            self._contexts.append(context)
        except Exception as error:  # noqa: BLE001  a handler's fault is never the app's
            guard.report(f"entering {type(context).__name__}", error)

    def leave(self) -> None:
        """Leave what was entered; the app's own code runs again from here."""
        try:
            if self._mark is not None:
                active.reset(self._mark)
        except ValueError:
            active.set(None)  # closed in another task: there is nothing of ours to restore
        while self._contexts:
            context = self._contexts.pop()
            try:
                context.__exit__(None, None, None)
            except Exception as error:  # noqa: BLE001  a handler's fault is never the app's
                guard.report(f"leaving {type(context).__name__}", error)
        while self._marks:
            leave(self._marks.pop())

    # -- while the answer arrives ------------------------------------------------------------------------------

    def chunk(self, item: Any) -> bool:
        """Take note of one chunk of a stream; false if the app shall not see it.

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
            # once the answer is known by name, a chunk of mere text matters only to those who read text
            full = self._full or response.id is None or response.first_token is None
            delta = self.read(item, full)
            if delta is not None:
                self._take(delta, elapsed)
            shown = self.hides is None or not self.hides(item)
        except Exception as error:  # noqa: BLE001  an odd chunk must not cost the app its stream
            guard.report(f"reading a chunk of {self.call.operation}", error)
            shown = True
        if self.reservation is not None and response.chunks % STEP == 0:
            self._watch(self.reservation)
        return shown

    def _watch(self, reservation: Reservation) -> None:
        try:
            stop = watch(self.call, reservation)
        except Exception as error:  # noqa: BLE001  our fault must not cost the app its stream
            guard.report("watching budgets", error)
            return
        if stop is None:
            return
        reentry.run(partial(notify_with, self._dispatch.stops, self.call, stop))
        if stop.budget.in_stream == "raise":
            raise stop
        reservation.warned.add(stop.budget)
        guard.say_once(
            f"a stream goes on beyond {stop.budget.name}: {stop.spent:.6g} of {stop.limit:.6g} {stop.unit}"
        )

    def _take(self, delta: Delta, elapsed: float) -> None:
        response = self.call.response
        # what ends whole repeats what was heard before
        new = () if delta.whole and response.first_token is not None else delta.parts
        if delta.usage is not None and self.hides is not None:
            delta.usage.source = "requested"
        response.add(delta, self._full)
        for part in new:
            if part.text and part.kind in _SPOKEN:
                if response.first_token is None:
                    response.first_token = elapsed
                if self._dispatch.tokens:
                    token = Token(part.text, part.kind, part.choice, elapsed)
                    if answers := notify_with(self._dispatch.tokens, self.call, token):
                        self._take_up(answers)

    def answer(self, item: Any) -> None:
        """Take in a whole answer and end."""
        self._take_answer(item)
        self.finish()

    def _take_answer(self, item: Any) -> None:
        try:
            delta = self.read(item, self._full)
            usage = None if delta is None else delta.usage
            if self._estimates and not self._full and (usage is None or usage.output is None):
                self._full = True  # only now is it known that the text will have to be counted
                delta = self.read(item, True)
            if delta is not None:
                self.call.response.add(delta, self._full)
        except Exception as error:  # noqa: BLE001  an odd answer must not cost the app its result
            guard.report(f"reading the answer of {self.call.operation}", error)

    def retry(self, cause: str, wait: float) -> None:
        """Take note that the client will try again."""
        self.call.retries.append(Retry(len(self.call.retries) + 1, cause, wait, time.time_ns()))

    # -- the end -----------------------------------------------------------------------------------------------

    @property
    def needs_text(self) -> bool:
        """Whether anybody reads what is said in this call."""
        return self._full

    @property
    def ended(self) -> bool:
        """Whether the end has been told; also true of a call that has not begun, or was refused, and so has no end."""
        return not self._open

    def finish(self) -> None:
        """End: the answer was read to its end. It may still say that the model failed."""
        if self.rest is not None:
            self._read_rest(self.rest)
        failure = self.call.response.failure
        if failure is None:
            self._end(Outcome.COMPLETED)
            return
        outcome = Outcome.CANCELLED if failure.type == CANCELLED_BY_PROVIDER else Outcome.ERROR
        self._end(outcome, failure, failure.exception or ProviderError(failure))

    def _read_rest(self, rest: Callable[[], Delta | None]) -> None:
        try:
            delta = rest()
            if delta is not None:
                self.call.response.add(delta, self._full)
        except Exception as error:  # noqa: BLE001  an odd stream must still have its end
            guard.report(f"reading the end of {self.call.operation}", error)

    def abandon(self) -> None:
        """End: the reader stopped. If the model had said all it would, that is completion."""
        if self.ended:
            return
        if self.call.asynchronous and being_cancelled(self.reader):
            self.fail(sys.modules["asyncio"].CancelledError())
        elif self.call.response.failure or self.call.response.finished(self.call.choices):
            self.finish()
        else:
            self._end(Outcome.ABANDONED)

    def pause(self) -> bool:
        """Whether the call goes on although a loop over its stream was left, for its counts have not come yet.

        A reader that leaves at the finish reason may loop once more for the counts. If it does not, the call has lasted
        until here.
        """
        response = self.call.response
        stated = response.usage is not None and bool(response.usage.total)
        if not self.awaits_usage or stated or response.last or response.failure is not None:
            return False
        if self.ended or not response.finished(self.call.choices):
            return False
        if self.call.asynchronous and being_cancelled(self.reader):
            return False
        if self._left is None or self._left[0] != response.chunks:
            self._left = response.chunks, time.perf_counter()
        return True

    def leave_loop(self) -> None:
        """End, unless the counts that the stream was asked for are still to come: a loop over it was left."""
        if not self.pause():
            self.drop()

    def drop(self) -> None:
        """End: the reader is gone, by `break`, by an exception of its own, or because its task was cancelled."""
        self.abandon()
        self.hand_off()

    def hand_off(self) -> None:
        """Nobody is here to await handlers that asked for it, so they get a task of their own."""
        for waiting in self.awaitables:
            loop = running_loop()
            if loop is None:
                waiting.close()
            else:
                loop.create_task(waiting)
        self.awaitables.clear()

    def fail(self, error: BaseException) -> None:
        """End: the call raised. What is no `Exception` (cancellation, an interrupt) is a cancelled call."""
        if self.ended:
            return
        failure = None
        if isinstance(error, Exception):
            try:
                failure = self._explained(error)
            except Exception as fault:  # noqa: BLE001  an odd error must reach the app as it is
                guard.report(f"reading an error of {self.call.operation}", fault)
        failure = failure or Failure(qualified(type(error)), said(error), exception=error)
        self._end(
            Outcome.ERROR if isinstance(error, Exception) else Outcome.CANCELLED, failure, error
        )

    def _explained(self, error: Exception) -> Failure | None:
        """Why the call failed: the provider's reason, or `None` where the exception is all that there is."""
        answer = None if self.answer_of is None else self.answer_of(error)
        if answer is None:
            return None if self.explain is None else self.explain(error)
        # it was answered, and billed; only what the client made of that raised
        self._take_answer(answer)
        return self.call.response.failure

    def _end(
        self, outcome: Outcome, failure: Failure | None = None, error: BaseException | None = None
    ) -> None:
        try:
            self._open.pop()
        except IndexError:
            return  # somebody else ended it, or it never began
        open_observations.discard(self)
        call = self.call
        ended = time.perf_counter() if self._left is None else self._end_time(self._left)
        call.duration = ended - call.started
        call.outcome, call.failure = outcome, failure
        thread = threading.get_ident()
        if self._deferred or thread in telling:
            reentry.run_later(partial(self._conclude, failure, error))
            return
        telling.add(thread)
        try:
            self._conclude(failure, error)
        finally:
            telling.discard(thread)

    def _conclude(self, failure: Failure | None, error: BaseException | None) -> None:
        call = self.call
        pending = self._pending_call() if "background" in call.parameters else None
        if pending is None and (self._estimates or self.reservation is not None):
            self._settle()
        self._tell_end(error)
        if pending is not None:
            pending_calls.add(pending)
        elif "fetched" in call.response.details:
            pending_calls.end(
                call.response.id, call.response.details["fetched"], self._dispatch.background_ends
            )
        if failure is not None and failure.exception is not None:
            # its traceback refers to frames that refer to this call: what the app has let go of must not wait for the
            # garbage collector
            call.failure = replace(failure, exception=None)
        if self._full and not self._dispatch.wants_text:
            call.response.forget_text()  # the handlers that export it have made their copies of it
        if call.estimate is not None:
            estimator.run(call, call.estimate)

    def _tell_end(self, error: BaseException | None) -> None:
        call = self.call
        if self.scope.counters and call.uses_tokens:
            notify([("count_tokens", counter.add) for counter in self.scope.counters], call)
        if error is None:
            answers = notify_with(self._dispatch.ends, call, call.response)
        else:
            answers = notify_with(self._dispatch.errors, call, error)
        if answers:
            self._take_up(answers)

    def _settle(self) -> None:
        """Look at what is to be estimated of the call, and tell its budgets what it has used."""
        if self._estimates:
            self._begin_estimate()
        if self.reservation is not None:
            notify_with([("budgets", settle)], self.call, self.reservation)

    def _pending_call(self) -> PendingCall | None:
        """The call as one that the provider goes on with in the background, if it is one; its counts come later."""
        call, response = self.call, self.call.response
        if response.usage is not None or response.id is None:
            return None
        if response.last or response.failure is not None:
            return None
        response.pending = True
        return PendingCall(call, self.scope.counters, self.reservation)

    def _end_time(self, left: tuple[int, float]) -> float:
        """Return when the reader had what it wanted: now, or when it left the loop after which it read no more."""
        chunks, moment = left
        return moment if chunks == self.call.response.chunks else time.perf_counter()

    def _begin_estimate(self) -> None:
        try:
            self.call.estimate = estimator.begin(self.call, text_kept=self._full)
        except Exception as error:  # noqa: BLE001  an odd request must not keep the call from its end
            guard.report(f"looking at the messages of {self.call.operation}", error)


active = ContextVar("callspan-active", default=None)


def end_all(timeout: float = 0.0) -> bool:
    """End what is still open, at exit, for the reader has stopped; then wait for what runs in the background."""
    for observation in list(open_observations):
        observation.abandon()
    return heard(timeout)


def forget_all() -> None:
    """In a child after a fork: what is open belongs to the parent, which will tell its end."""
    for observation in list(open_observations):
        observation._open.clear()
        if observation.reservation is not None:
            give_back(observation.reservation)
    open_observations.clear()
    pending_calls.clear()


__all__ = ["Observation", "active", "end_all", "forget_all", "open_observations"]
