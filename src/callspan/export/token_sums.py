"""Tokens added up by model, as data: the table at the end of a program and any other view show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from callspan.accounting.prices.cost_sum import CostSum
from callspan.accounting.prices.priced_call import price_call
from callspan.accounting.prices.table import in_force
from callspan.events import Call, Outcome, Response, Usage
from callspan.events.usage import add_counts
from callspan.runtime import process

COUNTS = ("input", "cache_read", "output", "reasoning", "total")
"""The counts of `Usage` that are added up."""


@dataclass(slots=True)
class ModelSums:
    """Calls and tokens of one model, or of several.

    A count is `None` where no provider stated it, never 0.

    Attributes:
        calls: How many calls have ended.
        input: Input tokens, with cached ones.
        cache_read: The part of the input that was read from a cache.
        output: Output tokens, with reasoning.
        reasoning: The part of the output that is reasoning.
        total: Input and output.
        unknown: Successful calls whose tokens are not in the sums.
        errors: Calls that failed.
        estimated_input: Input tokens that callspan has estimated, beyond those in `input`.
        estimated_output: Output tokens, likewise.
        costs: The costs of the calls, if the setting `cost` asks for them.
    """

    calls: int = 0
    input: int | None = None
    cache_read: int | None = None
    output: int | None = None
    reasoning: int | None = None
    total: int | None = None
    unknown: int = 0
    errors: int = 0
    estimated_input: int = 0
    estimated_output: int = 0
    costs: CostSum = field(default_factory=CostSum, repr=False, compare=False)

    def add_usage(self, usage: Usage | ModelSums) -> None:
        """Add the tokens of a call, or of another model."""
        for name in COUNTS:
            value = getattr(usage, name)
            if value is not None:
                # a count becomes a number with the first call that states it
                setattr(self, name, add_counts(getattr(self, name), value))

    def add(self, other: ModelSums) -> None:
        """Add the calls and tokens of another model."""
        self.calls += other.calls
        self.unknown += other.unknown
        self.errors += other.errors
        self.estimated_input += other.estimated_input
        self.estimated_output += other.estimated_output
        self.costs.add_sum(other.costs)
        self.add_usage(other)

    def add_estimate(self, estimate: Usage, usage: Usage) -> None:
        """Add the estimated tokens of a call, without those that its provider stated."""
        more_input, more_output = estimate.tokens_beyond(usage)
        self.estimated_input += more_input
        self.estimated_output += more_output


def merge(tables: Iterable[Mapping[str, ModelSums]]) -> dict[str, ModelSums]:
    """Return the sums by model of several processes."""
    whole: dict[str, ModelSums] = {}
    for table in tables:
        for model, sums in table.items():
            whole.setdefault(model, ModelSums()).add(sums)
    return whole


class TokenSums:
    """A handler that adds up tokens by model, whether or not spans are sampled.

    Calls whose tokens nobody stated are counted by themselves: the sums do not hold them.
    """

    needs_text = False
    needs_estimates = True

    def __init__(self) -> None:
        self._lock = process.own_lock(self)
        self._models: dict[str, ModelSums] = {}
        # it lives as long as the process, so the function need not be taken back
        process.in_child(self.clear)

    def clear(self) -> None:
        """Start anew; a child process counts its own calls only."""
        self._models = {}

    def by_model(self) -> dict[str, ModelSums]:
        """Return a copy of the sums, in the order in which models were called first."""
        with self._lock:
            return {model: replace(sums) for model, sums in self._models.items()}

    def on_end(self, call: Call, response: Response) -> None:
        """Count a call that completed or was abandoned."""
        self._add(call, response)

    def on_error(self, call: Call, error: BaseException) -> None:
        """Count a call that failed, with the tokens that it is sure to have used."""
        self._add(call, call.response)

    def on_batch_result(self, call: Call, response: Response) -> None:
        """Count one result of a batch."""
        self._add(call, response)

    def on_background_end(self, call: Call, response: Response) -> None:
        """Add the tokens of a call that was counted when it began."""
        is_error = call.outcome is Outcome.ERROR
        with self._lock:
            sums = self._sums(call, response)
            sums.errors += is_error
            _add_cost(sums, call)
            # until now the call was one whose tokens are not known
            if is_error or not call.lacks_count(response.usage):
                sums.unknown -= 1
            if response.usage is not None:
                sums.add_usage(response.usage)

    def _add(self, call: Call, response: Response) -> None:
        if not call.uses_tokens:
            return
        if call.estimate is not None:
            call.estimate.then(lambda: self._add_estimate(call, response))
        with self._lock:
            sums = self._sums(call, response)
            sums.calls += 1
            # the counts of a response that is still being made come later
            if not response.pending:
                _add_cost(sums, call)
            if call.outcome is Outcome.ERROR:
                sums.errors += 1
            elif call.lacks_count(response.usage):
                sums.unknown += 1
            if response.usage is not None:
                sums.add_usage(response.usage)

    def _add_estimate(self, call: Call, response: Response) -> None:
        """Add the estimated counts, the better ones where there are both."""
        if call.estimate is None:
            return
        estimate = call.estimate.usage or call.estimate.rough
        if estimate is None:
            return
        usage = response.usage or Usage()
        with self._lock:
            sums = self._sums(call, response)
            sums.add_estimate(estimate, usage)
            was_unknown = call.outcome is not Outcome.ERROR and call.lacks_count(usage)
            if was_unknown and not call.lacks_count(usage.with_estimate(estimate)):
                sums.unknown -= 1

    def _sums(self, call: Call, response: Response) -> ModelSums:
        # the model that the program asked for, as this is what its author knows
        model = call.model or response.model or "?"
        return self._models.setdefault(model, ModelSums())


def _add_cost(sums: ModelSums, call: Call) -> None:
    """Add a call that costs something, if the setting `cost` asks for costs."""
    priced_call = price_call(call) if in_force().is_requested else None
    if priced_call is not None:
        sums.costs.add(priced_call)
