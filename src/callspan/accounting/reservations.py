"""What calls reserve in budgets while they are in flight, and what they have used when they end.

Reserved is a quarter of the bytes of the input, and `max_tokens` or else the output that the model usually gives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from callspan.accounting.budgets import Budget, BudgetExceeded, Reservation
from callspan.accounting.prices.priced_call import BILLED, minute, price_call
from callspan.accounting.prices.table import in_force
from callspan.events import Call, Outcome, Usage
from callspan.runtime import guard
from callspan.runtime.number import whole
from callspan.runtime.scope import Scope

STEP = 8
"""A stream looks at its budgets each time that so many chunks have come."""
_MODELS = 200
_usual: dict[str | None, float] = {}
"""The output that a model usually gives, in tokens: a mean in which later calls weigh more."""


def admit(call: Call, budgets: tuple[Budget, ...], size: Callable[[], int]) -> Reservation | None:
    """Reserve in all budgets what a call may need, or in none and raise `BudgetExceeded`."""
    if call.operation not in BILLED:
        return None
    sent = said = 0
    usd = 0.0
    if any(
        [each.sized for each in budgets]
    ):  # a list, as a generator costs more than all of the rest here
        sent, said = size(), _output(call)
        usd = _price(call, sent, said) if _priced(budgets) else 0.0
    reservation = Reservation(budgets, sent, said, usd)
    for place, each in enumerate(budgets):
        try:
            each.reserve(sent + said, usd)
        except BudgetExceeded:
            for other in budgets[:place]:
                other.release(reservation, call=True)
            raise
    return reservation


def give_back(reservation: Reservation) -> None:
    """Let go of what is reserved for a call that was not made after all, or of which another tells."""
    for each in reservation.budgets:
        each.release(reservation, call=True)


def _priced(budgets: tuple[Budget, ...]) -> bool:
    return any(["usd" in each.limits for each in budgets])


def _output(call: Call) -> int:
    most = whole(call.parameters.get("max_tokens"))
    if most is None or most < 0:  # some servers take -1 for no limit
        return int(_usual.get(call.model, 0))
    return most


def _price(call: Call, sent: int, said: int) -> float:
    return in_force().plain(call.provider, call.model, minute(call), sent, said)


def watch(call: Call, reservation: Reservation) -> BudgetExceeded | None:
    """Let a stream that says more than was reserved take up more; the first budget that has no more stops it."""
    more = max(0, call.response.chunks - reservation.output)
    usd = _price(call, 0, more) if more and _priced(reservation.budgets) else 0.0
    reservation.output += more
    reservation.usd += usd
    stops = [each.grow(more, usd) for each in reservation.budgets]
    return next(
        (stop for stop in stops if stop is not None and stop.budget not in reservation.warned), None
    )


def settle(call: Call, reservation: Reservation) -> None:
    """Charge the budgets with what the call has used."""
    tokens, usd = _used(call, reservation)
    for each in reservation.budgets:
        each.settle(reservation, tokens, usd)


def _used(call: Call, reservation: Reservation) -> tuple[int, float | None]:
    """Tokens and US dollars; what nobody stated is taken from the reservation and the number of chunks."""
    usage, response = call.response.usage, call.response
    if usage is not None and usage.input is not None and usage.output is not None:
        _learn(call.model, usage.output)
        return usage.total or 0, _spent(call, reservation)
    if call.outcome is Outcome.ERROR and not response.chunks and usage is None:
        return 0, 0.0
    said = response.chunks if call.stream else reservation.output
    stated = usage or Usage()
    guessed = Usage(
        reservation.input if stated.input is None else stated.input, stated.output or said
    )
    return guessed.total or 0, _spent(call, reservation, guessed)


def _spent(call: Call, reservation: Reservation, guessed: Usage | None = None) -> float | None:
    """Return the US dollars of a call, by a guess of its tokens where nobody stated them; `None` if not known."""
    item = price_call(call) if _priced(reservation.budgets) else None
    if item is None:
        return 0.0
    if guessed is not None:
        item = replace(item, usage=guessed, cost=None)
    cost = in_force().cost(item)
    if cost.usd is None:
        model = call.model or call.response.model or f"{call.operation} calls that name no model"
        guard.say_once(
            f"a budget in usd does not see the cost of {model}: nobody knows its price (see prices=)"
        )
    return cost.usd


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
