"""The user's own prices and model names: a mapping, or a JSON file."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from callspan.accounting.prices.rates import FREE, KINDS, Rates

_EXAMPLE = (
    '{"currency": "USD", "models": {"my-model": {"input": 2, "output": 8}, '
    '"my-deployment": "openai/gpt-4.1"}}'
)


class PriceError(ValueError):
    """Prices that cannot be used; the message is one line that names the fix."""


@dataclass(frozen=True, slots=True)
class OwnPrices:
    """The user's own prices.

    Attributes:
        models: Prices by a model's name, or by `provider/model`. A text in place of prices is the
            name of another model that costs the same.
    """

    models: Mapping[str, Rates | str]

    def __str__(self) -> str:
        return f"{len(self.models)} models"

    def find(self, provider: str, *models: str | None) -> Rates | str | None:
        """Return the prices of the first of these models that has some, or another model's name."""
        for model in filter(None, models):
            # the name with the provider first: the same model may have another price elsewhere
            for name in (f"{provider}/{model}", model):
                if name in self.models:
                    return self.models[name]
        return None


def read(source: Any) -> OwnPrices:
    """Return own prices from a mapping or from the path of a JSON file; raises `PriceError`."""
    if isinstance(source, OwnPrices):
        return source
    if isinstance(source, (str, os.PathLike)):
        path = os.fspath(source)
        return _check(_load(path), f"{path}: ")
    return _check(source, "prices: ")


def _load(path: str | bytes) -> object:
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except OSError as error:
        raise PriceError(
            f"{path} cannot be read ({error.strerror}): give the path of a JSON file of prices"
        ) from None
    except ValueError as error:
        raise PriceError(f"{path} is not JSON ({error}): write it like {_EXAMPLE}") from None


def _check(data: object, source: str) -> OwnPrices:
    """Return the prices in data from outside; `source` begins the messages of errors."""
    models = data.get("models") if isinstance(data, Mapping) else None
    if not isinstance(data, Mapping) or not isinstance(models, Mapping):
        raise PriceError(f'{source}prices stand under "models", as in {_EXAMPLE}')
    unknown = sorted(set(map(str, data)) - {"currency", "models"})
    if unknown:
        raise PriceError(f'{source}{unknown[0]!r} is not known here: use "currency" and "models"')
    if data.get("currency", "USD") != "USD":
        raise PriceError(f"{source}the currency is {data['currency']!r}: prices must be in USD")
    prices: dict[str, Rates | str] = {}
    for name, value in models.items():
        prices[str(name)] = _prices_of_model(value, f"{source}model {str(name)!r}")
    return OwnPrices(prices)


def _prices_of_model(value: object, subject: str) -> Rates | str:
    """Return the prices of one model, or the name of another one that costs the same."""
    if isinstance(value, str) and value:
        return value
    # `False` equals 0, and is no price
    if value == 0 and not isinstance(value, bool):
        return FREE
    if not isinstance(value, Mapping) or not value:
        raise PriceError(
            f'{subject} must be prices such as {{"input": 2, "output": 8}}, 0, '
            "or another model's name"
        )
    return _rates(value, subject)


def _rates(prices: Mapping[Any, object], subject: str) -> Rates:
    known_kinds = (*KINDS, "call", "batch")
    unknown = sorted(set(map(str, prices)) - set(known_kinds))
    if unknown:
        raise PriceError(
            f"{subject} has a price for {unknown[0]!r}: known are {', '.join(known_kinds)}"
        )
    by_kind: dict[str, float] = {}
    for kind, price in prices.items():
        by_kind[str(kind)] = _usd(price, f"{subject}, {kind}")
    usd_per_call = by_kind.pop("call", 0.0)
    batch = by_kind.pop("batch", None)
    return Rates(by_kind, usd_per_call, batch)


def _usd(price: object, subject: str) -> float:
    """Return a price; raises `PriceError` for all but numbers of 0 or more."""
    message = f"{subject} is {price!r}: a price is US dollars for a million tokens, 0 or more"
    # `True` is an `int` in Python, and never meant as a price of 1
    if isinstance(price, bool) or not isinstance(price, (int, float)):
        raise PriceError(message)
    # NaN fails this as well: it is neither less nor more than a number
    if not 0 <= price <= sys.float_info.max:
        raise PriceError(message)
    return float(price)
