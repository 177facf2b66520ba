"""A sum of costs that is worked out when it is read: a program that never asks never loads a price."""

from __future__ import annotations

from callspan.prices.table import Charge, in_force
from callspan.process import own_lock

WAITING = 1000
"""Charges that wait to be worked out; when there are more they are, in the path of whoever adds the next one."""


class Bill:
    """Costs of many calls; those that are unknown are counted, never taken for 0."""

    def __init__(self) -> None:
        self._lock = own_lock(self)
        self._waiting: list[Charge] = []
        self._known = self._unknown = 0
        self._usd = 0.0

    def add(self, item: Charge) -> None:
        """Take in the charge of one call."""
        with self._lock:
            self._waiting.append(item)
            if len(self._waiting) >= WAITING:
                self._settle()

    def _settle(self) -> None:
        prices, waiting, self._waiting = in_force(), self._waiting, []
        for item in waiting:
            cost = prices.cost(item)
            if cost.usd is None:
                self._unknown += 1
            else:
                self._known += 1
                self._usd += cost.usd

    @property
    def usd(self) -> float | None:
        """US dollars of all calls whose cost is known; `None` if there were calls and no cost is known."""
        with self._lock:
            self._settle()
            return None if self._unknown and not self._known else self._usd

    @property
    def unknown(self) -> int:
        """The number of calls whose cost is not known."""
        with self._lock:
            self._settle()
            return self._unknown
