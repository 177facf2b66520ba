"""The cost that a gateway states in the headers of an answer, as LiteLLM's proxy does."""

from __future__ import annotations

from callspan.events import Delta
from callspan.formats.fields import Item, dollars
from callspan.semconv.providers import provider

_COST = "x-litellm-response-cost"


def may_state_cost(host: str, port: int | None) -> bool:
    """Whether an address is that of LiteLLM's proxy, or one that tells nothing of its server."""
    # a provider's own address is spared the look at its headers (docs/decisions/0050)
    return provider(host, port, "litellm") == "litellm"


def read_headers(headers: Item) -> Delta | None:
    """Read the headers of an answer; `None` if they state no cost."""
    cost = dollars(headers.get(_COST))
    if cost is None:
        return None
    return Delta(details={"cost_usd": cost})
