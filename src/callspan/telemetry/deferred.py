"""Attributes that are there only after the end of a call: estimated counts, and its cost."""

from __future__ import annotations

from collections.abc import Callable

from callspan.accounting.prices import table
from callspan.accounting.prices.cost import Cost
from callspan.accounting.prices.priced_call import price_call
from callspan.events import Call
from callspan.semconv import attributes
from callspan.semconv.attributes import Attributes
from callspan.semconv.conventions import CHOICES
from callspan.settings.settings import Settings


class Deferred:
    """Delivers the deferred attributes of a call: at once if they are there, else as they come."""

    def __init__(self, settings: Settings) -> None:
        self._estimates = settings.estimate == "missing"
        self._costs = settings.cost
        self._conventions = CHOICES[settings.semconv]

    @classmethod
    def from_settings(cls, settings: Settings) -> Deferred | None:
        """Return the deferred attributes for these settings; `None` where there are none."""
        if settings.estimate == "missing" or settings.cost:
            return cls(settings)
        return None

    def deliver(self, call: Call, receive: Callable[[Attributes], object]) -> None:
        """Call `receive` once with the deferred attributes, perhaps in a background thread."""
        # The counts of a response that the provider makes in the background come after its span has
        # ended, so only the metric has its cost (`Metrics.on_background_end`).
        item = None
        if self._costs and not call.response.pending:
            item = price_call(call)

        def work_out() -> None:
            estimated: Attributes = {}
            if self._estimates:
                estimated = attributes.estimate(call, self._conventions)
            if item is None:
                receive(estimated)
                return

            def receive_cost(cost: Cost) -> None:
                receive(estimated | attributes.cost(cost.usd, cost.source, cost.unknown))

            table.in_force().work_out(item, receive_cost)

        # the estimate first: its thread runs this job, and the cost is asked for there
        if call.estimate is not None and self._estimates:
            call.estimate.then(work_out)
        else:
            work_out()
