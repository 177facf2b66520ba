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
    COUNTER,
    ESTIMATED,
    EXTRA,
    HISTOGRAM,
    Convention,
    Metric,
)
from callspan.settings.settings import Settings
from callspan.telemetry.attribute_sets import AttributeSet, AttributeSets
from callspan.telemetry.extra_metrics import AMOUNTS
from callspan.telemetry.provider import FollowsProvider
from callspan.version import __version__


class Metrics:
    """Records what the conventions ask for when a call ends, and metrics of our own where they were asked for."""

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
            self.on_start = self._begin

    def _create(self, provider: Any) -> dict[str, Any]:
        meter = provider.get_meter(
            names.SCOPE, __version__, schema_url=self._conventions[0].schema_url
        )
        wanted = [metric for convention in self._conventions for metric in _of(convention)]
        wanted += self._extra.values()
        wanted.append(BUDGET_STOPS)
        wanted += [ESTIMATED] if self._estimates else []
        wanted += [COST, COST_UNKNOWN] if self._costs else []
        return {metric.name: create_instrument(meter, metric) for metric in wanted}

    def _begin(self, call: Call) -> None:
        """Take the times of chunks, and count the call as in flight, where that was asked for."""
        if self._chunks and call.stream:
            call.response.chunk_times = []
        if "active" in self._extra and not call.local:
            self._instruments.get()[EXTRA["active"].name].add(
                1, self._attribute_sets.at_start(call), context=call.context
            )

    def on_end(self, call: Call, response: Response) -> None:
        """Record a call that completed or was abandoned."""
        if not call.local:
            self._record(call, response, self._attribute_sets.at_end(call, response))

    def on_error(self, call: Call, error: BaseException) -> None:
        """Record a call that failed: its duration with the error's type, and the tokens it is known to have used."""
        self.on_end(call, call.response)

    def on_background_end(self, call: Call, response: Response) -> None:
        """Record what a call has cost whose counts have come after its end."""
        if self._costs:
            self._record_cost(call, self._attribute_sets.at_end(call, response))

    def on_budget_stop(self, call: Call, stop: Any) -> None:
        """Count a call that a budget has stopped."""
        budget = {names.BUDGET_NAME: stop.budget.name, names.BUDGET_UNIT: stop.unit}
        self._instruments.get()[BUDGET_STOPS.name].add(
            1, self._attribute_sets.at_start(call).plus_all(budget), context=call.context
        )

    def _record(self, call: Call, response: Response, series: AttributeSet) -> None:
        instruments, context = self._instruments.get(), call.context
        failed = series.plus(names.ERROR_TYPE, call.failure.type) if call.failure else series
        infers, recorded = call.operation in names.INFERENCE, None
        for convention in self._conventions:
            duration = convention.inference_duration if infers else convention.operation_duration
            if duration.name != recorded:
                recorded = duration.name
                instruments[recorded].record(call.duration, failed, context=context)
            if response.first_chunk is not None and call.stream and infers:
                told = self._attribute_sets.of_chunks(call, response)
                instruments[convention.first_chunk.name].record(
                    response.first_chunk, told, context=context
                )
            if response.usage is not None and call.operation != FETCH:
                self._count(instruments, convention, call, response.usage, (series, failed))
        if response.chunk_times and infers:
            self._record_gaps(response, self._attribute_sets.of_chunks(call, response), context)
        if self._extra:
            self._record_extra(call, instruments)
        if self._costs and not response.pending:
            self._record_cost(call, series)
        if self._estimates and call.estimate is not None:
            estimate = call.estimate
            estimate.then(lambda: self._record_estimate(estimate.usage, series, context))

    def _record_cost(self, call: Call, series: AttributeSet) -> None:
        item, context = price_call(call), call.context
        if item is not None:
            table.in_force().work_out(item, lambda cost: self._charge(item, cost, series, context))

    def _charge(self, item: PricedCall, cost: Cost, series: AttributeSet, context: Any) -> None:
        """Record what a call cost, or that nobody knows."""
        instruments = self._instruments.get()
        if cost.usd is not None:
            instruments[COST.name].add(cost.usd, series, context=context)
            return
        if cost.unknown == NO_PRICE:
            table.in_force().warn(item)
        unknown = series.plus(names.COST_UNKNOWN, cost.unknown)
        instruments[COST_UNKNOWN.name].add(1, unknown, context=context)

    def _record_estimate(self, usage: Usage | None, series: AttributeSet, context: Any) -> None:
        """Count what was estimated apart from all that providers have stated."""
        counted = ((kind, getattr(usage, kind, None)) for kind in ("input", "output"))
        for kind, value in counted:
            if usage is not None and value:
                told = series.plus_all(
                    {names.OWN_TOKEN_TYPE: kind, names.USAGE_SOURCE: usage.source}
                )
                self._instruments.get()[ESTIMATED.name].add(value, told, context=context)

    def _count(
        self,
        instruments: dict[str, Any],
        convention: Convention,
        call: Call,
        usage: Usage,
        told_of: tuple[AttributeSet, Attributes],
    ) -> None:
        context, (series, failed) = call.context, told_of
        if convention.token_usage is not None:
            record = instruments[convention.token_usage.name].record
            if usage.input is not None:
                record(usage.input, series.plus(names.TOKEN_TYPE, "input"), context=context)
            if usage.output is not None:
                record(usage.output, series.plus(names.TOKEN_TYPE, "output"), context=context)
        elif call.operation not in names.INFERENCE:
            return
        for metric, value, modality in _counts(convention, usage):
            told = failed if metric.kind == HISTOGRAM else series
            if modality is not None:
                told = series.plus(names.TOKEN_MODALITY, modality)
            instrument = instruments[metric.name]
            (instrument.add if metric.kind == COUNTER else instrument.record)(
                value, told, context=context
            )

    def _record_extra(self, call: Call, instruments: dict[str, Any]) -> None:
        base, context = self._attribute_sets.at_start(call), call.context
        for name, metric in self._extra.items():
            instrument = instruments[metric.name]
            record = instrument.record if metric.kind == HISTOGRAM else instrument.add
            for value, more in AMOUNTS[name](call):
                record(value, base.plus_all(more), context=context)

    def _record_gaps(self, response: Response, series: Attributes, context: Any) -> None:
        """Record the times between chunks: many records, so not in the path of whoever read the last chunk."""
        times, instruments = response.chunk_times or [], self._instruments.get()
        gaps = [
            later - earlier
            for earlier, later in zip([response.first_chunk or 0.0, *times], times, strict=False)
        ]
        records = [
            instruments[convention.per_chunk.name].record for convention in self._conventions
        ]
        worker.start()
        worker.put(
            lambda: [record(gap, series, context=context) for record in records for gap in gaps]
        )


def _of(convention: Convention) -> Iterable[Metric]:
    values = (getattr(convention, name) for name in convention.__slots__)
    return (value for value in values if isinstance(value, Metric))


def create_instrument(meter: Any, metric: Metric) -> Any:
    """Create what a row of the conventions asks for."""
    told = {"unit": metric.unit, "description": metric.description}
    if metric.kind == HISTOGRAM:
        try:
            return meter.create_histogram(
                metric.name, explicit_bucket_boundaries_advisory=list(metric.buckets or ()), **told
            )
        except TypeError:  # a provider of another make may not know the advice
            return meter.create_histogram(metric.name, **told)
    create = meter.create_counter if metric.kind == COUNTER else meter.create_up_down_counter
    return create(metric.name, **told)


def _counts(convention: Convention, usage: Usage) -> Iterable[tuple[Metric, int, str | None]]:
    """Which counter gets which number: only what was stated, and of subsets only what is more than nothing."""
    latest = convention.input_tokens is not None
    if not latest and not (usage.cache_read or usage.cache_write or usage.reasoning):
        return ()
    return _counted(convention, usage, latest)


def _counted(
    convention: Convention, usage: Usage, latest: bool
) -> Iterable[tuple[Metric, int, str | None]]:
    for metric, value in (
        (convention.cache_read_tokens, usage.cache_read),
        (convention.cache_write_tokens, usage.cache_write),
        (convention.reasoning_tokens, usage.reasoning),
    ):
        if metric is not None and value:
            yield metric, value, "unknown" if latest else None
    if not latest:
        return
    yield from _split(
        convention.input_tokens, usage.input, usage.input_text, usage.input_audio, usage.input_image
    )
    yield from _split(
        convention.output_tokens,
        usage.output,
        usage.output_text,
        usage.output_audio,
        usage.output_image,
    )
    for metric, value in (
        (convention.input_distribution, usage.input),
        (convention.output_distribution, usage.output),
    ):
        if metric is not None and value is not None:
            yield metric, value, None


def _split(
    metric: Metric | None, total: int | None, text: int | None, audio: int | None, image: int | None
) -> Iterable[tuple[Metric, int, str | None]]:
    """A total by modality; the parts must sum to it, so what they leave over is of unknown modality."""
    if metric is None or total is None:
        return
    known = (text or 0) + (audio or 0) + (image or 0)
    if 0 < known <= total:
        for value, kind in ((text, "text"), (audio, "audio"), (image, "image")):
            if value:
                yield metric, value, kind
        total -= known
        if not total:
            return
    yield metric, total, "unknown"
