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

# not at each chunk, as a look takes the lock of each budget (docs/decisions/0052)
STEP = 8
"""A stream checks its budgets each time that so many chunks have come."""
_MOST_MODELS = 200
_mean_outputs: dict[str | None, float] = {}
"""The usual output of each model in tokens: a mean in which later calls weigh more."""
_WEIGHT = 1 / 8
"""The weight of a new call in that mean."""


def admit(call: Call, budgets: tuple[Budget, ...], size: Callable[[], int]) -> Reservation | None:
    """Reserve in all budgets the amounts that a call may need; `None` for one that costs nothing.

    Raises `BudgetExceeded`, with nothing reserved in any budget, where too little is left. `size`
    estimates the tokens of the request.
    """
    if not call.facts.is_billed:
        return None
    input_tokens = 0
    output_tokens = 0
    usd = 0.0
    # lists here and below: `any` of a generator costs more than all of the rest
    if any([budget.needs_size for budget in budgets]):
        input_tokens = size()
        output_tokens = _expected_output(call)
        if _has_price_limit(budgets):
            usd = _price(call, input_tokens, output_tokens)
    reservation = Reservation(budgets, input_tokens, output_tokens, usd)
    for position, budget in enumerate(budgets):
        try:
            budget.reserve(input_tokens + output_tokens, usd, call.model)
        except BudgetExceeded:
            # all or none: each budget has a lock of its own, so a later one may refuse
            for earlier in budgets[:position]:
                earlier.release(reservation, call=True)
            raise
    return reservation


def give_back(reservation: Reservation) -> None:
    """Release the amounts of a call that was not made, or that another observation reports."""
    for budget in reservation.budgets:
        budget.release(reservation, call=True)


def _has_price_limit(budgets: tuple[Budget, ...]) -> bool:
    return any(["usd" in budget.limits for budget in budgets])


def _expected_output(call: Call) -> int:
    """Return the output tokens to expect: `max_tokens`, or the usual output of the model."""
    limit = whole(call.parameters.get("max_tokens"))
    # some servers take -1 for no limit
    if limit is None or limit < 0:
        return int(_mean_outputs.get(call.model, 0))
    return limit


def _price(call: Call, input_tokens: int, output_tokens: int) -> float:
    """Return about how many US dollars a call costs, with nothing cached."""
    if call.in_process:
        return 0.0
    prices = in_force()
    return prices.approximate_cost(
        call.provider, call.model, minute(call), input_tokens, output_tokens
    )


def watch(call: Call, reservation: Reservation) -> BudgetExceeded | None:
    """Reserve more for a stream with more chunks than reserved tokens.

    Returns the error of the first budget that has too little left, unless that has warned before.
    """
    # most providers send a token in each chunk, and none states a count before the end
    more = max(0, call.response.chunks - reservation.output)
    usd = 0.0
    if more and _has_price_limit(reservation.budgets):
        usd = _price(call, 0, more)
    reservation.output += more
    reservation.usd += usd
    first = None
    for budget in reservation.budgets:
        # no early end: the budgets behind one that stops have to count these tokens as well
        stop = budget.grow(more, usd, call.model)
        if stop is None or budget in reservation.warned:
            continue
        if first is None:
            first = stop
    return first


def settle(call: Call, reservation: Reservation) -> None:
    """Put the amounts that a call has used into its budgets, in place of the reserved ones."""
    tokens, usd = _used(call, reservation)
    for budget in reservation.budgets:
        budget.settle(reservation, tokens, usd)


def _used(call: Call, reservation: Reservation) -> tuple[int, float | None]:
    """Return the tokens and US dollars that a call has used; `None` for an unknown cost."""
    response = call.response
    usage = response.usage
    if usage is None:
        if call.outcome is Outcome.ERROR and not response.chunks:
            return 0, 0.0
        usage = Usage()
    elif usage.input is not None and usage.output is not None:
        _learn(call.model, usage.output)
        return usage.total or 0, _spent(call, reservation)
    estimate = _completed(usage, call, reservation)
    return estimate.total or 0, _spent(call, reservation, estimate)


def _completed(usage: Usage, call: Call, reservation: Reservation) -> Usage:
    """Return input and output, each from the provider or else as it was reserved.

    A stream has about as many output tokens as chunks.
    """
    input_tokens = usage.input
    if input_tokens is None:
        input_tokens = reservation.input
    output_tokens = usage.output
    # an output of 0 beside a missing input is a placeholder, not a count
    if not output_tokens:
        output_tokens = call.response.chunks if call.stream else reservation.output
    return Usage(input_tokens, output_tokens)


def _spent(call: Call, reservation: Reservation, estimate: Usage | None = None) -> float | None:
    """Return the US dollars of a call, by an estimate of its tokens if there is one.

    It is `None` for an unknown cost.
    """
    if not _has_price_limit(reservation.budgets):
        return 0.0
    priced_call = price_call(call)
    if priced_call is None:
        return 0.0
    if estimate is not None:
        priced_call = replace(priced_call, usage=estimate, cost=None)
    cost = in_force().cost(priced_call)
    if cost.usd is None:
        _warn_of_unknown_cost(call)
    return cost.usd


def _warn_of_unknown_cost(call: Call) -> None:
    model = call.model or call.response.model or f"{call.operation} calls that name no model"
    guard.say_once(
        f"a budget in usd does not see the cost of {model}: nobody knows its price (see prices=)"
    )


def _learn(model: str | None, output: int) -> None:
    """Take the output of a call into the usual output of its model."""
    # an app may make up names without end, as fine-tuned models have
    if model not in _mean_outputs and len(_mean_outputs) >= _MOST_MODELS:
        _mean_outputs.clear()
    # no lock: of two calls that end at once one may be left out, and a mean bears that
    mean = _mean_outputs.get(model)
    if mean is None:
        _mean_outputs[model] = output
    else:
        _mean_outputs[model] = mean + (output - mean) * _WEIGHT


def input_size(body: object) -> int:
    """Return about how many tokens a request has: a quarter of the bytes of its texts.

    Images and sound are left out.
    """
    return -(-_size(body) // 4)


_MEDIA_FIELDS = ("data", "file_data")
"""Names of fields with images, sound and files."""


def _size(value: object) -> int:
    """Return the bytes of all texts in a value."""
    if isinstance(value, str):
        return _text_size(value)
    total = 0
    if isinstance(value, dict):
        for name, item in value.items():
            if name not in _MEDIA_FIELDS:
                total += _size(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            total += _size(item)
    return total


def _text_size(text: str) -> int:
    # a data URL is an image, or sound
    if text.startswith("data:"):
        return 0
    # quicker than to encode it
    if text.isascii():
        return len(text)
    return len(text.encode("utf-8", "surrogatepass"))


def in_scope(scope: Scope, *more: tuple[Budget, ...]) -> tuple[Budget, ...]:
    """Return further budgets and those of a scope, each once."""
    result: dict[int, Budget] = {}
    # the same budget may hold for the process, the client and a block: it counts a call once
    for budgets in (*more, scope.budgets):
        for budget in budgets:
            result[id(budget)] = budget
    return tuple(result.values())
