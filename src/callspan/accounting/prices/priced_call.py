"""The facts of a call on which its cost depends, kept until the cost is needed."""

from __future__ import annotations

from dataclasses import dataclass

from callspan.accounting.prices.conditions import Conditions, conditions
from callspan.accounting.prices.cost import Cost
from callspan.events import Call, Outcome, Usage

_MINUTE = 60_000_000_000

Models = tuple[str | None, str | None]
"""The model in the request and the one in the answer."""


@dataclass(slots=True)
class PricedCall:
    """One call that costs something.

    Attributes:
        provider: The provider.
        models: The model in the request and the one in the answer.
        conditions: Conditions that may change the price, such as the service tier.
        minute: The start of the call in minutes since 1970.
        usage: The counts that are charged.
        stated: The cost that the provider states, in US dollars.
        cost: The cost, once it was worked out: spans, metrics, counters and budgets share it.
    """

    provider: str
    models: Models
    conditions: Conditions
    minute: int
    usage: Usage | None
    stated: float | None = None
    cost: Cost | None = None


def price_call(call: Call) -> PricedCall | None:
    """Return the priced call of a call that has ended, the same one each time.

    It is `None` for a call that costs nothing: one of another operation, or that failed without
    token counts.
    """
    if call.priced_call is None and _is_billed(call):
        usage, response = call.response.usage, call.response
        stated = response.details.get("cost_usd")
        if usage is not None and usage.cost is not None:
            stated = usage.cost
        counts = None if usage is None else usage.charged
        models = call.model, response.model
        call.priced_call = PricedCall(
            call.provider, models, conditions(call), minute(call), counts, stated
        )
    return call.priced_call


def _is_billed(call: Call) -> bool:
    usage, response = call.response.usage, call.response
    if usage is None and call.outcome in (Outcome.ERROR, Outcome.CANCELLED) and not response.chunks:
        return False
    if call.facts.is_billed:
        return True
    if usage is None:
        return False
    return usage.cost is not None or bool(usage.details)


def minute(call: Call) -> int:
    """Return when a call began, in minutes since 1970: some prices change with the time of day."""
    return call.start_ns // _MINUTE
