"""The cost of calls: by the user's own prices, else as the provider states it, else by price list.

A cost that none of them knows stays unknown; it is never taken for 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone

from callspan.accounting.prices import bundled
from callspan.accounting.prices.bundled import ModelPrices
from callspan.accounting.prices.conditions import BATCH
from callspan.accounting.prices.cost import BY_LIST, BY_OWN, BY_PROVIDER, NO_PRICE, NO_TOKENS, Cost
from callspan.accounting.prices.model_names import candidates
from callspan.accounting.prices.own import OwnPrices
from callspan.accounting.prices.priced_call import PricedCall
from callspan.accounting.prices.rates import Rates
from callspan.events import Usage
from callspan.events.usage import Share
from callspan.runtime import guard, process
from callspan.runtime.background import Worker


class Prices:
    """Own prices over the bundled ones, which are loaded in the background or at the first use.

    Attributes:
        ready: Whether the bundled prices are loaded, or cannot be.
        is_requested: Whether the setting `cost` asks for the cost of all calls.
    """

    def __init__(self, own: OwnPrices | None = None) -> None:
        self._own = own or OwnPrices({})
        self._bundled: bundled.Bundled | None = None
        self._lock = process.own_lock(self)
        self.ready = False
        self.is_requested = False
        self._has_warned = False

    def load(self) -> None:
        """Load the bundled prices, which takes most of a second.

        Where they are not installed, or fail to load, there are only own prices.
        """
        with self._lock:
            if self.ready:
                return
            try:
                if bundled.installed():
                    self._bundled = bundled.Bundled()
            except Exception as error:  # noqa: BLE001  a broken extra must not break telemetry
                guard.report("loading genai-prices", error)
            # also after a failure: to try again would take most of a second in each call
            self.ready = True

    def begin(self) -> None:
        """Load in the background, as all calls are to be priced; warn if there are no prices at all."""
        self.is_requested = True
        if not self._own.models and not bundled.installed():
            guard.say_once(
                "costs are not known without prices: "
                "pip install 'callspan[prices]', or give prices="
            )
        # without a thread the first cost that somebody needs loads them
        if not self.ready and _worker.try_start():
            _worker.put(self.load)

    def then(self, job: Callable[[], object]) -> None:
        """Run a job in the background once the prices are there; here if there can be no thread."""

        def load_and_run() -> None:
            # this job may be the first to need prices, and a second load returns at once
            self.load()
            job()

        if _worker.try_start():
            _worker.put(load_and_run)
        else:
            # a span waits for its cost: late is better than never
            load_and_run()

    def work_out(self, priced_call: PricedCall, receive: Callable[[Cost], object]) -> None:
        """Call `receive` with the cost: at once where that is quick, else in the background.

        The sums of genai-prices are too slow for the path of a call.
        """
        cost = priced_call.cost or self._quick_cost(priced_call)
        if cost is not None:
            receive(cost)
        else:
            self.then(lambda: receive(self.cost(priced_call)))

    def cost(self, priced_call: PricedCall) -> Cost:
        """Return the cost of a call; waits for the prices if they are still being loaded."""
        if priced_call.cost is None:
            priced_call.cost = self._quick_cost(priced_call) or self._list_cost(priced_call)
        return priced_call.cost

    def _quick_cost(self, priced_call: PricedCall) -> Cost | None:
        """Return the cost by own prices or as the provider states it; `None` for that by list."""
        usage = priced_call.usage
        # the user's word first, then that of who sends the bill (docs/decisions/0050)
        own = self._own.find(priced_call.provider, *priced_call.models)
        if isinstance(own, Rates) and usage is not None:
            usd = self._own_usd(priced_call, own, usage)
            if usd is not None:
                return Cost(usd, source=BY_OWN)
        if priced_call.provider_usd is not None:
            return Cost(priced_call.provider_usd, source=BY_PROVIDER)
        if usage is None:
            return Cost(unknown=NO_TOKENS)
        if usage.input is None and not usage.has_units:
            return Cost(unknown=NO_TOKENS)
        if isinstance(own, Rates):
            # own prices hold for the whole call, so no price of the list fills their gap
            return Cost(unknown=NO_PRICE)
        return None

    def _own_usd(self, priced_call: PricedCall, own: Rates, usage: Usage) -> float | None:
        """Return US dollars by own prices, the price of the call included; `None` if unknown."""
        # the list price would be too high for a request in a batch
        factor = own.batch if BATCH in priced_call.conditions else 1.0
        tokens_usd = self._own_usd_of_tokens(priced_call, own, usage)
        if factor is None or tokens_usd is None:
            return None
        return (tokens_usd + own.call) * factor

    def _own_usd_of_tokens(self, priced_call: PricedCall, own: Rates, usage: Usage) -> float | None:
        """Return US dollars by own prices without the price of the call; `None` if unknown."""
        if not usage.shares:
            return own.cost(usage)
        total = 0.0
        for share in usage.shares:
            usd = self._own_usd_of_share(priced_call, own, share)
            if usd is None:
                return None
            total += usd
        return total

    def _own_usd_of_share(self, priced_call: PricedCall, own: Rates, share: Share) -> float | None:
        """Return US dollars by the call's own prices, unless the share is of another model."""
        prices: Rates | str | None = own
        if share.model not in (None, *priced_call.models):
            prices = self._own.find(priced_call.provider, share.model)
        if isinstance(prices, Rates):
            return prices.cost(share.usage)
        return self._list_cost_of_share(priced_call, share).usd

    def _list_cost(self, priced_call: PricedCall) -> Cost:
        """Return the cost by the price list, each share by the prices of its model."""
        usage = priced_call.usage
        if usage is None:
            return Cost(unknown=NO_TOKENS)
        total = 0.0
        for share in usage.shares or (Share(None, usage),):
            cost = self._list_cost_of_share(priced_call, share)
            # a part of the cost would look like all of it
            if cost.usd is None:
                return cost
            total += cost.usd
        return Cost(total, source=BY_LIST)

    def _list_cost_of_share(self, priced_call: PricedCall, share: Share) -> Cost:
        # another model's share is looked up by that name alone, not by those of the call
        models = priced_call.models if share.model is None else (share.model, None)
        usage = _with_fees(priced_call.usage, share)
        try:
            prices = self._find(priced_call.provider, *models)
            if prices is None:
                return Cost(unknown=NO_PRICE)
            return prices.cost(usage, priced_call.conditions, _moment(priced_call.minute))
        except Exception as error:  # noqa: BLE001  odd data of another package is an unknown price
            guard.report("working out a cost", error)
            return Cost(unknown=NO_PRICE)

    def approximate_cost(
        self, provider: str, model: str | None, minute: int, input_tokens: int, output_tokens: int
    ) -> float:
        """Return about how many US dollars a call of this size costs, with nothing cached.

        It is 0 where the price is unknown. `minute` is that of the call, since 1970.
        """
        if self._own.models:
            own = self._own.find(provider, model)
            if isinstance(own, Rates):
                return own.approximate_cost(input_tokens, output_tokens)
        prices = self._find(provider, model, None)
        if prices is None:
            return 0.0
        return prices.approximate_cost(input_tokens, output_tokens, _moment(minute))

    def _find(
        self, provider: str, request_model: str | None, response_model: str | None
    ) -> ModelPrices | None:
        """Return the bundled prices of a model, or of the one that an own name stands for."""
        if not self.ready:
            self.load()
        if self._bundled is None:
            return None
        names = candidates(provider, request_model, response_model)
        if self._own.models:
            other = self._own.find(provider, request_model, response_model)
            if isinstance(other, str):
                server, _, model = other.rpartition("/")
                # OpenRouter's names have a slash, and are in the list with it
                names = (server or provider, model), ("openrouter", other)
        for list_provider, name in names:
            prices = self._bundled.find(list_provider, name)
            if prices is not None:
                return prices
        return None

    def warn(self, priced_call: PricedCall) -> None:
        """Log that a model has no price, for the first one only.

        An app may make up names of models, and the lines would never end.
        """
        request_model, response_model = priced_call.models
        model = request_model or response_model
        if self._has_warned or model is None:
            return
        self._has_warned = True
        if self._own.models or self._bundled is not None:
            guard.say_once(
                f"nobody knows the price of {model}, nor maybe of others: "
                "callspan.cost.unknown tells which; give it in prices="
            )


def _with_fees(whole: Usage | None, share: Share) -> Usage:
    """Return the counts of a share; the first one has the uses of tools of the whole answer.

    Providers state these for the answer, and each use is to be charged once.
    """
    if whole is None or not whole.details or not whole.shares:
        return share.usage
    if share is not whole.shares[0]:
        return share.usage
    return replace(share.usage, details={**whole.details, **(share.usage.details or {})})


def _moment(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, timezone.utc)


# a thread of its own: loading takes most of a second, and would hold up the short jobs
_worker = Worker("callspan-prices", is_drained=True)
# there from the start, as `count.cost` can be read without the setting `cost`
_in_force = Prices()


def use(prices: Prices) -> None:
    """Put prices in force for the process."""
    global _in_force
    _in_force = prices


def in_force() -> Prices:
    """Return the prices that `instrument()` has put in force, else the bundled ones."""
    return _in_force
