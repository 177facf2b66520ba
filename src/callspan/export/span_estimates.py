"""Rough token counts of calls, kept by their spans for the console alone (docs/decisions/0097)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from callspan.events import Call, Outcome, Response, Usage
from callspan.export.span_summary import SpanSummary
from callspan.runtime import process

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Span

HINT = (
    "callspan: counts with ~ are rough estimates; --request-usage, or"
    " instrument(request_usage=True), asks OpenAI-compatible providers for their own\n"
)


class SpanEstimates:
    """A handler that keeps rough counts until the span has ended, without setting them on the span."""

    needs_text = False
    needs_estimates = True

    def __init__(self) -> None:
        self._lock = process.own_lock(self)
        # weak, as a span that reaches no console is never asked for
        self._usage: WeakKeyDictionary[Any, Usage] = WeakKeyDictionary()
        self._has_hint = False
        self._has_shown_hint = False

    def on_end(self, call: Call, response: Response) -> None:
        """Keep the counts of a call; its span ends after this."""
        estimate = call.estimate
        if estimate is None or estimate.rough is None or call.span is None:
            return
        with self._lock:
            self._usage[call.span] = estimate.rough
        is_silent = call.outcome is Outcome.COMPLETED and response.usage is None
        # a provider that was asked and has no counts would have none the next time either
        if call.stream and is_silent and not estimate.is_requested:
            self._has_hint = True

    def on_error(self, call: Call, error: BaseException) -> None:
        """Keep the counts of a call that failed after it had begun to answer."""
        self.on_end(call, call.response)

    def complete(self, summary: SpanSummary, span: Span | None) -> SpanSummary:
        """Return the summary of a span with the counts that the span lacks, marked as estimates."""
        model_call = summary.model_call
        # with `estimate="missing"` the span has better ones by itself
        if span is None or model_call is None or model_call.is_estimated:
            return summary
        with self._lock:
            usage = self._usage.pop(span, None)
        if usage is None:
            return summary
        counts: dict[str, Any] = {"usage_source": usage.source}
        if usage.input is not None:
            counts["input_tokens"] = usage.input
        if usage.output is not None:
            counts["output_tokens"] = usage.output
        return replace(summary, model_call=replace(model_call, **counts))

    def take_hint(self) -> str:
        """Return a line about real counts, once, after a whole stream had none; else an empty text."""
        if self._has_shown_hint or not self._has_hint:
            return ""
        self._has_shown_hint = True
        return HINT


ESTIMATES = SpanEstimates()
"""The rough counts of this process: the calls of one handler, looked up by each console."""
