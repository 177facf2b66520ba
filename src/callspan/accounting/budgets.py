"""Limits for a block, a client or the process, which stop calls before they are sent.

A call that runs reserves an amount (reservations.py); its end puts the true one in its place.
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
    """A budget did not let a call be sent, or stopped a stream.

    Attributes:
        budget: The budget.
        unit: The unit of its limit: `usd`, `tokens`, `calls` or `seconds`.
        spent: The amount that is spent or reserved, in that unit.
        limit: The limit, in that unit.
    """

    def __init__(self, budget: Budget, unit: str, spent: float) -> None:
        self.budget, self.unit, self.spent = budget, unit, spent
        self.limit: float = budget.limits[unit]
        shown = f"{spent:.6g} of {self.limit:.6g} {unit}"
        super().__init__(
            f"{budget.name}: {shown} spent or reserved, and the call may need more than is left"
        )


class Reservation:
    """The amounts that one call has reserved in its budgets, until its end."""

    __slots__ = ("budgets", "input", "output", "usd", "warned")

    def __init__(
        self, budgets: Iterable[Budget], input_tokens: int, output_tokens: int, usd: float
    ) -> None:
        self.budgets = tuple(budgets)
        self.input = input_tokens
        self.output = output_tokens
        self.usd = usd
        self.warned: set[Budget] = set()


class Budget:
    """Limits that hold in a `with` block, for a client (`attach`) or for the process (`instrument(budget=...)`).

    Amounts stay spent when the block is entered again.

    Attributes:
        limits: The limits by unit.
        spent: The amounts that ended calls have used, by unit.
        unknown_calls: The number of calls whose price is unknown.
        sized: Whether the budget needs the size of a request.
    """

    def __init__(
        self, limits: dict[str, float], name: str, in_stream: str, soft: _SoftLimit | None
    ) -> None:
        self.limits, self.name, self.in_stream = limits, name, in_stream
        self.sized = "tokens" in limits or "usd" in limits
        self.spent: dict[str, float] = dict.fromkeys(("usd", "tokens", "calls"), 0)
        self.unknown_calls = 0
        self._soft = soft
        self._reserved: dict[str, float] = {"usd": 0.0, "tokens": 0}
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
        """Reserve the amounts that a call needs, or raise `BudgetExceeded` and reserve nothing."""
        spent, reserved = self.spent, self._reserved
        with self._lock:
            unit = self._over(tokens, usd, 1)
            if unit is None:
                spent["calls"] += 1
                reserved["tokens"] += tokens
                reserved["usd"] += usd
                return
            used = self.elapsed if unit == "seconds" else spent[unit] + reserved.get(unit, 0)
        raise BudgetExceeded(self, unit, used)

    def _over(self, tokens: float, usd: float, calls: int) -> str | None:
        """Return the unit in which further amounts would pass the limit; `None` if they fit."""
        limits, spent, reserved = self.limits, self.spent, self._reserved
        if "calls" in limits and spent["calls"] + calls > limits["calls"]:
            return "calls"
        if "tokens" in limits and spent["tokens"] + reserved["tokens"] + tokens > limits["tokens"]:
            return "tokens"
        if "usd" in limits and spent["usd"] + reserved["usd"] + usd > limits["usd"] + _TINY:
            return "usd"
        if "seconds" in limits and self.elapsed >= limits["seconds"]:
            return "seconds"
        return None

    @property
    def elapsed(self) -> float:
        """Seconds since the first block was entered, or the first call made."""
        return time.monotonic() - self._begin()

    def grow(self, tokens: int, usd: float) -> BudgetExceeded | None:
        """Reserve more for a stream, and return the error to raise if that is more than there is."""
        with self._lock:
            self._reserved["tokens"] += tokens
            self._reserved["usd"] += usd
            unit = self._over(0, 0.0, 0)
            if unit is None:
                return None
            used = (
                self.elapsed
                if unit == "seconds"
                else self.spent[unit] + self._reserved.get(unit, 0)
            )
        return BudgetExceeded(self, unit, used)

    def release(self, reservation: Reservation, *, call: bool = False) -> None:
        """Release a reservation; with `call` also the call, which another budget has refused."""
        with self._lock:
            self._reserved["tokens"] -= reservation.input + reservation.output
            self._reserved["usd"] -= reservation.usd
            self.spent["calls"] -= call

    def settle(self, reservation: Reservation, tokens: int, usd: float | None) -> None:
        """Put the used amounts in place of the reserved ones; `usd` is `None` for an unknown cost."""
        with self._lock:
            self._reserved["tokens"] -= reservation.input + reservation.output
            self._reserved["usd"] -= reservation.usd
            self.spent["tokens"] += tokens
            self.spent["usd"] += usd or 0.0
            self.unknown_calls += usd is None
            soft = self._soft
            is_reached = soft is not None and soft.reached(self)
        if soft is not None and is_reached:
            soft.notify(self)  # without the lock: the app's function may use the budget


class _SoftLimit:
    """A share of the limits at which a handler is called, once."""

    __slots__ = ("_handler", "_is_reached", "_share")

    def __init__(self, share: float, handler: Callable[[Budget], object]) -> None:
        self._share, self._handler, self._is_reached = share, handler, False

    def reached(self, budget: Budget) -> bool:
        if self._is_reached:
            return False
        spent = {**budget.spent, "seconds": budget.elapsed}
        self._is_reached = any(
            spent[unit] >= self._share * limit for unit, limit in budget.limits.items()
        )
        return self._is_reached

    def notify(self, budget: Budget) -> None:
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
    """Create a budget; a call that would pass one of its limits is not sent.

    Args:
        usd: The limit in US dollars. It loads prices, which takes most of a second the first time.
        tokens: The limit in input and output tokens together.
        calls: The limit in calls.
        seconds: The limit in seconds since the first block or call.
        name: The name in errors, events and metrics.
        in_stream: `"raise"` closes a stream that passes a limit, and raises from its next step;
            `"warn"` logs a warning and lets it go on.
        soft: The share of a limit at which `on_soft` is called, above 0 and up to 1.
        on_soft: A function that is called once with the budget.

    Returns:
        The budget, to use in a `with` block, in `attach` or in `instrument`.

    Raises:
        SettingsError: A limit or another argument is not valid.
    """
    arguments = {"usd": usd, "tokens": tokens, "calls": calls, "seconds": seconds}
    limits: dict[str, float] = {}
    for unit, value in arguments.items():
        if value is not None:
            limits[unit] = _limit(unit, value)
    if not limits:
        raise SettingsError(f"a budget needs a limit: give one of {', '.join(UNITS)}")
    if in_stream not in ("raise", "warn"):
        raise SettingsError(f'in_stream is {in_stream!r}: use "raise" or "warn"')
    if not 0 < soft <= 1:
        raise SettingsError(f"soft is {soft!r}: it is a share of the limits, such as 0.8")
    if "usd" in limits:
        in_force().load()
    soft_limit = None
    if on_soft is not None:
        soft_limit = _SoftLimit(soft, on_soft)
    return Budget(limits, name, in_stream, soft_limit)


def _limit(unit: str, value: object) -> float:
    """Return a limit that is a finite number of 0 or more; raises `SettingsError` for others."""
    message = f"the budget's limit in {unit} is {value!r}: give a number, 0 or more"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise SettingsError(message)
    if not math.isfinite(value) or value < 0:
        raise SettingsError(message)
    return value
