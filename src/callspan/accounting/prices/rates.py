"""The user's own prices of one model, and what an amount of tokens costs by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from callspan.events import Usage

MILLION = 1e6
_PARTS = {
    "input": ("cache_read", "cache_write_1h", "cache_write", "input_audio", "input_image"),
    "output": ("reasoning", "output_audio", "output_image"),
}
_WITHIN = {"cache_write": "cache_write_1h"}
_CACHED = {"input_audio": "cache_read_audio", "input_image": "cache_read_image"}
"""Where a part of what was read from a cache is counted a second time, by what it is."""
KINDS = (*_PARTS, *(part for parts in _PARTS.values() for part in parts))
"""What has a price of its own; a part without one costs what the whole does that it belongs to."""


@dataclass(frozen=True, slots=True)
class Rates:
    """US dollars for a million tokens by kind, and in `call` what each call costs beside them."""

    by_kind: Mapping[str, float]
    call: float = 0.0

    def cost(self, usage: Usage) -> float | None:
        """Return what these tokens cost in US dollars; `None` where a total or its price is not known."""
        total = 0.0
        for whole, parts in _PARTS.items():
            amount = self._side(whole, parts, usage)
            if amount is None:
                return None
            total += amount
        return total

    def plain(self, sent: int, said: int) -> float:
        """Return about what a call of this size costs, with nothing cached; 0 for what has no price."""
        return (
            self.call
            + (self.by_kind.get("input", 0.0) * sent + self.by_kind.get("output", 0.0) * said)
            / MILLION
        )

    def _side(self, whole: str, parts: tuple[str, ...], usage: Usage) -> float | None:
        tokens = getattr(usage, whole)
        if tokens is None:
            return None if whole == "input" else 0.0  # embeddings have no output
        total = 0.0
        for part in parts:
            price = self.by_kind.get(part)
            if price is not None:
                amount = min(self._amount(part, usage), tokens)
                total += amount * price
                tokens -= amount
        if tokens and whole not in self.by_kind:
            return None
        return (total + tokens * self.by_kind.get(whole, 0.0)) / MILLION

    def _amount(self, part: str, usage: Usage) -> int:
        """Return the tokens of a part, less those in it that have a price of their own."""
        amount = getattr(usage, part) or 0
        inner = _WITHIN.get(part, "")
        if inner in self.by_kind:
            amount -= getattr(usage, inner) or 0
        if part in _CACHED and "cache_read" in self.by_kind and usage.details:
            amount -= usage.details.get(_CACHED[part], 0)
        return max(amount, 0)


FREE = Rates({"input": 0.0, "output": 0.0})
"""For models that cost nothing a token, such as those that run on one's own machines."""
