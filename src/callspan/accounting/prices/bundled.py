"""The price list of the package genai-prices, an extra; its network access is never used.

The package also does the sums, by its own names of counts and conditions: whatever a newer version
of it prices is right at once. Only the look-up of a model is cached here, as its matching is slow.
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
"""genai-prices' names of providers, where they differ from those of the conventions."""
_REQUIRED_PRICES: dict[str, tuple[str, tuple[str, ...]]] = {
    "input_tokens": (NO_PRICE, ("input_mtok",)),
    "output_tokens": (NO_PRICE, ("output_mtok",)),
    "cache_write_1h_tokens": (NO_LIFETIME, ("cache_write_1h_mtok",)),
    "cache_write_other": (NO_LIFETIME, ()),
    "web_searches": (NO_FEE, ("web_searches_kcount", "requests_kcount")),
    "social_searches": (NO_FEE, ("social_searches_kcount",)),
    "storage_searches": (NO_FEE, ("storage_searches_kcount",)),
    "code_executions": (NO_FEE, ("code_executions_kcount",)),
    "rerank_searches": (NO_FEE, ("rerank_searches_kcount",)),
    **dict.fromkeys(
        ("search_sources", "map_searches", "image_generations", "other_tools"), (NO_FEE, ())
    ),
    "upstream_requests": (NO_UPSTREAM, ()),
    # models that are billed by tokens alone, which nobody has stated then
    "audio_seconds": (NO_TOKENS, ("audio_hours",)),
    "input_characters": (NO_TOKENS, ("input_mchars",)),
}
"""Counts that are charged: the reason for an unknown cost, and the prices one of which is required.

Where no price is named, genai-prices has none for this count yet, and the cost is unknown.
"""
_FREE = ":free"
"""The end of the names of models that cost nothing; of others without prices they are unknown."""
_MOST_MODELS = 1000
"""The most models whose look-up is cached."""


def installed() -> bool:
    """Whether genai-prices is installed; it is not imported."""
    return importlib.util.find_spec("genai_prices") is not None


class Bundled:
    """The price list that the installed genai-prices brings along.

    Creating one takes most of a second, and reads no network.
    """

    def __init__(self) -> None:
        from genai_prices import Usage, data_snapshot

        self._usage = Usage
        # `from_raw` drops the counts that the installed version does not know: newer versions know
        # more of them, and `Usage` itself refuses the others
        self._count_names = frozenset(vars(Usage.from_raw(dict.fromkeys(NAMES, 1))))
        self._get_snapshot = data_snapshot.get_snapshot
        self._snapshot = self._get_snapshot()
        self._models: dict[tuple[str, str], ModelPrices | None] = {}

    def find(self, provider: str, model: str) -> ModelPrices | None:
        """Return the prices of a model; `None` if it is not in the list."""
        # the app itself may have genai-prices update its list, which replaces the snapshot
        if self._get_snapshot() is not self._snapshot:
            self._snapshot = self._get_snapshot()
            self._models = {}
        key = (provider, model)
        # read once: another thread may put an empty dict in its place at any moment
        models = self._models
        if key in models:
            return models[key]
        prices = self._find(provider, model)
        if len(models) >= _MOST_MODELS:
            self._models = models = {}
        models[key] = prices
        return prices

    def _find(self, provider: str, model: str) -> ModelPrices | None:
        try:
            # by the provider's name alone: an address is not known here, and may be a gateway's
            result = self._snapshot.find_provider_model(
                model, None, _PROVIDERS.get(provider, provider), None
            )
        except LookupError:
            return None
        provider_prices, model_prices = result
        # a match by a part of the name may be the base model, whose price is another one
        if is_fine_tuned(model) and not is_fine_tuned(model_prices.id):
            return None
        return ModelPrices(provider_prices, model_prices, self._usage, self._count_names)


@dataclass(frozen=True, slots=True)
class ModelPrices:
    """The prices of one model.

    Attributes:
        provider: The provider, an object of genai-prices.
        model: The model, an object of genai-prices.
        usage: The class of genai-prices' counts.
        count_names: The names of the counts that this class knows.
    """

    provider: Any
    model: Any
    usage: Any
    count_names: frozenset[str]

    def cost(self, usage: Usage, conditions: Conditions, when: datetime) -> Cost:
        """Return the cost of an answer, or the first reason for which it is unknown.

        `when` is the time at which the call began: some prices change by the hour.
        """
        # first, for genai-prices (0.2) takes the standard price where it does not know a condition
        unknown = self._unknown_condition(conditions, when)
        if unknown is not None:
            return Cost(unknown=unknown)
        context = dict(conditions)
        prices = self._prices(when, context)
        has_no_price = not any(vars(prices).values())
        if has_no_price and self.model.id.endswith(_FREE):
            return Cost(0.0, source=BY_LIST)
        amounts = counts(usage)
        # two versions differ in the kinds of cached input alone, which need no price of their own
        unknown = _without_price(amounts[0], prices)
        if unknown is not None:
            return Cost(unknown=unknown)
        try:
            sums = {self._sum(each, context, when) for each in amounts}
        except ValueError:
            # genai-prices refuses parts that are more than their whole
            return Cost(unknown=NO_TOKENS)
        if len(sums) > 1:
            return Cost(unknown=NO_MODALITY)
        return Cost(sums.pop(), source=BY_LIST)

    def approximate_cost(self, input_tokens: int, output_tokens: int, when: datetime) -> float:
        """Return about how many US dollars a call of this size costs, with nothing cached.

        An amount without a price counts as 0. It is quicker than `cost`, as budgets in dollars
        need it before each call.
        """
        prices = self._prices(when, {})
        input_price = _price(prices, "input_mtok", input_tokens)
        # tiers of both prices depend on the size of the input
        output_price = _price(prices, "output_mtok", input_tokens)
        return (input_price * input_tokens + output_price * output_tokens) / 1e6

    def _prices(self, when: datetime, context: Mapping[str, str]) -> Any:
        """Return the prices that hold at this time and on these conditions."""
        return self.model.get_prices(when, context)

    def _unknown_condition(self, conditions: Conditions, when: datetime) -> str | None:
        """Return the first condition without a price, `None` if all have one.

        A condition that changes the same price as another one has none either, unless there is a
        price for all conditions together: nobody knows which of the two changes holds.
        """
        if not conditions:
            return None
        variants = self._variants(dict(conditions), when)
        changed: set[str] = set()
        for name, _ in conditions:
            own = [variant for variant in variants if name in variant.when]
            if not own:
                return name
            # a price for just this combination leaves no doubt which change holds
            if any(len(variant.when) == len(conditions) for variant in own):
                continue
            prices = _changed_prices(own)
            if prices & changed:
                return name
            changed |= prices
        return None

    def _variants(self, context: Mapping[str, str], when: datetime) -> list[Any]:
        """Return the variants of the price that apply to these conditions."""
        variants = self.model.price_variants or ()
        return [variant for variant in variants if _applies(variant, context, when)]

    def _sum(self, amounts: Counts, context: Mapping[str, str], when: datetime) -> float:
        """Return the US dollars of these amounts, as genai-prices works them out."""
        numbers: Counts = {}
        for name, number in amounts.items():
            if name in self.count_names:
                numbers[name] = number
        result = self.model.calc_price(
            self.usage(**numbers),
            self.provider,
            genai_request_timestamp=when,
            price_context=context or None,
        )
        return float(result.total_price)


def _changed_prices(variants: list[Any]) -> set[str]:
    """Return the names of the prices that these variants change."""
    names: set[str] = set()
    for variant in variants:
        for name, price in vars(variant.prices).items():
            if price is not None:
                names.add(name)
    return names


def _applies(variant: Any, context: Mapping[str, str], when: datetime) -> bool:
    """Whether a variant of a price holds at this time and on these conditions."""
    if variant.constraint is not None and not variant.constraint.active(when):
        return False
    return all(context.get(name) == value for name, value in variant.when.items())


def _without_price(amounts: Counts, prices: Any) -> str | None:
    """Return the reason for an unknown cost, if a price for one of the amounts is missing."""
    for name, (reason, keys) in _REQUIRED_PRICES.items():
        if not amounts.get(name):
            continue
        if all(getattr(prices, key, None) is None for key in keys):
            return reason
    return None


def _price(prices: Any, name: str, size: int) -> float:
    """Return the US dollars for a million tokens, with `size` tokens of input; 0 for no price."""
    price = getattr(prices, name, None)
    rate = getattr(price, "base", price) or 0
    # the tiers are sorted, and the last one that is reached holds for all tokens
    for tier in getattr(price, "tiers", ()):
        if size > tier.start:
            rate = tier.price
    return float(rate)
