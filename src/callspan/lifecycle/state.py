"""The data of an observation, and the objects that handlers leave with it at the start of a call."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from types import CoroutineType
from typing import Any

from callspan.accounting.budgets import Budget, Reservation
from callspan.events import Call, Delta, Failure
from callspan.lifecycle.dispatch import Dispatch
from callspan.runtime import guard
from callspan.runtime.background import running_loop
from callspan.runtime.scope import Scope

Item = Any
"""A provider's object: a chunk or a whole answer, as a dict or as a client's model."""
Reader = Callable[[Item, bool], "Delta | None"]
"""Turns a provider's object into a `Delta`; the second argument says whether text is needed."""


class ObservationState:
    """The data of one observation. `Observation` adds the events that change it.

    The hook or framework that opens the call sets these, before `start`:

    Attributes:
        call: The call that is observed.
        dispatch: The handlers to notify.
        scope: Handlers, counters and budgets of the blocks around the call.
        read: Turns one chunk or one whole answer into a `Delta`.
        explain: Turns an exception of the client's into a `Failure`.
        answer_of: Returns the answer that an exception carries, where the client received one but
            could not make it into the object that the app wanted.
        hides: Whether a chunk is only there because callspan requested it.
        skips: Whether an item of a stream is no chunk.
        rest: Returns facts that the client knows at the end of a stream and has put in no chunk.
        start_context: The OpenTelemetry context of the call, where it is not the current one.
        budgets: The budgets that may refuse the call or stop its stream.
        size: Estimates the tokens of the request, for the budgets.
        estimates: Whether to estimate token counts that the provider leaves out.
        asks_usage: Whether to ask the provider for token counts in a stream.
        awaits_usage: Whether the token counts of a stream come after its finish reason.

    These change while the call runs:

    Attributes:
        reservation: The amounts that the budgets have reserved for the call.
        needs_text: Whether anybody reads the text of the answer.
        inside: Whether code of the client's is reading the stream at this moment.
        reader: The task that reads the stream, where another one may close it.
        failed_attempt: Cause and time of an attempt that failed, until the client tries again.
        awaitables: Coroutines of handlers that the call itself has to await.
    """

    __slots__ = (
        "__weakref__",
        "_active_token",
        "_context_tokens",
        "_contexts",
        "_held_end",
        "_is_deferred",
        "_open",
        "answer_of",
        "asks_usage",
        "awaitables",
        "awaits_usage",
        "budgets",
        "call",
        "dispatch",
        "estimates",
        "explain",
        "failed_attempt",
        "hides",
        "inside",
        "needs_text",
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
        self.answer_of: Callable[[BaseException], Item] | None = None
        self.hides: Callable[[Item], bool] | None = None
        self.skips: Callable[[Item], bool] | None = None
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
        self.dispatch = dispatch
        self.estimates = estimates
        self.needs_text = (
            dispatch.wants_text or call.capture is not None or (estimates and call.stream)
        )
        self._context_tokens: list[Any] = []
        self._contexts: list[AbstractContextManager[Any]] = []
        # One item while the call is open. `pop` is atomic, so of two threads that end a call at
        # the same moment only one gets it; a flag would need a lock.
        self._open: list[bool] = []
        self._active_token: Any = None
        self._is_deferred = False
        self._held_end: tuple[int, float] | None = None

    @property
    def ended(self) -> bool:
        """Whether the end has been told; also for a call that was refused or has not begun."""
        return not self._open

    def hold_end(self) -> None:
        """Take this moment for the end of the call, unless more of its answer is read."""
        self._held_end = self.call.response.chunks, time.perf_counter()

    def keep_answers(self, answers: list[Any]) -> None:
        """Keep coroutines of handlers for the call to await, and enter their context managers."""
        for answer in answers:
            if isinstance(answer, CoroutineType):
                self.awaitables.append(answer)
            elif self._active_token is None and hasattr(type(answer), "__exit__"):
                self._enter(answer)

    def _enter(self, context: AbstractContextManager[Any]) -> None:
        try:
            context.__enter__()
            self._contexts.append(context)
        except Exception as error:  # noqa: BLE001  a handler's fault is never the app's
            guard.report(f"entering {type(context).__name__}", error)

    def _exit_contexts(self) -> None:
        while self._contexts:
            context = self._contexts.pop()
            try:
                context.__exit__(None, None, None)
            except Exception as error:  # noqa: BLE001  a handler's fault is never the app's
                guard.report(f"leaving {type(context).__name__}", error)

    async def await_handlers(self) -> None:
        """Await the handlers that the call itself has to await (`inline = True`)."""
        while self.awaitables:
            waiting = self.awaitables.pop(0)
            try:
                await waiting
            except Exception as error:  # noqa: BLE001  a handler's fault is never the app's
                guard.report(f"{waiting.__qualname__}", error)

    def hand_off(self) -> None:
        """Run the handlers to be awaited as tasks, where no code of the call's is left to await."""
        for waiting in self.awaitables:
            loop = running_loop()
            if loop is None:
                waiting.close()
            else:
                loop.create_task(waiting)
        self.awaitables.clear()

    def forget(self) -> None:
        """Drop the call without an end: in a forked child, where it belongs to the parent."""
        self._open.clear()
