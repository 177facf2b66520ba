"""Limits for a block, a client or the process, which stop calls before they are sent.

What is in flight is reserved: a quarter of the bytes of the input, and `max_tokens` or else the output that the model
usually gives. The end of the call puts the true amounts in its place.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any

from callspan import guard
from callspan.events import Call, Outcome, Usage
from callspan.prices.table import BILLED, Charge, charge, in_force, minute
from callspan.scope import Scope, current, leave, put
from callspan.settings import SettingsError

UNITS = ("usd", "tokens", "calls", "seconds")
STEP = 8
"""A stream looks at its budgets each time that so many chunks have come."""
_MODELS = 200
_TINY = 1e-12
"""US dollars by which sums of floats may be off."""
_usual: dict[str | None, float] = {}
"""The output that a model usually gives, in tokens: a mean in which later calls weigh more."""


class BudgetExceeded(Exception):
    """A call that was not sent, or a stream that was stopped; `spent` and `limit` are in `unit`."""

    def __init__(self, budget: Budget, unit: str, spent: float) -> None:
        self.budget, self.unit, self.spent = budget, unit, spent
        self.limit: float = budget.limits[unit]
        shown = f"{spent:.6g} of {self.limit:.6g} {unit}"
        super().__init__(f"{budget.name}: {shown} spent or reserved, and the call may need more than is left")


class Hold:
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

    def __init__(self, limits: dict[str, float], name: str, in_stream: str, soft: _Soft | None) -> None:
        self.limits, self.name, self.in_stream = limits, name, in_stream
        self.sized = "tokens" in limits or "usd" in limits
        self.spent: dict[str, float] = dict.fromkeys(("usd", "tokens", "calls"), 0)
        self.unknown_calls = 0
        self._soft = soft
        self._held: dict[str, float] = {"usd": 0.0, "tokens": 0}
        self._lock = Lock()
        self._began: float | None = None
        self._marks: list[Any] = []

    def __enter__(self) -> Budget:
        self._begin()
        mark = put(current().plus(budgets=(self,)))
        with self._lock:
            self._marks.append(mark)
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:  # other tasks may be in their blocks of the same budget: each leaves its own
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

    def release(self, hold: Hold, *, call: bool = False) -> None:
        """Give back what was reserved; with `call` also the call, which another budget has refused."""
        with self._lock:
            self._held["tokens"] -= hold.input + hold.output
            self._held["usd"] -= hold.usd
            self.spent["calls"] -= call

    def settle(self, hold: Hold, tokens: int, usd: float | None) -> None:
        """Put what was used in the place of what was reserved."""
        with self._lock:
            self._held["tokens"] -= hold.input + hold.output
            self._held["usd"] -= hold.usd
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
        self._told = any(spent[unit] >= self._share * limit for unit, limit in budget.limits.items())
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
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise SettingsError(f"the budget's limit in {unit} is {value!r}: give a number, 0 or more")
    return value


def admit(call: Call, budgets: tuple[Budget, ...], size: Callable[[], int]) -> Hold | None:
    """Reserve in all budgets what a call may need, or in none and raise `BudgetExceeded`."""
    if call.operation not in BILLED:
        return None
    sent = said = 0
    usd = 0.0
    if any([each.sized for each in budgets]):  # a list, as a generator costs more than all of the rest here
        sent, said = size(), _output(call)
        usd = _price(call, sent, said) if _priced(budgets) else 0.0
    hold = Hold(budgets, sent, said, usd)
    for place, each in enumerate(budgets):
        try:
            each.reserve(sent + said, usd)
        except BudgetExceeded:
            for other in budgets[:place]:
                other.release(hold, call=True)
            raise
    return hold


def give_back(hold: Hold) -> None:
    """Let go of what is reserved for a call that was not made after all, or of which another tells."""
    for each in hold.budgets:
        each.release(hold, call=True)


def _priced(budgets: tuple[Budget, ...]) -> bool:
    return any(["usd" in each.limits for each in budgets])


def _output(call: Call) -> int:
    most = call.parameters.get("max_tokens")
    return most if isinstance(most, int) else int(_usual.get(call.model, 0))


def _price(call: Call, sent: int, said: int) -> float:
    rates = in_force().rates(call.provider, (call.model, None), None, minute(call))
    return rates.plain(sent, said) if rates is not None else 0.0


def watch(call: Call, hold: Hold) -> BudgetExceeded | None:
    """Let a stream that says more than was reserved take up more; the first budget that has no more stops it."""
    more = max(0, call.response.chunks - hold.output)
    usd = _price(call, 0, more) if more and _priced(hold.budgets) else 0.0
    hold.output += more
    hold.usd += usd
    stops = [each.grow(more, usd) for each in hold.budgets]
    return next((stop for stop in stops if stop is not None and stop.budget not in hold.warned), None)


def settle(call: Call, hold: Hold) -> None:
    """Charge the budgets with what the call has used."""
    tokens, usd = _used(call, hold)
    for each in hold.budgets:
        each.settle(hold, tokens, usd)


def _used(call: Call, hold: Hold) -> tuple[int, float | None]:
    """Tokens and US dollars; what nobody stated is taken from the reservation and the number of chunks."""
    usage, response = call.response.usage, call.response
    if usage is None or usage.input is None or usage.output is None:
        if call.outcome is Outcome.ERROR and not response.chunks and usage is None:
            return 0, 0.0
        said = response.chunks if call.stream else hold.output
        stated = usage or Usage()
        usage = Usage(hold.input if stated.input is None else stated.input, stated.output or said)
    else:
        _learn(call.model, usage.output)
    item = charge(call) if _priced(hold.budgets) else None
    if item is None:
        return usage.total or 0, 0.0
    cost = in_force().cost(Charge(item.provider, item.models, item.tier, item.minute, usage.charged))
    if cost.usd is None:
        guard.say_once(f"a budget in usd does not see the cost of {call.model}: nobody knows its price (see prices=)")
    return usage.total or 0, cost.usd


def _learn(model: str | None, output: int) -> None:
    if model not in _usual and len(_usual) >= _MODELS:
        _usual.clear()
    known = _usual.get(model)
    _usual[model] = output if known is None else known + (output - known) / 8


def input_size(body: Any) -> int:
    """About how many tokens a request has: a quarter of the bytes of its texts, without images and sound."""
    return -(-_size(body) // 4)


_BYTES = ("data", "file_data")
"""The fields in which images, sound and files stand."""


def _size(value: Any) -> int:
    if isinstance(value, str):
        if value.startswith("data:"):
            return 0
        return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
    total = 0
    if isinstance(value, dict):
        for name, item in value.items():
            if name not in _BYTES:
                total += _size(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            total += _size(item)
    return total


def in_scope(scope: Scope, *more: tuple[Budget, ...]) -> tuple[Budget, ...]:
    """The budgets of a scope and further ones, each once."""
    found = {id(each): each for group in (*more, scope.budgets) for each in group}
    return tuple(found.values())
