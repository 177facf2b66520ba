"""The cost of one call, or the reason why it is unknown."""

from __future__ import annotations

from dataclasses import dataclass

# Reasons for an unknown cost, where no condition of the call is the reason (conditions.py).
NO_PRICE = "price"
"""Nobody knows the price of the model."""
NO_TOKENS = "tokens"
"""Nobody stated the tokens, or the counts contradict each other."""
NO_FEE = "tool_use"
"""The fee for a tool that runs at the provider is not known."""
NO_LIFETIME = "cache_lifetime"
"""The price for a cache that lives longer is not known."""
NO_MODALITY = "modality"
"""Nobody stated how much of the cached input was sound or image, and their prices differ."""
NO_UPSTREAM = "upstream"
"""Another provider is paid as well, and it is not stated how much."""

# Sources of a cost.
BY_PROVIDER = "provider"
"""The provider states it with the answer."""
BY_OWN = "own"
"""It follows from the user's own prices."""
BY_LIST = "genai-prices"
"""It follows from the price list of that package."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a call.

    Attributes:
        usd: US dollars; `None` if they are unknown.
        unknown: The reason why they are unknown: one of those above, or the name of a condition.
        source: The source of the dollars.
    """

    usd: float | None = None
    unknown: str | None = None
    source: str | None = None
