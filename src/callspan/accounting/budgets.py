"""Limits for a block, a client or the process, which stop calls before they are sent.

What is in flight is reserved (reservations.py). The end of the call puts the true amounts in its place.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from typing import Any

from callspan.accounting.prices.table import in_force
from callspan.runtime import guard
from callspan.runtime.errors import SettingsError
from callspan.runtime.process import own_lock
from callspan.runtime.scope import current, leave, put

UNITS = ("usd", "tokens", "calls", "seconds")
_TINY = 1e-12
"""US dollars by which sums of floats may be off."""


class BudgetExceeded(Exception):
    """A call that was not sent, or a stream that was stopped; `spent` and `limit` are in `unit`."""

    def __init__(self, budget: Budget, unit: str, spent: float) -> None:
        self.budget, self.unit, self.spent = budget, unit, spent
        self.limit: float = budget.limits[unit]
        shown = f"{spent:.6g} of {self.limit:.6g} {unit}"
        super().__init__(
            f"{budget.name}: {shown} spent or reserved, and the call may need more than is left"
        )


class Reservation:
    """What one call has reserved in its budgets, until its end says what it has used."""

    __slots__ = ("budgets", "input", "output", "usd", "warned")

    def __init__(self, budgets: Iterable[Budget], sent: int, said: int, usd: float) -> None:
        self.budgets = tuple(budgets)
        self.input, self.output, self.usd = sent, said, usd
        self.warned: set[Budget] = set()


class Budget:
    """Limits that hold in a `with` block, for a client (`attach`) or for the process (`instrument(budget=...)`).

    `spent` has what ended calls have used, by unit; `unknown_calls` those whose price nobody knows. What is spent stays
    spent when the block is entered again.
    """

    def __init__(
        self, limits: dict[str, float], name: str, in_stream: str, soft: _Soft | None
    ) -> None:
        self.limits, self.name, self.in_stream = limits, name, in_stream
        self.sized = "tokens" in limits or "usd" in limits
        self.spent: dict[str, float] = dict.fromkeys(("usd", "tokens", "calls"), 0)
        self.unknown_calls = 0
        self._soft = soft
        self._held: dict[str, float] = {"usd": 0.0, "tokens": 0}
        self._lock = own_lock(self)
        self._began: float | None = None
        self._marks: list[Any] = []

    def __enter__(self) -> Budget:
        self._begin()
        mark = put(current().plus(budgets=(self,)))
        with self._lock:
            self._marks.append(mark)
        return self

    def __exit__(self, *_: object) -> None:
        with (
            self._lock
        ):  # other tasks may be in their blocks of the same budget: each leaves its own
            for mark in reversed(self._marks):
                if leave(mark):
                    self._marks.remove(mark)
                    return

    def _begin(self) -> float:
        if self._began is None:
            self._began = time.monotonic()
        return self._began

    def reserve(self, tokens: int, usd: float) -> None:
        """Take up what a call will need, or raise `BudgetExceeded` and take up nothing."""
        spent, held = self.spent, self._held
        with self._lock:
            unit = self._over(tokens, usd, 1)
            if unit is None:
                spent["calls"] += 1
                held["tokens"] += tokens
                held["usd"] += usd
                return
            used = self.elapsed if unit == "seconds" else spent[unit] + held.get(unit, 0)
        raise BudgetExceeded(self, unit, used)

    def _over(self, tokens: float, usd: float, calls: int) -> str | None:
        """The unit in which so much more would pass the limit."""
        limits, spent, held = self.limits, self.spent, self._held
        if "calls" in limits and spent["calls"] + calls > limits["calls"]:
            return "calls"
        if "tokens" in limits and spent["tokens"] + held["tokens"] + tokens > limits["tokens"]:
            return "tokens"
        if "usd" in limits and spent["usd"] + held["usd"] + usd > limits["usd"] + _TINY:
            return "usd"
        return "seconds" if "seconds" in limits and self.elapsed >= limits["seconds"] else None

    @property
    def elapsed(self) -> float:
        """Seconds since the first block was entered, or the first call made."""
        return time.monotonic() - self._begin()

    def grow(self, tokens: int, usd: float) -> BudgetExceeded | None:
        """Take up what a stream needs beyond its reservation; says if that is more than there is."""
        with self._lock:
            self._held["tokens"] += tokens
            self._held["usd"] += usd
            unit = self._over(0, 0.0, 0)
            if unit is None:
                return None
            used = self.elapsed if unit == "seconds" else self.spent[unit] + self._held.get(unit, 0)
        return BudgetExceeded(self, unit, used)

    def release(self, reservation: Reservation, *, call: bool = False) -> None:
        """Give back what was reserved; with `call` also the call, which another budget has refused."""
        with self._lock:
            self._held["tokens"] -= reservation.input + reservation.output
            self._held["usd"] -= reservation.usd
            self.spent["calls"] -= call

    def settle(self, reservation: Reservation, tokens: int, usd: float | None) -> None:
        """Put what was used in the place of what was reserved."""
        with self._lock:
            self._held["tokens"] -= reservation.input + reservation.output
            self._held["usd"] -= reservation.usd
            self.spent["tokens"] += tokens
            self.spent["usd"] += usd or 0.0
            self.unknown_calls += usd is None
            soft = self._soft if self._soft is not None and self._soft.reached(self) else None
        if soft is not None:
            soft.tell(self)


class _Soft:
    """A share of the limits at which a handler is called, once."""

    __slots__ = ("_handler", "_share", "_told")

    def __init__(self, share: float, handler: Callable[[Budget], object]) -> None:
        self._share, self._handler, self._told = share, handler, False

    def reached(self, budget: Budget) -> bool:
        if self._told:
            return False
        spent = {**budget.spent, "seconds": budget.elapsed}
        self._told = any(
            spent[unit] >= self._share * limit for unit, limit in budget.limits.items()
        )
        return self._told

    def tell(self, budget: Budget) -> None:
        try:
            self._handler(budget)
        except Exception as error:  # noqa: BLE001  a handler's fault is never the app's
            guard.report(f"the soft limit of {budget.name}", error)


def budget(
    *,
    usd: float | None = None,
    tokens: int | None = None,
    calls: int | None = None,
    seconds: float | None = None,
    name: str = "budget",
    in_stream: str = "raise",
    soft: float = 0.8,
    on_soft: Callable[[Budget], object] | None = None,
) -> Budget:
    """A budget; a call that would pass one of its limits raises `BudgetExceeded` and is not sent.

    A stream that passes one is closed and raises from its next step, or with `in_stream="warn"` goes on with a warning.
    `on_soft` is called once with the budget, when the share `soft` of a limit is spent. A limit in `usd` loads prices,
    which takes most of a second the first time.
    """
    given = {"usd": usd, "tokens": tokens, "calls": calls, "seconds": seconds}
    limits = {unit: _limit(unit, value) for unit, value in given.items() if value is not None}
    if not limits:
        raise SettingsError(f"a budget needs a limit: give one of {', '.join(UNITS)}")
    if in_stream not in ("raise", "warn"):
        raise SettingsError(f'in_stream is {in_stream!r}: use "raise" or "warn"')
    if not 0 < soft <= 1:
        raise SettingsError(f"soft is {soft!r}: it is a share of the limits, such as 0.8")
    if "usd" in limits:
        in_force().load()
    return Budget(limits, name, in_stream, _Soft(soft, on_soft) if on_soft is not None else None)


def _limit(unit: str, value: Any) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not math.isfinite(value)
        or value < 0
    ):
        raise SettingsError(f"the budget's limit in {unit} is {value!r}: give a number, 0 or more")
    return value
