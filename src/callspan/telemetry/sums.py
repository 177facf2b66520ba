"""Sums of the calls to models inside agents and workflows, for the spans of these."""

from __future__ import annotations

import sys
from collections.abc import Callable

from callspan.accounting.prices.cost import Cost
from callspan.events import Call, Outcome, Usage
from callspan.runtime.process import own_lock
from callspan.semconv import names
from callspan.semconv.attributes import Attributes
from callspan.telemetry.deferred import Deferred

_STATE = "sums"
"""The key in `Call.handler_state` of an agent or a workflow."""
_FAILED = (Outcome.ERROR, Outcome.CANCELLED)
_BY_ADDITION = "calls"
"""The source of a cost that is added up here."""
MOST_MODELS = 20
"""The most models that one span names: an app may make up names of models."""
_lock = own_lock(sys.modules[__name__], "_lock")
"""One lock for all sums: it is held for a moment only."""


class Sums:
    """The calls to models inside one agent or workflow, added up.

    Attributes:
        calls: How many have ended.
        waiting: Those of them whose estimate or cost is still to come.
        receive: Takes the sums as attributes, once the agent has ended and no call is waiting.
    """

    __slots__ = (
        "_counts",
        "_models",
        "_usd",
        "calls",
        "is_closed",
        "receive",
        "waiting",
    )

    def __init__(self) -> None:
        self.calls = 0
        self.waiting = 0
        self.is_closed = False
        self.receive: Callable[[Attributes], object] | None = None
        self._counts: dict[str, int] = {}
        self._usd: float | None = None
        self._models: set[str] = set()

    def add(self, call: Call, estimate: Usage | None, cost: Cost | None) -> None:
        """Add the facts of a call that is counted already."""
        model = call.response.model or call.model
        if model and len(self._models) < MOST_MODELS:
            self._models.add(model)
        if call.outcome in _FAILED:
            self._count(names.SUM_FAILED_CALLS, 1)
        self._add_tokens(call, estimate)
        if cost is None:
            return
        if cost.usd is None:
            self._count(names.SUM_COST_UNKNOWN_CALLS, 1)
        else:
            self._usd = (self._usd or 0.0) + cost.usd

    def _add_tokens(self, call: Call, estimate: Usage | None) -> None:
        counts = call.response.usage or Usage()
        if estimate is not None:
            # what the provider has stated is in it
            counts = estimate
            self._count(names.SUM_ESTIMATED_CALLS, 1)
        if counts.input is not None:
            self._count(names.SUM_INPUT_TOKENS, counts.input)
        if counts.output is not None:
            self._count(names.SUM_OUTPUT_TOKENS, counts.output)
        # a failed call uses no tokens, as far as anybody knows
        if call.outcome is not Outcome.ERROR and call.lacks_count(counts):
            self._count(names.SUM_UNKNOWN_CALLS, 1)

    def _count(self, name: str, number: int) -> None:
        self._counts[name] = self._counts.get(name, 0) + number

    def attributes(self) -> Attributes:
        """Return the sums as attributes; one that no call states is left out."""
        result: Attributes = {names.SUM_CALLS: self.calls, **self._counts}
        if self._models:
            result[names.SUM_MODELS] = sorted(self._models)
        if self._usd is not None:
            result[names.SUM_COST] = self._usd
            result[names.SUM_COST_SOURCE] = _BY_ADDITION
        return result


class CallAdder:
    """Adds each call to all agents and workflows around it that are open when it ends."""

    def __init__(self, deferred: Deferred | None) -> None:
        self._deferred = deferred

    def add(self, call: Call) -> None:
        """Add a call to a model that has ended."""
        with _lock:
            around = [sums for sums in _sums_around(call) if not sums.is_closed]
            for sums in around:
                sums.calls += 1
                sums.waiting += 1
        if not around:
            return
        if self._deferred is None:
            self._complete(call, around, None)
        else:
            self._deferred.work_out(call, lambda cost: self._complete(call, around, cost))

    def _complete(self, call: Call, around: list[Sums], cost: Cost | None) -> None:
        """Add what is there of a call now, and end the spans that waited for it alone."""
        estimate = self._estimate(call)
        complete: list[Sums] = []
        with _lock:
            for sums in around:
                sums.add(call, estimate, cost)
                sums.waiting -= 1
                if sums.is_closed and not sums.waiting:
                    complete.append(sums)
        for sums in complete:
            if sums.receive is not None:
                sums.receive(sums.attributes())

    def _estimate(self, call: Call) -> Usage | None:
        """Return the estimated tokens of a call, where they are wanted and there."""
        if self._deferred is None or call.estimate is None:
            return None
        return call.estimate.usage if self._deferred.has_estimates else None


def deliver(call: Call, receive: Callable[[Attributes], object]) -> None:
    """Call `receive` once with the sums of an agent that has ended, perhaps in another thread."""
    sums: Sums = call.handler_state[_STATE]
    with _lock:
        sums.is_closed = True
        if sums.waiting:
            # the thread that works out the last estimate or cost does it
            sums.receive = receive
            return
    receive(sums.attributes())


def has_sums(call: Call) -> bool:
    """Whether calls to models have ended inside an agent or a workflow."""
    return _STATE in call.handler_state


def _sums_around(call: Call) -> list[Sums]:
    """Return the sums of the agents and workflows around a call, the innermost first."""
    result: list[Sums] = []
    outer = call.parent
    while outer is not None:
        if outer.facts.has_sums:
            result.append(outer.handler_state.setdefault(_STATE, Sums()))
        outer = outer.parent
    return result
