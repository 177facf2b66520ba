"""Durations and token counts, recorded whether or not the span is sampled."""

from __future__ import annotations

from collections.abc import Callable
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
    COUNTER,
    ESTIMATED,
    EXTRA,
    HISTOGRAM,
    Convention,
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
        return create_instruments(provider, rows, self._conventions[0].schema_url)

    def _begin(self, call: Call) -> None:
        """Begin to record the times of chunks, and count the call as active."""
        if self._chunks and call.stream:
            call.response.chunk_times = []
        if "active" in self._extra and not call.local and not call.facts.is_protocol:
            self._instruments.get()[EXTRA["active"].name].add(
                1, self._attribute_sets.at_start(call), context=call.context
            )

    def on_end(self, call: Call, response: Response) -> None:
        """Record a call that completed or was abandoned."""
        if not call.local and not call.facts.is_protocol:
            self._record(call, response, self._attribute_sets.at_end(call, response))

    def on_error(self, call: Call, error: BaseException) -> None:
        """Record a call that failed: its duration by the type of error, and its tokens."""
        self.on_end(call, call.response)

    def on_background_end(self, call: Call, response: Response) -> None:
        """Record the cost of a call whose counts have come after its end."""
        if self._costs:
            self._record_cost(call, self._attribute_sets.at_end(call, response))

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
        is_inference = call.facts.is_inference
        with_error: Attributes = shared
        if call.failure:
            with_error = shared.plus(names.ERROR_TYPE, call.failure.type)
        recorded_name = None
        for convention in self._conventions:
            duration = convention.operation_duration
            if is_inference:
                duration = convention.inference_duration
            if duration.name != recorded_name:  # with `both` two conventions may share one metric
                recorded_name = duration.name
                instruments[recorded_name].record(call.duration, with_error, context=context)
            if response.first_chunk is not None and call.stream and is_inference:
                instruments[convention.first_chunk.name].record(
                    response.first_chunk,
                    self._attribute_sets.of_chunks(call, response),
                    context=context,
                )
            if response.usage is not None and call.operation != FETCH:
                self._count(instruments, convention, call, response.usage, (shared, with_error))
        if response.chunk_times and is_inference:
            self._record_gaps(response, self._attribute_sets.of_chunks(call, response), context)
        if self._extra:
            self._record_extra(call, instruments)
        if self._costs or self._estimates:
            self._record_later(call, shared)

    def _record_later(self, call: Call, shared: AttributeSet) -> None:
        """Record cost and estimated tokens as soon as they are worked out."""
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
        convention: Convention,
        call: Call,
        usage: Usage,
        attribute_sets: tuple[AttributeSet, Attributes],
    ) -> None:
        """Record token counts; `attribute_sets` are those without and with the type of error."""
        context = call.context
        shared, with_error = attribute_sets
        if convention.token_usage is not None:
            record = instruments[convention.token_usage.name].record
            if usage.input is not None:
                record(usage.input, shared.plus(names.TOKEN_TYPE, "input"), context=context)
            if usage.output is not None:
                record(usage.output, shared.plus(names.TOKEN_TYPE, "output"), context=context)
        elif not call.facts.is_inference:
            return
        for metric, value, modality in counts(convention, usage):
            chosen: Attributes = shared
            if modality is not None:
                chosen = shared.plus(names.TOKEN_MODALITY, modality)
            elif metric.kind == HISTOGRAM:
                chosen = with_error
            instrument = instruments[metric.name]
            if metric.kind == COUNTER:
                instrument.add(value, chosen, context=context)
            else:
                instrument.record(value, chosen, context=context)

    def _record_extra(self, call: Call, instruments: Instruments) -> None:
        base, context = self._attribute_sets.at_start(call), call.context
        for name, metric in self._extra.items():
            instrument = instruments[metric.name]
            record = instrument.record if metric.kind == HISTOGRAM else instrument.add
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
