"""The prices that genai-prices brings along, without its network access; the package is an extra.

It does the sums, by its own names of counts and conditions, so that what it learns by an upgrade is right at once.
Only the looking up of a model is kept here, since its matching takes longest.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from callspan.accounting.prices.conditions import Conditions
from callspan.accounting.prices.cost import (
    BY_LIST,
    NO_FEE,
    NO_LIFETIME,
    NO_MODALITY,
    NO_PRICE,
    NO_TOKENS,
    NO_UPSTREAM,
    Cost,
)
from callspan.accounting.prices.counts import NAMES, Counts, counts
from callspan.accounting.prices.model_names import is_fine_tuned
from callspan.events import Usage

_PROVIDERS = {
    "azure.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "aws.bedrock": "aws",
    "gcp.gemini": "google",
    "gcp.vertex_ai": "google",
    "gcp.gen_ai": "google",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "x_ai": "x-ai",
    "zhipu_ai": "zhipuai",
}
"""Our names of providers, which are the conventions', to those of genai-prices, where they differ."""
_NEEDED: dict[str, tuple[str, tuple[str, ...]]] = {
    "input_tokens": (NO_PRICE, ("input_mtok",)),
    "output_tokens": (NO_PRICE, ("output_mtok",)),
    "cache_write_1h_tokens": (NO_LIFETIME, ("cache_write_1h_mtok",)),
    "cache_write_12h": (NO_LIFETIME, ()),
    "web_searches": (NO_FEE, ("web_searches_kcount", "requests_kcount")),
    "social_searches": (NO_FEE, ("social_searches_kcount",)),
    "storage_searches": (NO_FEE, ("storage_searches_kcount",)),
    "code_executions": (NO_FEE, ("code_executions_kcount",)),
    "rerank_searches": (NO_FEE, ("rerank_searches_kcount",)),
    **dict.fromkeys(
        ("search_sources", "map_searches", "image_generations", "other_tools"), (NO_FEE, ())
    ),
    "upstream_requests": (NO_UPSTREAM, ()),
}
"""What costs something of its own: the reason to give where none of these prices is known."""
_FREE = ":free"
"""The end of the names of models that cost nothing; of others without prices they are not known."""
_KEPT = 1000


def installed() -> bool:
    """Whether the package is there; it is not imported."""
    return importlib.util.find_spec("genai_prices") is not None


class Bundled:
    """The bundled data. Making one takes most of a second, and reads no network."""

    def __init__(self) -> None:
        from genai_prices import Usage, data_snapshot

        self._usage = Usage
        self._names = frozenset(
            vars(Usage.from_raw(dict.fromkeys(NAMES, 1)))
        )  # those that this version knows
        self._latest = data_snapshot.get_snapshot
        self._snapshot = self._latest()
        self._known: dict[tuple[str, str], ModelPrices | None] = {}

    def find(self, provider: str, model: str) -> ModelPrices | None:
        """Return the prices of a model; `None` where the data does not have it."""
        if self._latest() is not self._snapshot:  # the app keeps the prices up to date by itself
            self._snapshot = self._latest()
            self._known = {}
        key = (provider, model)
        if key not in self._known:
            if len(self._known) >= _KEPT:
                self._known = {}
            self._known[key] = self._find(provider, model)
        return self._known[key]

    def _find(self, provider: str, model: str) -> ModelPrices | None:
        try:
            result = self._snapshot.find_provider_model(
                model, None, _PROVIDERS.get(provider, provider), None
            )
        except LookupError:
            return None
        if is_fine_tuned(model) and not is_fine_tuned(result[1].id):
            return None
        return ModelPrices(*result, self._usage, self._names)


@dataclass(frozen=True, slots=True)
class ModelPrices:
    """What genai-prices knows of one model; `usage` makes its own counts, which have these `names`."""

    provider: Any
    model: Any
    usage: Any
    names: frozenset[str]

    def cost(self, usage: Usage, conditions: Conditions, when: datetime) -> Cost:
        """Return what an answer cost on these conditions, or the first thing that has no known price."""
        unknown = self._unknown_condition(conditions, when)
        if unknown is not None:
            return Cost(unknown=unknown)
        context = dict(conditions)
        prices = self._prices(when, context)
        if self.model.id.endswith(_FREE) and not any(vars(prices).values()):
            return Cost(0.0, source=BY_LIST)
        amounts = counts(usage)
        unknown = _without_price(amounts[0], prices)
        if unknown is not None:
            return Cost(unknown=unknown)
        try:
            sums = {self._sum(each, context, when) for each in amounts}
        except ValueError:  # parts that are more than their whole
            return Cost(unknown=NO_TOKENS)
        return Cost(sums.pop(), source=BY_LIST) if len(sums) == 1 else Cost(unknown=NO_MODALITY)

    def plain(self, sent: int, said: int, when: datetime) -> float:
        """Return about what a call of this size costs, with nothing cached; quickly, and 0 for what has no price."""
        prices = self._prices(when, {})
        return (
            _price(prices, "input_mtok", sent) * sent + _price(prices, "output_mtok", sent) * said
        ) / 1e6

    def _prices(self, when: datetime, context: Mapping[str, str]) -> Any:
        return self.model.get_prices(when, context) if context else self.model.get_prices(when)

    def _unknown_condition(self, conditions: Conditions, when: datetime) -> str | None:
        """Return the first condition for which there is no price, or that changes the same price as another one."""
        if not conditions:
            return None
        variants = [
            each
            for each in self.model.price_variants or ()
            if _applies(each, dict(conditions), when)
        ]
        changed: set[str] = set()
        for name, _ in conditions:
            own = [each for each in variants if name in each.when]
            if not own:
                return name
            if any(len(each.when) == len(conditions) for each in own):
                continue
            prices = {
                key for each in own for key, price in vars(each.prices).items() if price is not None
            }
            if prices & changed:
                return name
            changed |= prices
        return None

    def _sum(self, amounts: Counts, context: Mapping[str, str], when: datetime) -> float:
        own_usage = self.usage(
            **{name: number for name, number in amounts.items() if name in self.names}
        )
        result = self.model.calc_price(
            own_usage, self.provider, genai_request_timestamp=when, price_context=context or None
        )
        return float(result.total_price)


def _applies(variant: Any, context: Mapping[str, str], when: datetime) -> bool:
    if variant.constraint is not None and not variant.constraint.active(when):
        return False
    return all(context.get(name) == value for name, value in variant.when.items())


def _without_price(amounts: Counts, prices: Any) -> str | None:
    """Return why the cost of these amounts is not known, if a price is missing."""
    for name, (reason, keys) in _NEEDED.items():
        if amounts.get(name) and all(getattr(prices, key, None) is None for key in keys):
            return reason
    return None


def _price(prices: Any, name: str, size: int) -> float:
    """Return the price of a million tokens in a call with so much input."""
    price = getattr(prices, name, None)
    steps = [tier.price for tier in getattr(price, "tiers", ()) if size > tier.start]
    base = getattr(price, "base", price)
    return float(steps[-1] if steps else base or 0)
