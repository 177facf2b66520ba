"""The user's own prices and model names: a mapping, or a JSON file."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from callspan.accounting.prices.rates import FREE, KINDS, Rates

_EXAMPLE = '{"currency": "USD", "models": {"my-model": {"input": 2, "output": 8}, "my-deployment": "openai/gpt-4.1"}}'


class PriceError(ValueError):
    """Prices that cannot be used; the message is one line that names the fix."""


@dataclass(frozen=True, slots=True)
class OwnPrices:
    """Prices by model name, or by `provider/model`; a text in their place is the model that has the same price."""

    models: Mapping[str, Rates | str]

    def __str__(self) -> str:
        return f"{len(self.models)} models"

    def find(self, provider: str, *models: str | None) -> Rates | str | None:
        """The prices of the first of these names that is there, or the name of another model."""
        for model in filter(None, models):
            for name in (f"{provider}/{model}", model):
                if name in self.models:
                    return self.models[name]
        return None


def read(source: Any) -> OwnPrices:
    """Own prices from a mapping or from the path of a JSON file; raises `PriceError`."""
    if isinstance(source, OwnPrices):
        return source
    if isinstance(source, (str, os.PathLike)):
        return _checked(_load(os.fspath(source)), f"{os.fspath(source)}: ")
    return _checked(source, "prices: ")


def _load(path: Any) -> Any:
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except OSError as error:
        raise PriceError(
            f"{path} cannot be read ({error.strerror}): give the path of a JSON file of prices"
        ) from None
    except ValueError as error:
        raise PriceError(f"{path} is not JSON ({error}): write it like {_EXAMPLE}") from None


def _checked(data: Any, place: str) -> OwnPrices:
    models = data.get("models") if isinstance(data, Mapping) else None
    if not isinstance(data, Mapping) or not isinstance(models, Mapping):
        raise PriceError(f'{place}prices stand under "models", as in {_EXAMPLE}')
    unknown = sorted(set(map(str, data)) - {"currency", "models"})
    if unknown:
        raise PriceError(f'{place}{unknown[0]!r} is not known here: use "currency" and "models"')
    if data.get("currency", "USD") != "USD":
        raise PriceError(f"{place}the currency is {data['currency']!r}: prices must be in USD")
    return OwnPrices(
        {str(name): _rates(value, f"{place}model {str(name)!r}") for name, value in models.items()}
    )


def _rates(value: Any, place: str) -> Rates | str:
    if isinstance(value, str) and value:
        return value
    if value == 0 and not isinstance(value, bool):
        return FREE
    if not isinstance(value, Mapping) or not value:
        raise PriceError(
            f'{place} must be prices such as {{"input": 2, "output": 8}}, 0, or another model\'s name'
        )
    unknown = sorted(set(map(str, value)) - {*KINDS, "call"})
    if unknown:
        raise PriceError(
            f"{place} has a price for {unknown[0]!r}: known are {', '.join((*KINDS, 'call'))}"
        )
    usd = {str(kind): _usd(price, f"{place}, {kind}") for kind, price in value.items()}
    return Rates(
        {kind: price for kind, price in usd.items() if kind != "call"}, usd.get("call", 0.0)
    )


def _usd(price: Any, place: str) -> float:
    if (
        isinstance(price, bool)
        or not isinstance(price, (int, float))
        or not math.isfinite(price)
        or price < 0
    ):
        raise PriceError(
            f"{place} is {price!r}: a price is US dollars for a million tokens, 0 or more"
        )
    return float(price)
