"""The prices of one model, and what an amount of tokens costs by them."""

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
KINDS = (*_PARTS, *(part for parts in _PARTS.values() for part in parts))
"""What has a price of its own; a part without one costs what the whole does that it belongs to."""


@dataclass(frozen=True, slots=True)
class Rate:
    """US dollars for a million tokens; `steps` are other prices for calls with more input than so many tokens."""

    usd: float
    steps: tuple[tuple[int, float], ...] = ()

    def at(self, input_tokens: int) -> float:
        """The price that holds for a call of this size, for all of its tokens."""
        if not self.steps:
            return self.usd
        return next((usd for start, usd in reversed(self.steps) if input_tokens > start), self.usd)


@dataclass(frozen=True, slots=True)
class Rates:
    """The prices of one model by kind of token, and in `call` what each call costs beside them."""

    by_kind: Mapping[str, Rate]
    call: float = 0.0

    def cost(self, usage: Usage) -> float | None:
        """What these tokens cost in US dollars; `None` where a total or its price is not known."""
        total = self.call
        for whole, parts in _PARTS.items():
            amount = self._side(whole, parts, usage)
            if amount is None:
                return None
            total += amount
        return total

    def plain(self, sent: int, said: int) -> float:
        """About what a call of this size costs, with nothing cached; quickly, and 0 for what has no price."""
        given, got = self.by_kind.get("input"), self.by_kind.get("output")
        amount = given.at(sent) * sent if given is not None else 0.0
        return self.call + (amount + (got.at(sent) * said if got is not None else 0.0)) / MILLION

    def _side(self, whole: str, parts: tuple[str, ...], usage: Usage) -> float | None:
        tokens = getattr(usage, whole)
        if tokens is None:
            return None if whole == "input" else 0.0  # embeddings have no output
        if tokens == 0:
            return 0.0
        rate, size, total = self.by_kind.get(whole), usage.input or 0, 0.0
        for part in parts:
            own, amount = self.by_kind.get(part), self._amount(part, usage)
            if own is not None and amount:
                amount = min(amount, tokens)
                total += amount * own.at(size)
                tokens -= amount
        if rate is None:
            return None if tokens else total / MILLION
        return (total + tokens * rate.at(size)) / MILLION

    def _amount(self, part: str, usage: Usage) -> int:
        """The tokens of a part, less those within it that have a price of their own."""
        inner = _WITHIN.get(part, "")
        dearer = getattr(usage, inner) if inner in self.by_kind else None
        return max((getattr(usage, part) or 0) - (dearer or 0), 0)


FREE = Rates({"input": Rate(0.0), "output": Rate(0.0)})
"""For models that cost nothing a token, such as those that run on one's own machines."""
