"""Facts that are there only after the end of a call: estimated counts, and its cost."""

from __future__ import annotations

from collections.abc import Callable

from callspan.accounting.prices import table
from callspan.accounting.prices.cost import Cost
from callspan.accounting.prices.priced_call import price_call
from callspan.events import Call
from callspan.semconv import counts
from callspan.semconv.conventions import CHOICES
from callspan.semconv.counts import Attributes
from callspan.settings.settings import Settings


class Deferred:
    """Delivers the deferred facts of a call: at once if they are there, else as they come.

    Attributes:
        has_estimates: Whether counts that providers leave out are estimated.
    """

    def __init__(self, settings: Settings) -> None:
        self.has_estimates = settings.estimate == "missing"
        self._costs = settings.cost
        self._conventions = CHOICES[settings.semconv]

    @classmethod
    def from_settings(cls, settings: Settings) -> Deferred | None:
        """Return the deferred facts for these settings; `None` where there are none."""
        if settings.estimate == "missing" or settings.cost:
            return cls(settings)
        return None

    def deliver(self, call: Call, receive: Callable[[Attributes], object]) -> None:
        """Call `receive` once with the facts as attributes, perhaps in a background thread."""

        def receive_cost(cost: Cost | None) -> None:
            more: Attributes = {}
            if self.has_estimates:
                more.update(counts.estimate(call, self._conventions))
            if cost is not None:
                more.update(counts.cost(cost.usd, cost.source, cost.unknown))
            receive(more)

        self.work_out(call, receive_cost)

    def work_out(self, call: Call, receive: Callable[[Cost | None], object]) -> None:
        """Call `receive` once with the cost; the estimate of the call is there by then.

        The cost is `None` for a call that costs nothing, and where no costs are wanted.
        """
        # The counts of a response that the provider makes in the background come after its span has
        # ended, so only the metric has its cost (`Metrics.on_background_end`).
        item = None
        if self._costs and not call.response.pending:
            item = price_call(call)

        def work_out_cost() -> None:
            if item is None:
                receive(None)
            else:
                table.in_force().work_out(item, receive)

        # the estimate first: its thread runs this job, and the cost is asked for there
        if call.estimate is not None and self.has_estimates:
            call.estimate.then(work_out_cost)
        else:
            work_out_cost()
