"""A token counter for a block of code."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from callspan.accounting.prices.cost_sum import CostSum
from callspan.accounting.prices.priced_call import price_call
from callspan.accounting.tokens.estimator import estimator
from callspan.events import Call, Outcome, Usage
from callspan.lifecycle.pending_calls import PendingCall
from callspan.runtime.process import own_lock
from callspan.runtime.scope import current, entered


class _Referable:
    """Lets a class with slots be referred to weakly."""

    __slots__ = ("__weakref__",)


@dataclass(slots=True)
class Totals(_Referable):
    """Sums over calls.

    Attributes:
        calls: All calls.
        failed_calls: Those that failed or were cancelled.
        unknown_calls: Those without token counts; they add nothing to the sums.
        input: Input tokens.
        output: Output tokens.
        cached: Input tokens that were read from a cache.
        cache_write: Input tokens that were written to a cache.
        reasoning: Output tokens that are reasoning.
    """

    calls: int = 0
    failed_calls: int = 0
    unknown_calls: int = 0
    input: int = 0
    output: int = 0
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0
    _estimated: list[int] = field(default_factory=lambda: [0, 0], repr=False)
    _costs: CostSum = field(default_factory=CostSum, repr=False)

    @property
    def estimated_input(self) -> int:
        """Estimated input tokens of calls without counts; waits for the estimates outside event loops."""
        estimator.wait()
        return self._estimated[0]

    @property
    def estimated_output(self) -> int:
        """Estimated output tokens of calls without counts."""
        estimator.wait()
        return self._estimated[1]

    @property
    def cost(self) -> float | None:
        """US dollars; `None` where no price is known. May load the prices, in most of a second."""
        return self._costs.usd

    @property
    def unknown_cost_calls(self) -> int:
        """The number of calls whose cost is unknown."""
        return self._costs.unknown

    @property
    def total(self) -> int:
        """Input and output tokens together."""
        return self.input + self.output

    def take(self, call: Call) -> None:
        """Add one call that has ended."""
        self.calls += 1
        self.failed_calls += call.outcome in (Outcome.ERROR, Outcome.CANCELLED)
        usage = call.response.usage
        if usage is None or usage.total is None:
            self.unknown_calls += call.outcome is not Outcome.ERROR
        if usage is not None:
            self._take_usage(usage)
        item = price_call(call)
        if item is not None:
            self._costs.add(item)

    def complete(self, pending: PendingCall) -> None:
        """Add the counts of a call that was added before the provider had come to its end."""
        call, earlier = pending.call, pending.earlier_outcome
        self.unknown_calls -= earlier is not Outcome.ERROR
        failed = (Outcome.ERROR, Outcome.CANCELLED)
        self.failed_calls += call.outcome in failed and earlier not in failed
        if call.response.usage is not None:
            self._take_usage(call.response.usage)
        elif call.outcome is not Outcome.ERROR:
            self.unknown_calls += 1
        self._costs.replace_unknown(price_call(call))

    def take_estimate(self, usage: Usage, provider_usage: Usage) -> None:
        """Add the estimated counts of a call, less those that its provider stated."""
        self._estimated[0] += max(0, (usage.input or 0) - (provider_usage.input or 0))
        self._estimated[1] += max(0, (usage.output or 0) - (provider_usage.output or 0))

    def _take_usage(self, usage: Usage) -> None:
        self.input += usage.input or 0
        self.output += usage.output or 0
        self.cached += usage.cache_read or 0
        self.cache_write += usage.cache_write or 0
        self.reasoning += usage.reasoning or 0


@dataclass(slots=True)
class TokenCount(Totals):
    """Totals of a `count_tokens()` block, whole and by model; readable while the block runs."""

    by_model: dict[str, Totals] = field(default_factory=dict)
    _lock: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._lock = own_lock(self)

    def add(self, call: Call) -> None:
        """Add one call that has ended, from whatever thread."""
        model = call.response.model or call.model or "unknown"
        with self._lock:
            self.take(call)
            self.by_model.setdefault(model, Totals()).take(call)
        if call.estimate is not None:
            call.estimate.then(lambda: self._add_estimate(call, self.by_model[model]))

    def complete(self, pending: PendingCall) -> None:
        """Add the counts of a call that was added before its provider had come to its end."""
        with self._lock:
            Totals.complete(self, pending)
            self.by_model[pending.model or "unknown"].complete(pending)

    def _add_estimate(self, call: Call, of_model: Totals) -> None:
        if call.estimate is None or call.estimate.usage is None:
            return
        provider_usage = call.response.usage or Usage()
        with self._lock:
            self.take_estimate(call.estimate.usage, provider_usage)
            of_model.take_estimate(call.estimate.usage, provider_usage)


@contextlib.contextmanager
def count_tokens() -> Iterator[TokenCount]:
    """Count the calls begun inside a block, in tasks and in threads that carry the context too.

    Blocks nest: an outer one counts what an inner one does. A stream that ends after the block still counts to it.
    """
    count = TokenCount()
    with entered(current().plus(counters=(count,))):
        yield count
