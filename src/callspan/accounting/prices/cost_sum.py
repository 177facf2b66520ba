"""A sum of costs that is worked out when it is read: a program that never asks never loads a price."""

from __future__ import annotations

from callspan.accounting.prices.priced_call import PricedCall
from callspan.accounting.prices.table import in_force
from callspan.runtime.process import own_lock

WAITING = 1000
"""Charges that wait to be worked out; each time that so many more have come they are, in the background."""


class CostSum:
    """Costs of many calls; those that are unknown are counted, never taken for 0."""

    def __init__(self) -> None:
        self._lock = own_lock(self)
        self._settling = own_lock(self, "_settling")
        self._waiting: list[PricedCall] = []
        self._known = self._unknown = 0
        self._usd = 0.0

    def add(self, item: PricedCall) -> None:
        """Take in the charge of one call."""
        with self._lock:
            self._waiting.append(item)
            many = len(self._waiting) % WAITING == 0
        if many:
            in_force().then(self._settle)

    def replace_unknown(self, item: PricedCall | None) -> None:
        """Put the charge of one call, if there is any, in place of one that was added without its tokens."""
        self._settle()
        with self._settling:
            self._unknown -= 1
        if item is not None:
            self.add(item)

    def _settle(self) -> None:
        """Work out what waits; calls that end meanwhile can be added all the same."""
        with self._settling:
            with self._lock:
                waiting, self._waiting = self._waiting, []
            costs = [in_force().cost(item).usd for item in waiting]
            known = [usd for usd in costs if usd is not None]
            self._known += len(known)
            self._unknown += len(costs) - len(known)
            self._usd += sum(known)

    @property
    def usd(self) -> float | None:
        """US dollars of all calls whose cost is known; `None` if there were calls and no cost is known."""
        self._settle()
        return None if self._unknown and not self._known else self._usd

    @property
    def unknown(self) -> int:
        """The number of calls whose cost is not known."""
        self._settle()
        return self._unknown
