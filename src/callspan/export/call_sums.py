"""Calls, tokens and cost of all calls below a span, as data for any view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from callspan.events.operations import facts_of
from callspan.export.span_summary import ModelCall, SpanSummary


@dataclass(slots=True)
class CallSums:
    """The calls to models below one span, added up.

    Attributes:
        calls: How many there are.
        input_tokens: Input tokens; `None` where none are known.
        output_tokens: Output tokens, likewise.
        unknown: Calls that did not fail and whose tokens are not in the sums.
        is_estimated: Whether some of the tokens were estimated.
        cost: US dollars of the calls whose cost is known; `None` if there are none.
    """

    calls: int = 0
    input_tokens: int | float | None = None
    output_tokens: int | float | None = None
    unknown: int = 0
    is_estimated: bool = False
    cost: float | None = None

    def add_call(self, span: SpanSummary, call: ModelCall) -> None:
        """Add one call."""
        self.calls += 1
        self.input_tokens = sum_of_known(self.input_tokens, call.input_tokens)
        self.output_tokens = sum_of_known(self.output_tokens, call.output_tokens)
        self.cost = sum_of_known(self.cost, call.cost)
        self.is_estimated |= call.is_estimated
        # a call that failed has no count to lack
        if span.error is None and _lacks_count(call):
            self.unknown += 1

    def add(self, other: CallSums) -> None:
        """Add the sums of another span."""
        self.calls += other.calls
        self.input_tokens = sum_of_known(self.input_tokens, other.input_tokens)
        self.output_tokens = sum_of_known(self.output_tokens, other.output_tokens)
        self.cost = sum_of_known(self.cost, other.cost)
        self.is_estimated |= other.is_estimated
        self.unknown += other.unknown


def sums_below(
    spans: Sequence[SpanSummary], children: Mapping[int | None, Sequence[SpanSummary]]
) -> dict[int, CallSums]:
    """Return the sums of each span by its id; a call has its own, without what stands below it.

    Args:
        spans: All spans of a tree, each after the span above it.
        children: The spans below each id.
    """
    sums: dict[int, CallSums] = {}
    # from the end, so that the sums of all children are there before those of their parent
    for span in reversed(spans):
        own = sums[span.span_id] = CallSums()
        if span.model_call is not None:
            # what another instrumentation has put below is the same call once more
            own.add_call(span, span.model_call)
            continue
        for child in children.get(span.span_id, ()):
            own.add(sums[child.span_id])
    return sums


def sum_of_known(one: float | None, other: float | None) -> Any:
    """Return the sum of two numbers of one type, of which either may be unknown."""
    if one is None:
        return other
    return one if other is None else one + other


def _lacks_count(call: ModelCall) -> bool:
    if call.input_tokens is None:
        return True
    # embeddings, for one, have no output
    return call.output_tokens is None and facts_of(call.operation).has_output_tokens
