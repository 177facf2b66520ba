"""The data of an observation, and the objects that handlers leave with it at the start."""

from __future__ import annotations

import sys
import time
import weakref
from collections.abc import Coroutine
from contextlib import AbstractContextManager
from dataclasses import replace
from types import CoroutineType
from typing import Any

from callspan.accounting.budgets import Reservation
from callspan.events import Call, Failure, Retry
from callspan.lifecycle.admission import Admission
from callspan.lifecycle.dispatch import Dispatch
from callspan.lifecycle.reading import Reading
from callspan.runtime import guard
from callspan.runtime.background import running_loop
from callspan.runtime.handler_queue import run_apart
from callspan.runtime.scope import Scope


class ObservationState:
    """The data of one observation. `Observation` adds the events that change it.

    It is complete when it is made; nothing outside of this folder sets an attribute of it.

    Attributes:
        call: The call that is observed.
        dispatch: The handlers to notify.
        scope: Handlers, counters and budgets of the blocks around the call.
        reading: How the answers and the errors of the call are read.
        read: `reading.read`, kept here as each chunk needs it; so are `skips` and `hides`.
        admission: The budgets that may refuse the call or stop its stream, if there are any.
        start_context: The OpenTelemetry context of the call, where it is not the current one.
        estimates: Whether to estimate token counts that the provider leaves out.
        counts_later: Whether they are counted well, in the background; else by the rule of thumb.

    These change while the call runs:

    Attributes:
        reservation: The amounts that the budgets have reserved for the call.
        needs_text: Whether anybody reads the text of the answer.
        inside: Whether code of the client's is reading the stream at this moment.
        reader: The task that reads the stream, where another one may close it.
        awaitables: Coroutines that the call itself has to await: of handlers, and of the reading of a
            large answer.
    """

    __slots__ = (
        # for the finalizers of streams, which must not keep an observation (`streams.on_drop`)
        "__weakref__",
        "_active_token",
        "_context_tokens",
        "_contexts",
        "_failed_attempt",
        "_held_end",
        "_open",
        "admission",
        "awaitables",
        "call",
        "counts_later",
        "dispatch",
        "estimates",
        "hides",
        "inside",
        "is_deferred",
        "needs_text",
        "read",
        "reader",
        "reading",
        "reservation",
        "scope",
        "skips",
        "start_context",
    )

    def __init__(
        self,
        call: Call,
        dispatch: Dispatch,
        scope: Scope,
        reading: Reading,
        estimates: bool,
        counts_later: bool,
        admission: Admission | None,
        start_context: Any,
    ) -> None:
        self.call = call
        self.reading = reading
        self.read = reading.read
        self.hides = reading.hides
        self.skips = reading.skips
        self.scope = scope
        self.admission = admission
        self.start_context = start_context
        self.inside = False
        self.reader: weakref.ref[Any] | None = None
        self.reservation: Reservation | None = None
        self.awaitables: list[Coroutine[Any, Any, Any]] = []
        self.dispatch = dispatch
        self.estimates = estimates
        self.counts_later = counts_later
        # text is read for handlers, for captured content, and for the estimate of a stream's tokens
        self.needs_text = (
            dispatch.wants_text or call.capture is not None or (estimates and call.stream)
        )
        self._context_tokens: list[Any] = []
        self._contexts: list[AbstractContextManager[Any]] = []
        # One item while the call is open. `pop` is atomic, so of two threads that end a call at
        # the same moment only one gets it; a flag would need a lock.
        self._open: list[bool] = []
        self._active_token: Any = None
        self.is_deferred = False
        self._held_end: tuple[int, float] | None = None
        self._failed_attempt: tuple[str, float] | None = None

    @property
    def ended(self) -> bool:
        """Whether the end has been told; also for a call that was refused or has not begun."""
        return not self._open

    def hold_end(self) -> None:
        """Take this moment for the end of the call, unless more of its answer is read."""
        self._held_end = self.call.response.chunks, time.perf_counter()

    def retry(self, cause: str, wait: float) -> None:
        """Record that the client tries again; `wait` is the pause before that in seconds."""
        self.call.retries.append(Retry(len(self.call.retries) + 1, cause, wait, time.time_ns()))

    def begin_attempt(self) -> None:
        """Record a retry if the attempt before this one has failed."""
        if self._failed_attempt is not None:
            cause, since = self._failed_attempt
            self._failed_attempt = None
            self.retry(cause, time.perf_counter() - since)

    def fail_attempt(self, cause: str) -> None:
        """Remember why an attempt failed, until the next one shows that the client tries again."""
        self._failed_attempt = cause, time.perf_counter()

    def expect_error(self, failure: Failure) -> None:
        """Explain the exception that the client is about to raise by the provider's reason."""
        self.reading = replace(
            self.reading, explain=lambda error: replace(failure, exception=error)
        )

    def note_reader(self) -> Any:
        """Note the running task as the one that reads the stream: its cancellation is the call's.

        Returns the task. It is kept by the stream alone, so as not to keep a task with a call.
        """
        task = None
        if running_loop() is not None:
            # not by `current_task()`, which would be one more frame for each chunk
            task = sys.modules["asyncio"].current_task()
        self.reader = None if task is None else weakref.ref(task)
        return task

    def set_reader(self, reader: weakref.ref[Any]) -> None:
        """Set the task whose cancellation is the call's: the reader of an operation around it."""
        self.reader = reader

    def keep_answers(self, answers: list[Any]) -> None:
        """Keep coroutines of handlers for the call to await, and enter their context managers."""
        for answer in answers:
            # of inline handlers alone: others are queued (`dispatch._async_method`)
            if isinstance(answer, CoroutineType):
                self.awaitables.append(answer)
            elif self._active_token is None and hasattr(type(answer), "__exit__"):
                # at the start alone, which sets `_active_token` last: a context entered later would
                # stay in force while the app's code runs
                self._enter(answer)

    def _enter(self, context: AbstractContextManager[Any]) -> None:
        try:
            context.__enter__()
            self._contexts.append(context)
        except Exception as error:  # noqa: BLE001  a handler's fault is never the app's
            guard.report(f"entering {type(context).__name__}", error)

    def _exit_contexts(self) -> None:
        while self._contexts:
            # the last one first, as nested `with` blocks
            context = self._contexts.pop()
            try:
                context.__exit__(None, None, None)
            except Exception as error:  # noqa: BLE001  a handler's fault is never the app's
                guard.report(f"leaving {type(context).__name__}", error)

    async def await_handlers(self) -> None:
        """Await the handlers that the call itself has to await (`inline = True`)."""
        while self.awaitables:
            waiting = self._take_awaitable()
            if waiting is None:
                return
            try:
                await waiting
            except Exception as error:  # noqa: BLE001  a handler's fault is never the app's
                guard.report(f"{waiting.__qualname__}", error)

    def hand_off(self) -> None:
        """Run the handlers to be awaited as tasks, where no code of the call's is left to await."""
        while self.awaitables:
            waiting = self._take_awaitable()
            if waiting is None:
                return
            loop = running_loop()
            if loop is None:
                # so where the garbage collector has found the stream: another thread tells the end
                run_apart(waiting)
            else:
                loop.create_task(waiting)

    def _take_awaitable(self) -> Coroutine[Any, Any, Any] | None:
        """Return the next coroutine to run; `None` if another thread has just taken it.

        A stream that the garbage collector finds is ended by a thread of ours, while its event loop
        closes the client's generator, which ends the call as well.
        """
        try:
            return self.awaitables.pop(0)
        except IndexError:
            return None

    def forget(self) -> None:
        """Drop the call without an end: in a forked child, where it belongs to the parent."""
        self._open.clear()
