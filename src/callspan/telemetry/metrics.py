"""Durations and token counts, recorded whether or not the span is sampled."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from opentelemetry import metrics

from callspan.accounting.prices import table
from callspan.accounting.prices.cost import NO_PRICE, Cost
from callspan.accounting.prices.priced_call import PricedCall, price_call
from callspan.events import Call, Response, Usage
from callspan.runtime.background import worker
from callspan.semconv import names
from callspan.semconv.attributes import FETCH, Attributes
from callspan.semconv.conventions import (
    BUDGET_STOPS,
    CHOICES,
    COST,
    COST_UNKNOWN,
    ESTIMATED,
    EXTRA,
    HISTOGRAM,
    Convention,
    Metric,
    schema_url,
)
from callspan.settings.settings import Settings
from callspan.telemetry.attribute_sets import AttributeSet, AttributeSets
from callspan.telemetry.extra_metrics import AMOUNTS
from callspan.telemetry.instruments import Instruments, create_instruments, metrics_of
from callspan.telemetry.provider import FollowsProvider
from callspan.telemetry.token_counts import counts


class Metrics:
    """Records the conventions' metrics when a call ends, and those of `extra_metrics`."""

    needs_text = False

    def __init__(
        self, settings: Settings, look_up: Callable[[], Any] = metrics.get_meter_provider
    ) -> None:
        self._conventions = CHOICES[settings.semconv]
        self._chunks = settings.chunk_metrics
        self._estimates = settings.estimate == "missing"
        self._costs = settings.cost
        # with `both` two conventions may share one metric, which is recorded once
        self._durations = {
            is_inference: tuple(_durations(self._conventions, is_inference))
            for is_inference in (True, False)
        }
        # read for each call: one look in place of two
        self._records_later = self._costs or self._estimates
        self._extra = {name: EXTRA[name] for name in settings.extra_metrics}
        self._attribute_sets = AttributeSets(settings)
        self._instruments = FollowsProvider(look_up, self._create)
        if self._chunks or "active" in self._extra:
            # as an attribute, so that the dispatch finds no `on_start` where it would do nothing
            self.on_start = self._begin

    def _create(self, provider: Any) -> Instruments:
        rows = [BUDGET_STOPS, *self._extra.values()]
        for convention in self._conventions:
            rows.extend(metrics_of(convention))
        if self._estimates:
            rows.append(ESTIMATED)
        if self._costs:
            rows += (COST, COST_UNKNOWN)
        return create_instruments(provider, rows, schema_url(self._conventions))

    def _begin(self, call: Call) -> None:
        """Begin to record the times of chunks, and count the call as active."""
        if self._chunks and call.stream:
            call.response.chunk_times = []
        if "active" in self._extra and not call.local and call.facts.has_metrics:
            self._instruments.get()[EXTRA["active"].name].add(
                1, self._attribute_sets.at_start(call), context=call.context
            )

    def on_end(self, call: Call, response: Response) -> None:
        """Record a call that completed or was abandoned."""
        if not call.local and call.facts.has_metrics:
            self._record(call, response, self._attribute_sets.at_end(call, response))

    def on_error(self, call: Call, error: BaseException) -> None:
        """Record a call that failed: its duration by the type of error, and its tokens."""
        self.on_end(call, call.response)

    def on_background_end(self, call: Call, response: Response) -> None:
        """Record the cost of a call whose counts have come after its end."""
        if self._costs:
            self._record_cost(call, self._attribute_sets.at_end(call, response))

    def on_batch_result(self, call: Call, response: Response) -> None:
        """Record the tokens and the cost of one result of a batch; nobody knows how long it took."""
        shared = self._attribute_sets.at_end(call, response)
        with_error: Attributes = shared
        if call.failure:
            with_error = shared.plus(names.ERROR_TYPE, call.failure.type)
        instruments = self._instruments.get()
        if response.usage is not None:
            self._count(instruments, call, response.usage, (shared, with_error))
        if self._extra:
            self._record_extra(call, instruments)
        if self._costs:
            self._record_cost(call, shared)

    def on_budget_stop(self, call: Call, stop: Any) -> None:
        """Count a call that a budget has stopped."""
        budget = {names.BUDGET_NAME: stop.budget.name, names.BUDGET_UNIT: stop.unit}
        self._instruments.get()[BUDGET_STOPS.name].add(
            1, self._attribute_sets.at_start(call).plus_all(budget), context=call.context
        )

    def _record(self, call: Call, response: Response, shared: AttributeSet) -> None:
        """Record all metrics of a call, each with the call's shared attribute set."""
        instruments = self._instruments.get()
        # the span's context, so that a histogram's exemplars lead to the span
        context = call.context
        with_error: Attributes = shared
        if call.failure:
            with_error = shared.plus(names.ERROR_TYPE, call.failure.type)
        for name in self._durations[call.facts.is_inference]:
            instruments[name].record(call.duration, with_error, context=context)
        if response.first_chunk is not None:
            self._record_chunks(call, response, instruments)
        # a fetch repeats the counts of a call that was made before (docs/decisions/0053)
        if response.usage is not None and call.operation != FETCH:
            self._count(instruments, call, response.usage, (shared, with_error))
        if self._extra:
            self._record_extra(call, instruments)
        if self._records_later:
            self._record_later(call, shared)

    def _record_chunks(self, call: Call, response: Response, instruments: Instruments) -> None:
        """Record the seconds to the first chunk of a model's stream, and those between chunks."""
        if not call.stream or not call.facts.is_inference:
            return
        attributes = self._attribute_sets.of_chunks(call, response)
        for convention in self._conventions:
            instrument = instruments[convention.first_chunk.name]
            instrument.record(response.first_chunk, attributes, context=call.context)
        if response.chunk_times:
            self._record_gaps(response, attributes, call.context)

    def _record_later(self, call: Call, shared: AttributeSet) -> None:
        """Record cost and estimated tokens as soon as they are worked out."""
        # a response that is still being made has no counts yet: `on_background_end` does it
        if self._costs and not call.response.pending:
            self._record_cost(call, shared)
        estimate = call.estimate
        if self._estimates and estimate is not None:
            estimate.then(lambda: self._record_estimate(estimate.usage, shared, call.context))

    def _record_cost(self, call: Call, shared: AttributeSet) -> None:
        item = price_call(call)
        if item is not None:
            context = call.context
            table.in_force().work_out(
                item, lambda cost: self._add_cost(item, cost, shared, context)
            )

    def _add_cost(self, item: PricedCall, cost: Cost, shared: AttributeSet, context: Any) -> None:
        """Record the cost of a call, or that it is unknown and why."""
        instruments = self._instruments.get()
        if cost.usd is not None:
            instruments[COST.name].add(cost.usd, shared, context=context)
            return
        # of the reasons this is the one that the user can mend, by the setting `prices`
        if cost.unknown == NO_PRICE:
            table.in_force().warn(item)
        with_reason = shared.plus(names.COST_UNKNOWN, cost.unknown)
        instruments[COST_UNKNOWN.name].add(1, with_reason, context=context)

    def _record_estimate(self, usage: Usage | None, shared: AttributeSet, context: Any) -> None:
        """Count estimated tokens, in a metric apart from those that providers have stated."""
        if usage is None:
            return
        counter = self._instruments.get()[ESTIMATED.name]
        for kind, value in (("input", usage.input), ("output", usage.output)):
            if value:
                added = {names.OWN_TOKEN_TYPE: kind, names.USAGE_SOURCE: usage.source}
                counter.add(value, shared.plus_all(added), context=context)

    def _count(
        self,
        instruments: Instruments,
        call: Call,
        usage: Usage,
        attribute_sets: tuple[AttributeSet, Attributes],
    ) -> None:
        """Record token counts; `attribute_sets` are those without and with the type of error."""
        shared, with_error = attribute_sets
        for convention in self._conventions:
            if convention.token_usage is not None:
                totals = instruments[convention.token_usage.name]
                _record_totals(totals, usage, shared, call.context)
            elif not call.facts.is_inference:
                continue
            for metric, value, modality in counts(convention, usage):
                attributes: Attributes = shared
                if modality is not None:
                    attributes = shared.plus(names.TOKEN_MODALITY, modality)
                elif metric.kind == HISTOGRAM:
                    attributes = with_error
                record = _recorder(instruments[metric.name], metric)
                record(value, attributes, context=call.context)

    def _record_extra(self, call: Call, instruments: Instruments) -> None:
        # the set of the start, so that `active` goes down in the series in which it went up
        base, context = self._attribute_sets.at_start(call), call.context
        for name, metric in self._extra.items():
            record = _recorder(instruments[metric.name], metric)
            for value, more in AMOUNTS[name](call):
                record(value, base.plus_all(more), context=context)

    def _record_gaps(self, response: Response, shared: Attributes, context: Any) -> None:
        """Record the seconds between chunks."""
        instruments = self._instruments.get()
        records = [
            instruments[convention.per_chunk.name].record for convention in self._conventions
        ]
        times = response.chunk_times or []
        first = response.first_chunk or 0.0

        def record_all() -> None:
            for record in records:
                earlier = first
                for later in times:
                    record(later - earlier, shared, context=context)
                    earlier = later

        # as many records as there were chunks: the reader of the last one must not wait for them
        worker.start()
        worker.put(record_all)


def _durations(conventions: Iterable[Convention], is_inference: bool) -> Iterable[str]:
    """Return the names of the metrics of durations, each once."""
    metrics_of_durations: dict[str, None] = {}
    for convention in conventions:
        duration = convention.operation_duration
        if is_inference:
            duration = convention.inference_duration
        metrics_of_durations[duration.name] = None
    return metrics_of_durations


def _record_totals(instrument: Any, usage: Usage, shared: AttributeSet, context: Any) -> None:
    """Record the input and output tokens of a call in one metric, apart by an attribute."""
    if usage.input is not None:
        instrument.record(usage.input, shared.plus(names.TOKEN_TYPE, "input"), context=context)
    if usage.output is not None:
        instrument.record(usage.output, shared.plus(names.TOKEN_TYPE, "output"), context=context)


def _recorder(instrument: Any, metric: Metric) -> Callable[..., None]:
    """Return the method by which an instrument takes a value."""
    if metric.kind == HISTOGRAM:
        return instrument.record
    return instrument.add
