"""What is needed to work out the cost of a call, whenever that is wanted."""

from __future__ import annotations

from dataclasses import dataclass, field

from callspan.accounting.prices.conditions import Conditions, conditions
from callspan.accounting.prices.cost import Cost
from callspan.events import Call, Outcome, Usage

BILLED = frozenset({"chat", "text_completion", "generate_content", "embeddings"})
"""The operations that providers bill by tokens."""
_MINUTE = 60_000_000_000

Models = tuple[str | None, str | None]
"""The model that was asked and the one that answered."""


@dataclass(slots=True)
class PricedCall:
    """One call that is billed: who by, for which model, on which conditions, when and for how many tokens.

    `stated` is the cost in US dollars by the provider's own word. `cost` is there once it was worked out, so that
    spans, metrics, counters and budgets share one sum.
    """

    provider: str
    models: Models
    conditions: Conditions
    minute: int
    usage: Usage | None
    stated: float | None = None
    cost: Cost | None = field(default=None, compare=False)


def price_call(call: Call) -> PricedCall | None:
    """Return the charge of a call that has ended, the same one each time.

    It is `None` for a call that is not billed, or that failed without stating tokens.
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
    return call.operation in BILLED or (
        usage is not None and (usage.cost is not None or bool(usage.details))
    )


def minute(call: Call) -> int:
    """Return when a call began, in minutes since 1970: some prices change with the time of day."""
    return call.start_ns // _MINUTE
