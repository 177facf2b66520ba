"""The facts of a call on which its cost depends, held until the cost is needed."""

from __future__ import annotations

from dataclasses import dataclass

from callspan.accounting.prices.conditions import Conditions, conditions
from callspan.accounting.prices.cost import Cost
from callspan.events import Call, Outcome, Usage

_MINUTE = 60_000_000_000
"""Nanoseconds."""

Models = tuple[str | None, str | None]
"""The model in the request and the one in the answer."""


# facts in place of the call: a thousand may wait for their prices, and a call holds its answer
@dataclass(slots=True)
class PricedCall:
    """One call that costs something.

    Attributes:
        provider: The provider.
        models: The model in the request and the one in the answer.
        conditions: Conditions that may change the price, such as the service tier.
        minute: The start of the call in minutes since 1970.
        usage: The counts that are charged.
        provider_usd: The cost that the provider states, in US dollars.
        cost: The cost, once it was worked out: spans, metrics, counters and budgets share it.
    """

    provider: str
    models: Models
    conditions: Conditions
    minute: int
    usage: Usage | None
    provider_usd: float | None = None
    cost: Cost | None = None


def price_call(call: Call) -> PricedCall | None:
    """Return the priced call of a call that has ended, the same one each time.

    It is `None` for a call that costs nothing: one of another operation, or that failed without
    token counts.
    """
    # one object for all handlers, so that the cost is worked out once
    if call.priced_call is None and _is_billed(call):
        call.priced_call = _priced_call(call)
    return call.priced_call


def _priced_call(call: Call) -> PricedCall:
    response = call.response
    provider_usd = response.details.get("cost_usd")
    if response.usage is not None and response.usage.cost is not None:
        provider_usd = response.usage.cost
    return PricedCall(
        call.provider,
        (call.model, response.model),
        conditions(call),
        minute(call),
        _charged(call),
        provider_usd,
    )


def _charged(call: Call) -> Usage | None:
    """Return the counts that are charged: of speech without any, the characters of its text."""
    usage = call.response.usage
    characters = call.parameters.get("characters")
    if usage is None and characters:
        return Usage(details={"input_characters": characters})
    return None if usage is None else usage.charged


def _is_billed(call: Call) -> bool:
    """Whether a call that has ended may cost something."""
    usage = call.response.usage
    # nobody is paid for the tokens of a model that runs in the program
    is_billed = call.facts.is_billed and not call.in_process
    if usage is not None:
        # an operation that costs nothing by itself may use a tool of the provider's
        return is_billed or usage.cost is not None or bool(usage.details)
    is_failed = call.outcome in (Outcome.ERROR, Outcome.CANCELLED)
    if is_failed and not call.response.chunks:
        return False
    return is_billed


def minute(call: Call) -> int:
    """Return when a call began, in minutes since 1970: some prices change with the time of day."""
    return call.start_ns // _MINUTE
