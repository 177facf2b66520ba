"""What a call has cost: by the user's own prices, the provider's word or the bundled prices; unknown stays unknown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone

from callspan.accounting.prices import bundled
from callspan.accounting.prices.bundled import ModelPrices
from callspan.accounting.prices.cost import BY_LIST, BY_OWN, BY_PROVIDER, NO_PRICE, NO_TOKENS, Cost
from callspan.accounting.prices.model_names import candidates
from callspan.accounting.prices.own import OwnPrices
from callspan.accounting.prices.priced_call import PricedCall
from callspan.accounting.prices.rates import Rates
from callspan.events import Usage
from callspan.events.usage import Share
from callspan.runtime import guard, process
from callspan.runtime.background import Worker, attended


class Prices:
    """Own prices over the bundled ones, which are loaded in the background or when first asked for."""

    def __init__(self, own: OwnPrices | None = None) -> None:
        self._own = own or OwnPrices({})
        self._bundled: bundled.Bundled | None = None
        self._lock = process.own_lock(self)
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
            guard.say_once(
                "costs are not known without prices: pip install 'callspan[prices]', or give prices="
            )
        if not self.ready:
            _worker.start()
            _worker.put(self.load)

    def then(self, job: Callable[[], object]) -> None:
        """Run a job in the background once the prices are there."""
        _worker.start()
        _worker.put(lambda: (self.load(), job()))

    def work_out(self, item: PricedCall, hear: Callable[[Cost], object]) -> None:
        """Have the cost heard at once where that is quick, and else in the background: genai-prices takes its time."""
        cost = item.cost or self._by_word(item)
        if cost is not None:
            hear(cost)
        else:
            self.then(lambda: hear(self.cost(item)))

    def cost(self, item: PricedCall) -> Cost:
        """Return what a charge comes to; waits for the prices if they are still being loaded."""
        if item.cost is None:
            item.cost = self._by_word(item) or self._by_list(item)
        return item.cost

    def _by_word(self, item: PricedCall) -> Cost | None:
        """Return the cost by own prices or by the provider's word; `None` where the bundled prices have to tell."""
        own = self._own.find(item.provider, *item.models)
        if isinstance(own, Rates) and item.usage is not None:
            parts = [self._own_cost(item, own, share) for share in item.usage.shares]
            parts = parts or [own.cost(item.usage)]
            if None not in parts:
                return Cost(sum(filter(None, parts)) + own.call, source=BY_OWN)
        if item.stated is not None:
            return Cost(item.stated, source=BY_PROVIDER)
        if item.usage is None or item.usage.input is None:
            return Cost(unknown=NO_TOKENS)
        return Cost(unknown=NO_PRICE) if isinstance(own, Rates) else None

    def _own_cost(self, item: PricedCall, own: Rates, share: Share) -> float | None:
        """Return what a share costs: by the call's own price unless another model has one of its own."""
        other = self._own.find(item.provider, share.model)
        if share.model in (None, *item.models):
            other = own
        if isinstance(other, Rates):
            return other.cost(share.usage)
        return self._sum(item, share).usd

    def _by_list(self, item: PricedCall) -> Cost:
        """Return the cost by the bundled prices, each share by those of its model."""
        if item.usage is None:
            return Cost(unknown=NO_TOKENS)
        total = 0.0
        for share in item.usage.shares or (Share(None, item.usage),):
            cost = self._sum(item, share)
            if cost.usd is None:
                return cost
            total += cost.usd
        return Cost(total, source=BY_LIST)

    def _sum(self, item: PricedCall, share: Share) -> Cost:
        models = item.models if share.model is None else (share.model, None)
        usage = _with_fees(item.usage, share)
        try:
            prices = self._find(item.provider, *models)
            if prices is None:
                return Cost(unknown=NO_PRICE)
            return prices.cost(usage, item.conditions, _moment(item.minute))
        except Exception as error:  # noqa: BLE001  odd data of another package is an unknown price
            guard.report("working out a cost", error)
            return Cost(unknown=NO_PRICE)

    def plain(self, provider: str, model: str | None, minute: int, sent: int, said: int) -> float:
        """Return about what a call of this size would cost, with nothing cached; 0 where the price is not known."""
        if self._own.models:
            own = self._own.find(provider, model)
            if isinstance(own, Rates):
                return own.plain(sent, said)
        prices = self._find(provider, model, None)
        return 0.0 if prices is None else prices.plain(sent, said, _moment(minute))

    def _find(
        self, provider: str, request_model: str | None, response_model: str | None
    ) -> ModelPrices | None:
        """Return the bundled prices of a model, or of the one that an own name stands for."""
        if not self.ready:
            self.load()
        if self._bundled is None:
            return None
        named = candidates(provider, request_model, response_model)
        if self._own.models:
            other = self._own.find(provider, request_model, response_model)
            if isinstance(other, str):
                server, _, model = other.rpartition("/")
                named = (server or provider, model), ("openrouter", other)
        for named_provider, name in named:
            prices = self._bundled.find(named_provider, name)
            if prices is not None:
                return prices
        return None

    def warn(self, item: PricedCall) -> None:
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


def _with_fees(whole: Usage | None, share: Share) -> Usage:
    """Return the counts of a share; the first one has the uses of tools, which are stated for the whole answer."""
    if whole is None or not whole.details or not whole.shares or share is not whole.shares[0]:
        return share.usage
    return replace(share.usage, details={**whole.details, **(share.usage.details or {})})


def _moment(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, timezone.utc)


_worker = attended(Worker("callspan-prices"))
_in_force = Prices()


def use(prices: Prices) -> None:
    """Put prices in force for the process."""
    global _in_force
    _in_force = prices


def in_force() -> Prices:
    """The prices that `instrument()` has put in force, else the bundled ones."""
    return _in_force
