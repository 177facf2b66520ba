"""Limits for a block, a client or the process, which stop calls before they are sent.

A call that runs reserves an amount (reservations.py); its end puts the true one in its place.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, Literal

from callspan.accounting.limits import check_limits
from callspan.accounting.prices.table import in_force
from callspan.accounting.soft_limit import SoftLimit, create_soft_limit
from callspan.runtime.errors import SettingsError
from callspan.runtime.process import own_lock
from callspan.runtime.scope import current, leave, put

InStream = Literal["raise", "warn"]
"""How a budget acts on a stream that passes a limit."""
_CHECKS = ("calls", "tokens", "usd", "seconds")
"""The units in the order in which they are checked; an error names the first that is exceeded."""
_TINY = 1e-12
"""US dollars by which sums of floats may be off."""


class BudgetExceeded(Exception):
    """A budget did not let a call be sent, or stopped a stream at one of its steps.

    Attributes:
        budget: The budget.
        unit: The unit of its limit: `usd`, `tokens`, `calls` or `seconds`.
        spent: The amount that is spent or reserved, in that unit.
        limit: The limit, in that unit.
        model: The model that the call asks; `None` if it names none.
    """

    # the public place, by which `error.type` names it in telemetry too
    __module__ = "callspan"

    def __init__(self, budget: Budget, unit: str, spent: float, model: str | None = None) -> None:
        self.budget = budget
        self.unit = unit
        self.spent = spent
        self.limit: float = budget.limits[unit]
        self.model = model
        share = f"{spent:.6g} of {self.limit:.6g} {unit}"
        call = "the call" if model is None else f"the call of {model}"
        super().__init__(
            f"{budget.name}: {share} spent or reserved, and {call} may need more than is left"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Return a form for pickle, by which process pools hand the error to their parent.

        Over there its budget is a copy with the limits and the amounts of this moment.
        """
        budget = self.budget
        facts = (dict(budget.limits), budget.name, budget.in_stream, dict(budget.spent))
        attributes = {key: value for key, value in vars(self).items() if key != "budget"}
        return _restore_error, (facts, self.unit, self.spent, self.model), attributes


def _restore_error(
    facts: tuple[Any, ...], unit: str, spent: float, model: str | None
) -> BudgetExceeded:
    """Return an error that was pickled, with a copy of its budget."""
    limits, name, in_stream, amounts = facts
    copied = Budget(limits, name, in_stream, None)
    copied.spent.update(amounts)
    return BudgetExceeded(copied, unit, spent, model)


class Reservation:
    """The amounts that one call has reserved in its budgets, until its end.

    Attributes:
        budgets: The budgets in which they are reserved.
        input: Input tokens.
        output: Output tokens; they grow with a stream that is longer than expected.
        usd: US dollars.
        warned: The budgets that have logged a warning of this call's stream.
    """

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
    """Limits for a `with` block, a client (`attach`) or the process (`instrument(budget=...)`).

    `budget()` creates one. A call reserves the amounts that it may need, and its end puts the true
    ones in their place. Amounts stay spent when the block is entered again.

    Attributes:
        limits: The limits by unit: `usd` (US dollars), `tokens`, `calls` and `seconds`.
        name: The name in errors, events and metrics.
        in_stream: How it acts on a stream that passes a limit: `raise` or `warn`.
        spent: The amounts that ended calls have used, by unit.
        unknown_calls: The number of calls whose price is unknown.
        needs_size: Whether the budget needs the size of a request.
    """

    def __init__(
        self,
        limits: dict[str, float],
        name: str,
        in_stream: InStream,
        soft: SoftLimit[Budget] | None,
    ) -> None:
        self.limits = limits
        self.name = name
        self.in_stream = in_stream
        self.needs_size = "tokens" in limits or "usd" in limits
        self.spent: dict[str, float] = dict.fromkeys(("usd", "tokens", "calls"), 0)
        self.unknown_calls = 0
        self._soft = soft
        self._reserved: dict[str, float] = {"usd": 0.0, "tokens": 0}
        self._lock = own_lock(self)
        self._start: float | None = None
        self._blocks: list[Any] = []
        """The tokens by which `leave` undoes each `with` block that is open."""

    def __repr__(self) -> str:
        """Return one short line, as notebooks show it: each limit, with the amount that is spent."""
        shares: list[str] = []
        for unit, limit in self.limits.items():
            used = self.spent.get(unit, 0)
            # to look at a budget must not start its time
            if unit == "seconds" and self._start is not None:
                used = self.elapsed
            shares.append(f"{used:.6g} of {limit:.6g} {unit}")
        return f"<Budget {self.name!r}: {', '.join(shares)} spent>"

    @property
    def sized(self) -> bool:
        """Whether the budget needs the size of a request; the former name of `needs_size`."""
        return self.needs_size

    @property
    def elapsed(self) -> float:
        """Seconds since the first block was entered, or the first call made."""
        return time.monotonic() - self._begin()

    def __enter__(self) -> Budget:
        """Put the budget in force for the calls of a block."""
        self._begin()
        block = put(current().plus(budgets=(self,)))
        with self._lock:
            self._blocks.append(block)
        return self

    def __exit__(self, *_: object) -> None:
        """End the block; amounts stay spent."""
        # Other tasks may be in their own blocks of the same budget. A context variable can only
        # be reset in the context that set it, so the block that `leave` accepts is this task's.
        with self._lock:
            for block in reversed(self._blocks):
                if leave(block):
                    self._blocks.remove(block)
                    return

    def _begin(self) -> float:
        """Return the start of the budget's time in seconds; it starts with the first use."""
        # no lock: two threads that begin at once write nearly the same time
        if self._start is None:
            self._start = time.monotonic()
        return self._start

    def reserve(self, tokens: int, usd: float, model: str | None = None) -> None:
        """Reserve the tokens and US dollars that a call of a model needs.

        Raises `BudgetExceeded`, with nothing reserved, where too little is left.
        """
        spent, reserved = self.spent, self._reserved
        with self._lock:
            unit = self._exceeded_unit(tokens, usd, 1)
            if unit is None:
                # a call counts from here on, so that calls which run at once are all counted
                spent["calls"] += 1
                reserved["tokens"] += tokens
                reserved["usd"] += usd
                return
            used = self._used(unit)
        raise BudgetExceeded(self, unit, used, model)

    def _exceeded_unit(self, tokens: float, usd: float, calls: int) -> str | None:
        """Return the unit in which further amounts would pass the limit; `None` if they fit."""
        limits, spent, reserved = self.limits, self.spent, self._reserved
        for unit in _CHECKS:
            if unit not in limits:
                continue
            limit = limits[unit]
            # Not a table of functions: this runs before each call, and in streams.
            if unit == "calls":
                is_exceeded = spent["calls"] + calls > limit
            elif unit == "tokens":
                is_exceeded = spent["tokens"] + reserved["tokens"] + tokens > limit
            elif unit == "usd":
                is_exceeded = spent["usd"] + reserved["usd"] + usd > limit + _TINY
            else:
                # a limit of 0 seconds lets no call through; amounts may reach their limit
                is_exceeded = self.elapsed >= limit
            if is_exceeded:
                return unit
        return None

    def _used(self, unit: str) -> float:
        """Return the amount that is spent or reserved, in a unit."""
        if unit == "seconds":
            return self.elapsed
        return self.spent[unit] + self._reserved.get(unit, 0)

    def grow(self, tokens: int, usd: float, model: str | None = None) -> BudgetExceeded | None:
        """Reserve more for a stream, and return the error to raise if that passes a limit."""
        with self._lock:
            # in any case, for the provider has produced the tokens
            self._reserved["tokens"] += tokens
            self._reserved["usd"] += usd
            unit = self._exceeded_unit(0, 0.0, 0)
            if unit is None:
                return None
            used = self._used(unit)
        return BudgetExceeded(self, unit, used, model)

    def release(self, reservation: Reservation, *, call: bool = False) -> None:
        """Release a reservation; with `call` also the call, which then does not count as made."""
        with self._lock:
            self._release(reservation)
            if call:
                self.spent["calls"] -= 1

    def settle(self, reservation: Reservation, tokens: int, usd: float | None) -> None:
        """Replace reserved amounts by those that a call has used; `usd` is `None` if unknown."""
        with self._lock:
            self._release(reservation)
            self.spent["tokens"] += tokens
            if usd is None:
                self.unknown_calls += 1
            else:
                self.spent["usd"] += usd
            soft = self._soft
            # under the lock, so that one thread alone sees it reached for the first time
            is_reached = False
            if soft is not None:
                spent = {**self.spent, "seconds": self.elapsed}
                is_reached = soft.reach(self.limits, spent)
        # without the lock, as the app's function may use the budget
        if soft is not None and is_reached:
            soft.notify(self, self.name)

    def _release(self, reservation: Reservation) -> None:
        self._reserved["tokens"] -= reservation.input + reservation.output
        self._reserved["usd"] -= reservation.usd


def budget(
    *,
    usd: float | None = None,
    tokens: int | None = None,
    calls: int | None = None,
    seconds: float | None = None,
    name: str = "budget",
    in_stream: InStream = "raise",
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
    limits = check_limits(usd=usd, tokens=tokens, calls=calls, seconds=seconds)
    if in_stream not in ("raise", "warn"):
        raise SettingsError(f'in_stream is {in_stream!r}: use "raise" or "warn"')
    soft_limit = create_soft_limit(soft, on_soft)
    if "usd" in limits:
        # here, so that no call of the app's waits for it
        in_force().load()
    return Budget(limits, name, in_stream, soft_limit)
