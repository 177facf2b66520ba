"""Amounts that calls reserve in budgets while they run, and use up when they end.

A call reserves a quarter of the bytes of its input, and `max_tokens` or else the usual output of
its model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from callspan.accounting.budgets import Budget, BudgetExceeded, Reservation
from callspan.accounting.prices.priced_call import minute, price_call
from callspan.accounting.prices.table import in_force
from callspan.events import Call, Outcome, Usage
from callspan.runtime import guard
from callspan.runtime.number import whole
from callspan.runtime.scope import Scope

STEP = 8
"""A stream checks its budgets each time that so many chunks have come."""
_MODELS = 200
_usual: dict[str | None, float] = {}
"""The usual output of a model in tokens: a mean in which later calls weigh more."""


def admit(call: Call, budgets: tuple[Budget, ...], size: Callable[[], int]) -> Reservation | None:
    """Reserve in all budgets the amounts that a call may need; `None` for one that costs nothing.

    Raises `BudgetExceeded`, with nothing reserved in any budget, where too little is left. `size`
    estimates the tokens of the request.
    """
    if not call.facts.is_billed:
        return None
    input_tokens = output_tokens = 0
    usd = 0.0
    # a list, as a generator costs more than all of the rest here
    if any([each.sized for each in budgets]):
        input_tokens = size()
        output_tokens = _expected_output(call)
        if _has_price_limit(budgets):
            usd = _price(call, input_tokens, output_tokens)
    reservation = Reservation(budgets, input_tokens, output_tokens, usd)
    for position, each in enumerate(budgets):
        try:
            each.reserve(input_tokens + output_tokens, usd)
        except BudgetExceeded:
            for other in budgets[:position]:
                other.release(reservation, call=True)
            raise
    return reservation


def give_back(reservation: Reservation) -> None:
    """Release the amounts of a call that was not made, or that another observation tells of."""
    for each in reservation.budgets:
        each.release(reservation, call=True)


def _has_price_limit(budgets: tuple[Budget, ...]) -> bool:
    return any(["usd" in each.limits for each in budgets])


def _expected_output(call: Call) -> int:
    """Return the output tokens to expect: `max_tokens`, or the usual output of the model."""
    limit = whole(call.parameters.get("max_tokens"))
    if limit is None or limit < 0:  # some servers take -1 for no limit
        return int(_usual.get(call.model, 0))
    return limit


def _price(call: Call, input_tokens: int, output_tokens: int) -> float:
    prices = in_force()
    return prices.plain(call.provider, call.model, minute(call), input_tokens, output_tokens)


def watch(call: Call, reservation: Reservation) -> BudgetExceeded | None:
    """Reserve more for a stream with more chunks than reserved tokens.

    Returns the error of the first budget that has too little left, unless that has warned before.
    """
    more = max(0, call.response.chunks - reservation.output)
    usd = 0.0
    if more and _has_price_limit(reservation.budgets):
        usd = _price(call, 0, more)
    reservation.output += more
    reservation.usd += usd
    first = None
    for each in reservation.budgets:
        stop = each.grow(more, usd)
        if first is None and stop is not None and each not in reservation.warned:
            first = stop
    return first


def settle(call: Call, reservation: Reservation) -> None:
    """Put the amounts that a call has used into its budgets, in place of the reserved ones."""
    tokens, usd = _used(call, reservation)
    for each in reservation.budgets:
        each.settle(reservation, tokens, usd)


def _used(call: Call, reservation: Reservation) -> tuple[int, float | None]:
    """Return the tokens and US dollars that a call has used; `None` for an unknown cost.

    Counts that the provider left out are taken from the reservation and the number of chunks.
    """
    response = call.response
    usage = response.usage
    if usage is not None and usage.input is not None and usage.output is not None:
        _learn(call.model, usage.output)
        return usage.total or 0, _spent(call, reservation)
    if usage is None and call.outcome is Outcome.ERROR and not response.chunks:
        return 0, 0.0
    input_tokens = None
    output_tokens = None
    if usage is not None:
        input_tokens = usage.input
        output_tokens = usage.output
    if input_tokens is None:
        input_tokens = reservation.input
    if not output_tokens:
        output_tokens = response.chunks if call.stream else reservation.output
    estimated = Usage(input_tokens, output_tokens)
    return estimated.total or 0, _spent(call, reservation, estimated)


def _spent(call: Call, reservation: Reservation, estimated: Usage | None = None) -> float | None:
    """Return the US dollars of a call, by estimated tokens if there are; `None` if unknown."""
    item = None
    if _has_price_limit(reservation.budgets):
        item = price_call(call)
    if item is None:
        return 0.0
    if estimated is not None:
        item = replace(item, usage=estimated, cost=None)
    cost = in_force().cost(item)
    if cost.usd is None:
        model = call.model or call.response.model or f"{call.operation} calls that name no model"
        guard.say_once(
            f"a budget in usd does not see the cost of {model}: nobody knows its price (see prices=)"
        )
    return cost.usd


def _learn(model: str | None, output: int) -> None:
    """Take the output of a call into the usual output of its model."""
    if model not in _usual and len(_usual) >= _MODELS:
        _usual.clear()
    mean = _usual.get(model)
    if mean is None:
        _usual[model] = output
    else:
        _usual[model] = mean + (output - mean) / 8


def input_size(body: object) -> int:
    """Return about how many tokens a request has: a quarter of the bytes of its texts.

    Images and sound are left out.
    """
    return -(-_size(body) // 4)


_BYTES = ("data", "file_data")
"""Names of fields with images, sound and files."""


def _size(value: object) -> int:
    if isinstance(value, str):
        if value.startswith("data:"):
            return 0
        if value.isascii():
            return len(value)  # quicker than to encode it
        return len(value.encode("utf-8", "surrogatepass"))
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
    """Return further budgets and those of a scope, each once."""
    result: dict[int, Budget] = {}
    for budgets in (*more, scope.budgets):
        for each in budgets:
            result[id(each)] = each
    return tuple(result.values())
