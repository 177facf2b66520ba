"""Budgets at the start of a call and in its stream; what they stop is told to the handlers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from callspan.accounting import reservations
from callspan.accounting.budgets import Budget, BudgetExceeded, Reservation
from callspan.events import Call
from callspan.lifecycle.dispatch import Dispatch, notify_with
from callspan.runtime import guard, reentry


@dataclass(frozen=True, slots=True)
class Admission:
    """The budgets that may refuse a call or stop its stream.

    Attributes:
        budgets: The budgets, at least one.
        size: Estimates the tokens of the request.
    """

    budgets: tuple[Budget, ...]
    size: Callable[[], int] = int


def admit(
    call: Call, budgets: tuple[Budget, ...], size: Callable[[], int], dispatch: Dispatch
) -> Reservation | None:
    """Reserve in all budgets the amounts that a call may need, before it is sent.

    `size` estimates the tokens of the request. Raises `BudgetExceeded`, after the handlers have
    been notified, where too little is left.
    """
    try:
        return reservations.admit(call, budgets, size)
    except BudgetExceeded as stop:
        # a signal handler's call may be refused while its thread notifies of another call
        reentry.run(partial(notify_with, dispatch.stops, call, stop))
        raise
    except Exception as error:  # noqa: BLE001  an odd request must not keep the app from its model
        # without a reservation the call goes on as if there were no budget
        guard.report("looking at budgets", error)
    return None


def admit_begun(admission: Admission) -> Reservation:
    """Return a reservation of nothing for a call that the provider has begun by itself.

    No budget can refuse it any more, but the amounts that it uses count.
    """
    for budget in admission.budgets:
        # counts it as a call, unless the budget is used up, which its amounts show as well
        with contextlib.suppress(BudgetExceeded):
            budget.reserve(0, 0.0)
    return Reservation(admission.budgets, 0, 0, 0.0)


def watch(call: Call, reservation: Reservation, dispatch: Dispatch) -> None:
    """Reserve more for a stream that has become longer than expected.

    Raises `BudgetExceeded`, after the handlers have been notified, where a budget stops the
    stream. A budget with `in_stream="warn"` logs one line instead.
    """
    try:
        stop = reservations.watch(call, reservation)
    except Exception as error:  # noqa: BLE001  our fault must not cost the app its stream
        guard.report("watching budgets", error)
        return
    if stop is None:
        return
    reentry.run(partial(notify_with, dispatch.stops, call, stop))
    if stop.budget.in_stream == "raise":
        # the caller closes the client's stream, sync or async: nothing is waited for here
        raise stop
    # the handlers are notified once for each stream: `reservations.watch` leaves the budget out
    reservation.warned.add(stop.budget)
    # without the amount, which differs in each stream: the line is logged once for a budget
    limit = f"{stop.limit:.6g} {stop.unit}"
    guard.say_once(f"a stream goes on beyond {stop.budget.name}, which allows {limit}")
