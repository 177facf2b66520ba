"""Calls that a provider goes on working at in the background, until somebody fetches the result.

Such a call ends for its caller without token counts. They arrive where its response is fetched by
its id, perhaps many times and from many threads; the first fetch with the end settles the call,
and no other.
"""

from __future__ import annotations

from typing import Any

from callspan.accounting.budgets import Reservation
from callspan.accounting.prices.priced_call import price_call
from callspan.accounting.reservations import give_back, settle
from callspan.events import Call, Fetched, Outcome
from callspan.lifecycle.dispatch import NamedMethod, notify, notify_with
from callspan.runtime.process import own_lock

MOST_CALLS = 1000
"""The most calls that are waited for; beyond them the oldest is settled without its counts."""
# the statuses of OpenAI's responses that are final; `queued` and `in_progress` are not
_OUTCOMES = {
    "completed": Outcome.COMPLETED,
    "incomplete": Outcome.COMPLETED,
    "failed": Outcome.ERROR,
    "cancelled": Outcome.CANCELLED,
}


class PendingCall:
    """One call without its content, and the counters and budgets that wait for its token counts.

    Attributes:
        counters: The token counters of the blocks in which the call began.
        reservation: The amounts that budgets have reserved for it.
        earlier_outcome: How it ended for its caller.
        earlier_priced_call: The priced call that the counters have added then.
        model: The name under which it was counted then.
    """

    __slots__ = (
        "call",
        "counters",
        "earlier_outcome",
        "earlier_priced_call",
        "model",
        "reservation",
    )

    def __init__(
        self, call: Call, counters: tuple[Any, ...], reservation: Reservation | None
    ) -> None:
        self.earlier_outcome = call.outcome
        self.earlier_priced_call = price_call(call)
        self.model = call.response.model or call.model
        # it may wait until the process ends, and must not keep the app's messages so long
        self.call = call.without_content()
        self.counters = counters if call.uses_tokens else ()
        self.reservation = reservation

    def settle(self) -> None:
        """Put the amounts that the call has used, as far as they are there, into its budgets."""
        if self.reservation is not None:
            notify_with([("budgets", settle)], self.call, self.reservation)

    def end(self, fetched: Fetched, handlers: list[NamedMethod]) -> None:
        """Settle the call by its fetched response, and notify counters and handlers."""
        self.call.outcome = _OUTCOMES.get(fetched.status or "", Outcome.COMPLETED)
        self.call.response.usage = fetched.usage
        self.call.response.details.update(fetched.details)
        self.settle()
        notify([("count_tokens", counter.complete) for counter in self.counters], self)
        notify_with(handlers, self.call, self.call.response)


class PendingCalls:
    """All calls of the process that are not settled, by the ids of their responses."""

    def __init__(self) -> None:
        self._lock = own_lock(self)
        self._calls: dict[str, PendingCall] = {}

    def add(self, pending: PendingCall) -> None:
        """Wait for a call, in place of the oldest one if there are too many."""
        identity = pending.call.response.id or ""
        replaced: list[PendingCall] = []
        with self._lock:
            # an id that comes twice: nobody would ever settle the earlier call
            earlier = self._calls.pop(identity, None)
            if earlier is not None:
                replaced.append(earlier)
            if len(self._calls) >= MOST_CALLS:
                # a dict keeps the order in which its keys came
                oldest = next(iter(self._calls))
                replaced.append(self._calls.pop(oldest))
            self._calls[identity] = pending
        # not under our lock, as budgets take locks of their own
        for each in replaced:
            each.settle()

    def end(self, identity: str | None, fetched: Fetched, handlers: list[NamedMethod]) -> None:
        """Settle the call with this response id, if it waits here and has come to its end."""
        # the provider is still at work; a later fetch will have the end
        if fetched.usage is None and fetched.status not in _OUTCOMES:
            return
        with self._lock:
            # whoever takes the call out settles it, so two fetches at once count it once
            pending = self._calls.pop(identity or "", None)
        if pending is not None:
            pending.end(fetched, handlers)

    def clear(self) -> None:
        """Drop all calls, and what they had reserved: in a forked child they are the parent's."""
        calls, self._calls = self._calls, {}
        for pending in calls.values():
            if pending.reservation is not None:
                give_back(pending.reservation)


pending_calls = PendingCalls()
