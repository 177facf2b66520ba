"""Facts of an answer beside its parts and token counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from callspan.events.parameters import ConditionName, Conditions
from callspan.events.usage import Usage

DetailName = (
    ConditionName
    | Literal[
        "conversation_id",
        "cost_usd",
        "dimensions",
        "fetched",
        "memory_record_count",
        "repricing",
        "status",
        "sum_cost_source",
        "sum_cost_usd",
        "system_fingerprint",
    ]
)
"""The keys of `Details`, for tables."""


@dataclass(slots=True, frozen=True)
class Fetched:
    """The state of a response that was fetched by its id.

    Attributes:
        status: The provider's word for the state.
        usage: Token counts, once they are there.
        details: Further facts, such as the service tier.
    """

    status: str | None
    usage: Usage | None
    details: Details


class Details(Conditions, total=False):
    """Facts of an answer beside its parts and token counts."""

    repricing: str  # Anthropic's reason for another price
    cost_usd: float  # the cost that a gateway states
    conversation_id: str
    dimensions: int  # the length of the vectors of an embedding
    memory_record_count: int  # the records that a store of memories has found or changed
    status: str  # the state of a response that was fetched
    sum_cost_usd: float  # the cost of all calls of a run, as the framework states it
    sum_cost_source: str  # who states it
    # read by `lifecycle/pending_calls.py`; it is no attribute
    fetched: Fetched
    system_fingerprint: str
