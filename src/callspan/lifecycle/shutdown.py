"""The calls that are still open when the process ends, or forks."""

from __future__ import annotations

from callspan.accounting.reservations import give_back
from callspan.lifecycle.observation import open_observations
from callspan.lifecycle.pending_calls import pending_calls


def abandon_all() -> None:
    """Abandon the calls that are still open at exit."""
    for observation in list(open_observations):
        # each end takes its observation out of the set, hence the copy
        observation.abandon()


def forget_all() -> None:
    """Drop all open calls in a forked child: they belong to the parent, which tells their end."""
    for observation in list(open_observations):
        observation.forget()
        # the budgets are copies: in the child's only calls of the child may count
        if observation.reservation is not None:
            give_back(observation.reservation)
    open_observations.clear()
    pending_calls.clear()
