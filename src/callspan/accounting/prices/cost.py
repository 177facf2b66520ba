"""What a call has cost, or why nobody knows."""

from __future__ import annotations

from dataclasses import dataclass

NO_PRICE, NO_TOKENS, NO_FEE, NO_LIFETIME, NO_MODALITY, NO_UPSTREAM = (
    "price",
    "tokens",
    "tool_use",
    "cache_lifetime",
    "modality",
    "upstream",
)
"""Why a cost is unknown, where no condition of the call is the reason.

Nobody knows the price of the model; nobody stated the tokens, or they contradict each other; a tool of the provider's
has a fee; a cache keeps for longer; it is not stated how much of the cached input was sound or image; somebody else,
who does not say how much, is paid as well.
"""
BY_PROVIDER, BY_OWN, BY_LIST = "provider", "own", "genai-prices"
"""Whose word a cost is."""


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars and whose word they are, or why they are not known."""

    usd: float | None = None
    unknown: str | None = None
    source: str | None = None
