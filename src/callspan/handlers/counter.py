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
from callspan.events.usage import add_counts
from callspan.lifecycle.pending_calls import PendingCall
from callspan.runtime.process import own_lock
from callspan.runtime.scope import current, entered


class _WeaklyReferable:
    """Lets a class with slots be referenced weakly, as the locks that a fork renews need it.

    `dataclass` itself can do so only since Python 3.11 (`weakref_slot`).
    """

    __slots__ = ("__weakref__",)


_FAILED = (Outcome.ERROR, Outcome.CANCELLED)


@dataclass(slots=True, repr=False)
class Totals(_WeaklyReferable):
    """Sums over calls.

    Attributes:
        calls: The number of all calls.
        failed_calls: The number of those that failed or were cancelled.
        unknown_calls: The number of those without token counts; they add nothing to the sums.
        input: Input tokens, with those read from or written to a cache.
        output: Output tokens, with reasoning.
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
    # input, output, and calls without any count; a list, as it is changed in place under the lock of the whole count
    _estimated: list[int] = field(default_factory=lambda: [0, 0, 0], repr=False)
    _costs: CostSum = field(default_factory=CostSum, repr=False)

    def __repr__(self) -> str:
        """Return one short line, as notebooks show it; `~` marks sums with estimates in them."""
        # those that are ready: a repr must not wait
        estimated_input, estimated_output, estimated_calls = self._estimated
        mark = "~" if estimated_input or estimated_output else ""
        calls = "1 call" if self.calls == 1 else f"{self.calls} calls"
        tokens_in = f"{mark}{self.input + estimated_input} input"
        tokens_out = f"{mark}{self.output + estimated_output} output"
        text = f"{calls}, {tokens_in} and {tokens_out} tokens"
        unknown = self.unknown_calls - estimated_calls
        if unknown > 0:
            text += f", {unknown} of unknown size"
        return f"<{type(self).__name__}: {text}>"

    def __str__(self) -> str:
        """Return the same line, with estimates that are not ready; it waits as their sums do."""
        estimator.wait()
        return repr(self)

    @property
    def estimated_input(self) -> int:
        """Estimated input tokens of calls without counts.

        It waits a second at most for estimates that are not ready, but never on an event loop.
        """
        estimator.wait()
        return self._estimated[0]

    @property
    def estimated_output(self) -> int:
        """Estimated output tokens of calls without counts; it waits as `estimated_input` does."""
        estimator.wait()
        return self._estimated[1]

    @property
    def cost(self) -> float | None:
        """US dollars of the calls whose price is known; `None` if there were calls and none is.

        The first use may load the prices, which takes most of a second.
        """
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
        if call.outcome in _FAILED:
            self.failed_calls += 1
        usage = call.response.usage
        has_counts = usage is not None and usage.total is not None
        # a failed call uses no tokens, as far as anybody knows
        if not has_counts and call.outcome is not Outcome.ERROR:
            self.unknown_calls += 1
        if usage is not None:
            self._take_usage(usage)
        # `None` for a call that costs nothing, which is not a call of unknown cost
        priced_call = price_call(call)
        if priced_call is not None:
            self._costs.add(priced_call)

    def complete(self, pending: PendingCall) -> None:
        """Add the counts of a call that was added before the provider had come to its end."""
        call = pending.call
        # `take` has counted it as unknown then, and as nothing else
        if pending.earlier_outcome is not Outcome.ERROR:
            self.unknown_calls -= 1
        if call.outcome in _FAILED and pending.earlier_outcome not in _FAILED:
            self.failed_calls += 1
        if call.response.usage is not None:
            self._take_usage(call.response.usage)
        elif call.outcome is not Outcome.ERROR:
            self.unknown_calls += 1
        # its cost may have been stated before its tokens were
        self._costs.replace(pending.earlier_priced_call, price_call(call))

    def take_estimate(self, usage: Usage, provider_usage: Usage) -> None:
        """Add the estimated counts of a call, without those that its provider stated."""
        more_input, more_output = usage.tokens_beyond(provider_usage)
        self._estimated[0] += more_input
        self._estimated[1] += more_output
        if provider_usage.total is None:
            self._estimated[2] += 1

    def _take_usage(self, usage: Usage) -> None:
        """Add the counts of a provider; one that is missing adds nothing."""
        self.input = add_counts(self.input, usage.input)
        self.output = add_counts(self.output, usage.output)
        self.cached = add_counts(self.cached, usage.cache_read)
        self.cache_write = add_counts(self.cache_write, usage.cache_write)
        self.reasoning = add_counts(self.reasoning, usage.reasoning)


@dataclass(slots=True, repr=False)
class TokenCount(Totals):
    """Totals of a `count_tokens()` block, whole and by model; readable while the block runs.

    The sums of `Totals` are those of the whole block.

    Attributes:
        by_model: The totals of each model, by the name in the answer, else by that in the request.
    """

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
            # the counts come later, from the thread that estimates
            call.estimate.then(lambda: self._add_estimate(call, self.by_model[model]))

    def complete(self, pending: PendingCall) -> None:
        """Add the counts of a call that was added before its provider had come to its end."""
        with self._lock:
            # not `super()`: a dataclass with slots is another class than the one that it decorates
            Totals.complete(self, pending)
            self.by_model[pending.model or "unknown"].complete(pending)

    def _add_estimate(self, call: Call, totals_of_model: Totals) -> None:
        if call.estimate is None or call.estimate.usage is None:
            return
        provider_usage = call.response.usage or Usage()
        with self._lock:
            self.take_estimate(call.estimate.usage, provider_usage)
            totals_of_model.take_estimate(call.estimate.usage, provider_usage)


@contextlib.contextmanager
def count_tokens() -> Iterator[TokenCount]:
    """Count the tokens, the calls and the cost of a block.

    It counts the calls that begin inside, in tasks and in threads that carry the context too.
    Blocks nest: an outer block counts the calls of an inner one as well. A stream that ends after
    the block still counts.

    Yields:
        The counts, in tokens, calls and US dollars. They grow while the block runs.
    """
    count = TokenCount()
    # in the context, so that tasks and threads that carry it count here too
    with entered(current().plus(counters=(count,))):
        yield count
