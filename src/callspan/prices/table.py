"""What a call has cost: by the user's own prices, else by the bundled ones; unknown stays unknown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from callspan import guard, process
from callspan.background import Worker, attended
from callspan.events import Call, Outcome, Usage
from callspan.prices import bundled
from callspan.prices.own import OwnPrices
from callspan.prices.rates import Rates

BILLED = frozenset({"chat", "text_completion", "generate_content", "embeddings"})
"""The operations that providers bill by tokens."""
NO_PRICE, NO_TOKENS = "price", "tokens"
"""Why a cost is unknown: nobody knows the price, or nobody stated the tokens."""
_KEPT = 1000
_MINUTE = 60_000_000_000


Models = tuple[str | None, str | None]
"""The model that was asked and the one that answered."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What is needed to work out the cost of a call, whenever that is wanted."""

    provider: str
    models: Models
    tier: str | None
    minute: int
    usage: Usage | None


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars, or why they are not known."""

    usd: float | None = None
    unknown: str | None = None


def charge(call: Call) -> Charge | None:
    """The charge of a call that has ended; `None` for one that is not billed, or that failed without stating tokens."""
    usage, details = call.response.usage, call.response.details
    refused = usage is None and call.outcome in (Outcome.ERROR, Outcome.CANCELLED) and not call.response.chunks
    if call.operation not in BILLED or refused:
        return None
    tier = details.get("service_tier") or call.parameters.get("service_tier")
    models = (call.model, call.response.model)
    charged = None if usage is None else usage.charged
    return Charge(call.provider, models, tier if isinstance(tier, str) else None, minute(call), charged)


def minute(call: Call) -> int:
    """When a call began, in minutes since 1970: some prices change with the time of day."""
    return call.start_ns // _MINUTE


class Prices:
    """Own prices over the bundled ones, which are loaded in the background or when first asked for."""

    def __init__(self, own: OwnPrices | None = None) -> None:
        self._own = own or OwnPrices({})
        self._bundled: bundled.Bundled | None = None
        self._lock = process.own_lock(self)
        self._known: dict[Any, Rates | None] = {}
        self.ready = False
        self._said = False

    def load(self) -> None:
        """Load the bundled prices, which takes most of a second; what goes wrong leaves them out."""
        with self._lock:
            if self.ready:
                return
            try:
                self._bundled = bundled.Bundled() if bundled.installed() else None
            except Exception as error:  # noqa: BLE001  a broken extra must not cost the app its telemetry
                guard.report("loading genai-prices", error)
            self.ready = True

    def begin(self) -> None:
        """Load in the background."""
        if not self._own.models and not bundled.installed():
            guard.say_once("costs are not known without prices: pip install 'callspan[prices]', or give prices=")
        if not self.ready:
            _worker.start()
            _worker.put(self.load)

    def then(self, job: Callable[[], object]) -> None:
        """Run a job in the background once the prices are there."""
        _worker.start()
        _worker.put(lambda: (self.load(), job()))

    def cost(self, item: Charge) -> Cost:
        """What a charge comes to; waits for the prices if they are still being loaded."""
        if item.usage is None or item.usage.input is None:
            return Cost(unknown=NO_TOKENS)
        rates = self.rates(item.provider, item.models, item.tier, item.minute)
        usd = rates.cost(item.usage) if rates is not None else None
        return Cost(unknown=NO_PRICE) if usd is None else Cost(usd)

    def warn(self, item: Charge) -> None:
        """Say of the first model without a price that it has none; of each would never end where names are made up."""
        model = item.models[0] or item.models[1]
        if self._said or model is None:
            return
        self._said = True
        if self._own.models or self._bundled is not None:
            guard.say_once(
                f"nobody knows the price of {model}, nor maybe of others: callspan.cost.unknown tells which; "
                "give it in prices="
            )

    def rates(self, provider: str, models: Models, tier: str | None, minute: int) -> Rates | None:
        """The prices of the models that were asked and that answered, in a minute since 1970."""
        if not self.ready:
            self.load()
        key = (provider, models, tier, minute)
        if key not in self._known:
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[key] = self._find(Charge(provider, models, tier, minute, None))
        return self._known[key]

    def _find(self, item: Charge) -> Rates | None:
        asked, answered = item.models
        own = self._own.find(item.provider, asked, answered)
        if isinstance(own, Rates):
            return own
        if own is not None:
            provider, _, name = own.rpartition("/")
            return self._look_up(item, provider or item.provider, name) or self._look_up(item, "openrouter", own)
        found = (self._look_up(item, item.provider, model) for model in (answered, asked) if model)
        return next((rates for rates in found if rates is not None), None)

    def _look_up(self, item: Charge, provider: str, model: str) -> Rates | None:
        if self._bundled is None:
            return None
        try:
            when = datetime.fromtimestamp(item.minute * 60, timezone.utc)
            return self._bundled.rates(provider, model, item.tier, when)
        except Exception as error:  # noqa: BLE001  odd data of another package is an unknown price
            guard.report("looking up a price", error)
            return None


_worker = attended(Worker("callspan-prices"))
_in_force = Prices()


def use(prices: Prices) -> None:
    """Put prices in force for the process."""
    global _in_force
    _in_force = prices


def in_force() -> Prices:
    """The prices that `instrument()` has put in force, else the bundled ones."""
    return _in_force
