"""What is known of a call only when it has ended, and sometimes a moment later: estimated counts, and its cost."""

from __future__ import annotations

from collections.abc import Callable

from callspan.events import Call
from callspan.prices import table
from callspan.semconv import attributes
from callspan.semconv.attributes import Attributes
from callspan.semconv.conventions import CHOICES
from callspan.settings import Settings

Job = Callable[[], object]


class Late:
    """Tells how to wait for it, and what it is."""

    def __init__(self, settings: Settings) -> None:
        self._estimates = settings.estimate == "missing"
        self._costs = settings.cost
        self._conventions = CHOICES[settings.semconv]

    def wait(self, call: Call) -> Callable[[Job], None] | None:
        """Takes a job to do in the background when all is known; `None` if it is known now."""
        if call.estimate is not None and self._estimates:
            return call.estimate.then
        prices = table.in_force()
        return prices.then if self._costs and not prices.ready else None

    def told(self, call: Call) -> Attributes:
        """What is told of it beside the rest."""
        found = attributes.estimate(call, self._conventions) if self._estimates else {}
        item = table.charge(call) if self._costs else None
        if item is not None:
            cost = table.in_force().cost(item)
            found.update(attributes.cost(cost.usd, cost.unknown))
        return found
