"""The prices that genai-prices brings along, without its network access; the package is an extra."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from callspan.prices.rates import Rate, Rates

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
_KINDS = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "output_reasoning_mtok": "reasoning",
    "input_audio_mtok": "input_audio",
    "output_audio_mtok": "output_audio",
    "input_image_mtok": "input_image",
    "output_image_mtok": "output_image",
}


def installed() -> bool:
    """Whether the package is there; it is not imported."""
    return importlib.util.find_spec("genai_prices") is not None


class Bundled:
    """The bundled data. Making one takes most of a second, and reads no network."""

    def __init__(self) -> None:
        from genai_prices import data_snapshot

        self._data = data_snapshot.get_snapshot()

    def rates(self, provider: str, model: str, tier: str | None, when: datetime) -> Rates | None:
        """The prices of a model at a time, for a service tier; `None` where the data does not have them."""
        try:
            _, found = self._data.find_provider_model(model, None, _PROVIDERS.get(provider, provider), None)
        except LookupError:
            return None
        context = {"service_tier": tier} if tier and getattr(found, "price_variants", None) else None
        prices: Any = found.get_prices(when, context) if context else found.get_prices(when)
        return _rates({name: value for name, value in vars(prices).items() if value is not None})


def _rates(told: Mapping[str, Any]) -> Rates | None:
    by_kind = {kind: _rate(told[name]) for name, kind in _KINDS.items() if name in told}
    if not by_kind.keys() & {"input", "output"}:
        return None  # priced by the hour, the page or the picture, which no call states
    return Rates(by_kind, float(getattr(told.get("requests_kcount"), "base", told.get("requests_kcount", 0))) / 1000)


def _rate(price: Any) -> Rate:
    tiers = getattr(price, "tiers", ())
    return Rate(float(getattr(price, "base", price)), tuple((tier.start, float(tier.price)) for tier in tiers))
