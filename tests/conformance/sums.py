"""Whether metrics and spans tell the same: durations, tokens, chunks and errors, by series."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .expectations import Expectations
from .finding import Finding
from .rules import INFERENCE_OPERATIONS, broken

_SERIES = (
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "server.address",
    "server.port",
)
_TOLERANCE = 2e-6
"""Seconds that a duration may differ, for a span has whole nanoseconds."""
Attributes = Mapping[str, Any]
Totals = dict[tuple[Any, ...], tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Row:
    """One metric and what its records come from; `only` are attributes that a record must have to count here."""

    rule: str
    dialect: str
    metric: str
    value: Callable[[Any, Attributes], float | None]
    takes: Callable[[str], bool]
    only: tuple[tuple[str, str], ...] = ()
    series: tuple[str, ...] = _SERIES
    counted: bool = True


def _infers(operation: str) -> bool:
    return operation in INFERENCE_OPERATIONS


def _calls(operation: str) -> bool:
    # a node of a graph states no operation
    return not _infers(operation) and operation not in (
        "",
        "invoke_agent",
        "execute_tool",
        "invoke_workflow",
        "plan",
    )


def _any(operation: str) -> bool:
    return _infers(operation) or _calls(operation)


def _duration(span: Any, _attributes: Attributes) -> float:
    return (span.end_time - span.start_time) / 1e9


def _told(key: str, positive: bool = False) -> Callable[[Any, Attributes], float | None]:
    def value(_span: Any, attributes: Attributes) -> float | None:
        found = attributes.get(key)
        return None if positive and not found else found

    return value


def _gaps(_span: Any, attributes: Attributes) -> float | None:
    return max(0, attributes.get("callspan.stream.chunks", 0) - 1) or None


_FAILED = (*_SERIES, "error.type")
_RELEASED, _LATEST = "gen_ai.client.operation.", "gen_ai.client.inference."
_TIME_TO_FIRST = "gen_ai.response.time_to_first_chunk"
_TOKENS = {
    "gen_ai.usage.input_tokens": None,
    "gen_ai.usage.output_tokens": None,
    "gen_ai.usage.cache_read.input_tokens": "callspan.client.cache_read_tokens",
    "gen_ai.usage.cache_creation.input_tokens": "callspan.client.cache_write_tokens",
    "gen_ai.usage.cache_write.input_tokens": None,
    "gen_ai.usage.reasoning.output_tokens": "callspan.client.reasoning_tokens",
}


def _counters() -> Iterator[Row]:
    """Counters of the newest text, and those of ours that stand in for them in the released one."""
    for told, ours in _TOKENS.items():
        if ours is not None:
            yield Row("sum.tokens", "released", ours, _told(told, True), _any, counted=False)
        if "cache_creation" not in told:
            metric = f"{_LATEST}{told.removeprefix('gen_ai.')}"
            yield Row("sum.tokens", "latest", metric, _told(told, True), _infers, counted=False)


def _modalities() -> Iterator[Row]:
    """What a counter says of one modality is what the span says of it."""
    for side in ("input", "output"):
        for kind in ("text", "image", "audio"):
            told, only = (
                _told(f"gen_ai.usage.{kind}.{side}_tokens", True),
                (("gen_ai.token.modality", kind),),
            )
            yield Row(
                "sum.tokens",
                "latest",
                f"{_LATEST}usage.{side}_tokens",
                told,
                _infers,
                only,
                counted=False,
            )


def _histograms() -> Iterator[Row]:
    for kind in ("input", "output"):
        value, only = _told(f"gen_ai.usage.{kind}_tokens"), (("gen_ai.token.type", kind),)
        yield Row("sum.tokens", "released", "gen_ai.client.token.usage", value, _any, only)
        yield Row("sum.tokens", "latest", f"{_LATEST}operation.{kind}_tokens", value, _infers)
        yield Row(
            "sum.failed",
            "latest",
            f"{_LATEST}operation.{kind}_tokens",
            value,
            _infers,
            series=_FAILED,
        )


ROWS = (
    Row("sum.duration", "released", f"{_RELEASED}duration", _duration, _any, series=_FAILED),
    Row("sum.duration", "latest", f"{_LATEST}duration", _duration, _infers, series=_FAILED),
    Row("sum.duration", "latest", f"{_RELEASED}duration", _duration, _calls, series=_FAILED),
    Row(
        "sum.first_chunk",
        "released",
        f"{_RELEASED}time_to_first_chunk",
        _told(_TIME_TO_FIRST),
        _infers,
    ),
    Row(
        "sum.first_chunk", "latest", f"{_LATEST}time_to_first_chunk", _told(_TIME_TO_FIRST), _infers
    ),
    *_counters(),
    *_modalities(),
    *_histograms(),
)
CHUNKS = (
    ("released", f"{_RELEASED}time_per_output_chunk"),
    ("latest", f"{_LATEST}time_per_output_chunk"),
)


def check_sums(
    expect: Expectations, spans: Iterable[Any], metrics: Iterable[Any]
) -> Iterator[Finding]:
    """Every row of the dialects chosen; spans must be those of all calls that the metrics tell of."""
    spans, points = list(spans), _points(metrics)
    for row in ROWS:
        # in both dialects at once, the one metric that they share has the records of the released one
        if row.dialect == expect.dialects[0] or (
            row.dialect in expect.dialects and row.takes is not _calls
        ):
            compared = [_from_spans(row, spans), _from_points(row, points.get(row.metric, []))]
            if row.rule in ("sum.tokens", "sum.failed"):
                compared = [_stated(row, totals, spans) for totals in compared]
            yield from _compare(row, *compared)
    for dialect, metric in CHUNKS:
        if dialect in expect.dialects and metric in points:
            yield from _check_chunks(metric, spans, points[metric])


def _points(metrics: Iterable[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for metric in metrics:
        found[metric.name].extend(metric.data.data_points)
    return found


def _key(row: Row, attributes: Attributes) -> tuple[Any, ...]:
    return tuple(attributes.get(name) for name in row.series)


def _from_spans(row: Row, spans: list[Any]) -> Totals:
    found: Totals = {}
    for span in spans:
        attributes = span.attributes or {}
        value = row.value(span, attributes)
        if value is not None and row.takes(str(attributes.get("gen_ai.operation.name", ""))):
            count, total = found.get(_key(row, attributes), (0, 0))
            found[_key(row, attributes)] = (count + 1, total + value)
    return found


def _from_points(row: Row, points: list[Any]) -> Totals:
    found: Totals = {}
    for point in points:
        attributes = point.attributes or {}
        if any(attributes.get(key) != value for key, value in row.only):
            continue
        more, value = (point.count, point.sum) if hasattr(point, "count") else (1, point.value)
        count, total = found.get(_key(row, attributes), (0, 0))
        found[_key(row, attributes)] = (count + more, total + value)
    return found


def _stated(row: Row, totals: Totals, spans: list[Any]) -> Totals:
    """Without the series of spans whose counts are estimates, which the conventions' metrics do not take."""
    told = [span.attributes or {} for span in spans]
    guessed = {
        _key(row, each)
        for each in told
        if each.get("callspan.usage.source") in ("tiktoken", "heuristic")
    }
    return {key: total for key, total in totals.items() if key not in guessed}


def _compare(row: Row, spans: Totals, points: Totals) -> Iterator[Finding]:
    for key in {**spans, **points}:
        wanted, found = spans.get(key, (0, 0)), points.get(key, (0, 0))
        near = abs(wanted[1] - found[1]) <= _TOLERANCE * max(1, wanted[0])
        if not near or (row.counted and wanted[0] != found[0]):
            series = {
                name: value
                for name, value in zip(row.series, key, strict=True)
                if value is not None
            }
            yield broken(
                row.rule, f"metric {row.metric!r}", str(series), f"spans {wanted}, metric {found}"
            )


def _check_chunks(metric: str, spans: list[Any], points: list[Any]) -> Iterator[Finding]:
    wanted = sum(
        int(_gaps(span, span.attributes) or 0) for span in spans if _streams(span.attributes)
    )
    found = sum(point.count for point in points)
    if wanted != found:
        yield broken("sum.chunks", f"metric {metric!r}", "count", f"spans {wanted}, metric {found}")


def _streams(attributes: Attributes) -> bool:
    return _infers(str(attributes.get("gen_ai.operation.name"))) and bool(
        attributes.get("gen_ai.request.stream")
    )
