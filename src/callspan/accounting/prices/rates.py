"""The user's own prices of one model, and the cost of tokens by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from callspan.events import Usage

MILLION = 1e6
# The parts of each whole, in the order in which they are taken out of it.
_PARTS = {
    "input": ("cache_read", "cache_write_1h", "cache_write", "input_audio", "input_image"),
    "output": ("reasoning", "output_audio", "output_image"),
}
_WITHIN = {"cache_write": "cache_write_1h"}
"""A part that is counted within another part."""
_CACHED = {"input_audio": "cache_read_audio", "input_image": "cache_read_image"}
"""The count of the cached tokens in a part, which `cache_read` counts as well."""
KINDS = ("input", "output", *_PARTS["input"], *_PARTS["output"])
"""Kinds of tokens that may have a price; a part without one costs as much as its whole."""


@dataclass(frozen=True, slots=True)
class Rates:
    """The prices of one model.

    Attributes:
        by_kind: US dollars for a million tokens, by kind.
        call: US dollars for each call, beside those for its tokens.
        batch: The part of all these prices that a request in a batch costs; `None` if unknown.
    """

    by_kind: Mapping[str, float]
    call: float = 0.0
    batch: float | None = None

    def cost(self, usage: Usage) -> float | None:
        """Return the cost of tokens in US dollars; `None` if a total or its price is unknown.

        The price of a call is not in it, as one call may have several shares of tokens.
        """
        if usage.has_units and self == FREE:
            # whatever it is that would be counted
            return 0.0
        total = 0.0
        for whole, parts in _PARTS.items():
            amount = self._side(whole, parts, usage)
            if amount is None:
                return None
            total += amount
        return total

    def approximate_cost(self, input_tokens: int, output_tokens: int) -> float:
        """Return about how many US dollars a call of this size costs, with nothing cached.

        Tokens without a price count as 0.
        """
        input_cost = self.by_kind.get("input", 0.0) * input_tokens
        output_cost = self.by_kind.get("output", 0.0) * output_tokens
        return self.call + (input_cost + output_cost) / MILLION

    def _side(self, whole: str, parts: tuple[str, ...], usage: Usage) -> float | None:
        """Return the US dollars of the input or the output; `None` if they are unknown."""
        tokens = getattr(usage, whole)
        if tokens is None:
            # embeddings have no output
            return None if whole == "input" else 0.0
        total = 0.0
        for part in parts:
            price = self.by_kind.get(part)
            if price is not None:
                # no more than is left: parts may contradict their total, which is charged once
                amount = min(self._amount(part, usage), tokens)
                total += amount * price
                tokens -= amount
        # prices of the parts alone will do where the parts make up the whole
        if tokens and whole not in self.by_kind:
            return None
        return (total + tokens * self.by_kind.get(whole, 0.0)) / MILLION

    def _amount(self, part: str, usage: Usage) -> float:
        """Return the tokens of a part, less those in it that have a price of their own."""
        amount = getattr(usage, part) or 0
        inner = _WITHIN.get(part, "")
        if inner in self.by_kind:
            amount -= getattr(usage, inner) or 0
        if part in _CACHED and "cache_read" in self.by_kind and usage.details:
            amount -= usage.details.get(_CACHED[part], 0)
        return max(amount, 0)


FREE = Rates({"input": 0.0, "output": 0.0}, batch=1.0)
"""For models that cost nothing a token, such as those that run on one's own machines."""
