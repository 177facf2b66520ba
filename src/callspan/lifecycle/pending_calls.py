"""Calls that a provider goes on working at in the background, until somebody fetches what has come of them.

Such a call ends for its caller without token counts. They are told where its response is fetched by its id, perhaps
many times and from many threads; the first that knows the end settles the call, and no other.
"""

from __future__ import annotations

from typing import Any

from callspan.accounting.budgets import Reservation
from callspan.accounting.reservations import settle
from callspan.events import Call, Fetched, Outcome
from callspan.lifecycle.dispatch import NamedMethod, notify, notify_with
from callspan.runtime.process import own_lock

MOST_CALLS = 1000
"""Calls that are waited for; when more are begun, the oldest keeps what is known of it."""
_OUTCOMES = {
    "completed": Outcome.COMPLETED,
    "incomplete": Outcome.COMPLETED,
    "failed": Outcome.ERROR,
    "cancelled": Outcome.CANCELLED,
}


class PendingCall:
    """One call, without its content, and all who are to know what it has used.

    `counters` are those of the blocks in which it began, `reservation` is what it has reserved in
    budgets, `earlier_outcome` is how it ended for its caller, and `model` the name by which it was
    counted then.
    """

    __slots__ = ("call", "counters", "earlier_outcome", "model", "reservation")

    def __init__(
        self, call: Call, counters: tuple[Any, ...], reservation: Reservation | None
    ) -> None:
        self.earlier_outcome = call.outcome
        self.model = call.response.model or call.model
        self.call = call.without_content()
        self.counters = counters if call.uses_tokens else ()
        self.reservation = reservation

    def settle(self) -> None:
        """Tell budgets and counters what the call has used, as far as that is known."""
        if self.reservation is not None:
            notify_with([("budgets", settle)], self.call, self.reservation)

    def end(self, fetched: Fetched, handlers: list[NamedMethod]) -> None:
        """Settle the call by its fetched response."""
        self.call.outcome = _OUTCOMES.get(fetched.status or "", Outcome.COMPLETED)
        self.call.response.usage = fetched.usage
        self.call.response.details.update(fetched.details)
        self.settle()
        notify([("count_tokens", counter.settle) for counter in self.counters], self)
        notify_with(handlers, self.call, self.call.response)


class PendingCalls:
    """All calls of the process that are not settled, by the ids of their responses."""

    def __init__(self) -> None:
        self._lock = own_lock(self)
        self._calls: dict[str, PendingCall] = {}

    def add(self, pending: PendingCall) -> None:
        """Wait for a call, in place of the oldest one if there are too many."""
        identity = pending.call.response.id or ""
        with self._lock:
            known = self._calls.pop(identity, None)
            oldest = next(iter(self._calls)) if len(self._calls) >= MOST_CALLS else None
            replaced = [known, None if oldest is None else self._calls.pop(oldest)]
            self._calls[identity] = pending
        for each in replaced:
            if each is not None:
                each.settle()

    def end(self, identity: str | None, fetched: Fetched, handlers: list[NamedMethod]) -> None:
        """Settle the call whose response was fetched, if it is one of these and has come to its end."""
        if fetched.usage is None and fetched.status not in _OUTCOMES:
            return
        with self._lock:
            pending = self._calls.pop(identity or "", None)
        if pending is not None:
            pending.end(fetched, handlers)

    def clear(self) -> None:
        """Forget all: in a child after a fork they are the parent's."""
        self._calls = {}


pending_calls = PendingCalls()
