"""A sum of costs that is worked out when it is read, so that prices are loaded only then."""

from __future__ import annotations

from callspan.accounting.prices.priced_call import PricedCall
from callspan.accounting.prices.table import in_force
from callspan.runtime.process import own_lock

WAITING = 1000
"""The number of waiting calls at which their cost is worked out, though nobody has read it yet."""


class CostSum:
    """The cost of many calls; calls of unknown cost are counted, never taken for 0."""

    def __init__(self) -> None:
        self._lock = own_lock(self)
        # two locks, as calls must not wait while others are priced
        self._pricing = own_lock(self, "_pricing")
        self._waiting: list[PricedCall] = []
        self._priced = 0
        self._unknown = 0
        self._usd = 0.0

    def add(self, priced_call: PricedCall) -> None:
        """Add one call; its cost is worked out later."""
        with self._lock:
            self._waiting.append(priced_call)
            # every so many, not from so many on: a second job would find nothing to do
            is_due = len(self._waiting) % WAITING == 0
        if is_due:
            in_force().then(self._work_out)

    def replace(self, earlier: PricedCall | None, later: PricedCall | None) -> None:
        """Put a call in place of an earlier state of it; `None` for one that costs nothing."""
        if earlier is not None:
            # it may still wait; only what was added can be taken off
            self._work_out()
            with self._pricing:
                self._take_off(earlier)
        if later is not None:
            self.add(later)

    def add_sum(self, other: CostSum) -> None:
        """Add the costs of other calls, as far as they are known now."""
        self.add_amounts(*other.amounts())

    def amounts(self) -> tuple[int, int, float]:
        """Return the calls of known cost, those of unknown cost, and US dollars."""
        self._work_out()
        with self._pricing:
            return self._priced, self._unknown, self._usd

    def add_amounts(self, priced: int, unknown: int, usd: float) -> None:
        """Add the amounts of another sum, which may be another process's."""
        with self._pricing:
            self._priced += priced
            self._unknown += unknown
            self._usd += usd

    def _take_off(self, priced_call: PricedCall) -> None:
        usd = in_force().cost(priced_call).usd
        if usd is None:
            self._unknown -= 1
        else:
            self._priced -= 1
            self._usd -= usd

    def _work_out(self) -> None:
        """Work out the cost of the calls that wait; others can be added meanwhile."""
        with self._pricing:
            with self._lock:
                # taken in one step, so that each call is priced once, whoever else comes here
                waiting, self._waiting = self._waiting, []
            for priced_call in waiting:
                usd = in_force().cost(priced_call).usd
                if usd is None:
                    self._unknown += 1
                else:
                    self._priced += 1
                    self._usd += usd

    @property
    def usd(self) -> float | None:
        """US dollars of the calls whose cost is known.

        `None` if there were calls and the cost of none is known.
        """
        self._work_out()
        if self._unknown and not self._priced:
            return None
        return self._usd

    @property
    def calls(self) -> int:
        """The number of calls, with those whose cost is not known."""
        self._work_out()
        return self._priced + self._unknown

    @property
    def unknown(self) -> int:
        """The number of calls whose cost is not known."""
        self._work_out()
        return self._unknown
