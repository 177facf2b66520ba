"""What is known of a call only when it has ended, and sometimes a moment later: estimated counts, and its cost."""

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
    """Tells what it is, at once where it is known and else in the background, as soon as it is."""

    def __init__(self, settings: Settings) -> None:
        self._estimates = settings.estimate == "missing"
        self._costs = settings.cost
        self._conventions = CHOICES[settings.semconv]

    @classmethod
    def from_settings(cls, settings: Settings) -> Deferred | None:
        """What these settings ask for; `None` where nothing of a call comes late."""
        return cls(settings) if settings.estimate == "missing" or settings.cost else None

    def tell(self, call: Call, hear: Callable[[Attributes], object]) -> None:
        """Have the attributes heard that come beside the rest."""
        item = price_call(call) if self._costs and not call.response.pending else None

        def work_out() -> None:
            estimated = attributes.estimate(call, self._conventions) if self._estimates else {}
            if item is None:
                hear(estimated)
                return
            table.in_force().work_out(item, lambda cost: hear(estimated | _attributes(cost)))

        if call.estimate is not None and self._estimates:
            call.estimate.then(work_out)
        else:
            work_out()


def _attributes(cost: Cost) -> Attributes:
    return attributes.cost(cost.usd, cost.source, cost.unknown)
