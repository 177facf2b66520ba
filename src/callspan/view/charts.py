"""Figures over time by model, as the numbers of drawings: bars of tokens and cost, lines of durations."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from callspan.view.spans import NANOSECONDS
from callspan.view.store import Store

WIDTH = 720
HEIGHT = 160
"""The size of a drawing, in its own units."""
COLUMNS = 48
"""How many columns a drawing has."""
_MODELS = 8
"""How many models have a colour of their own."""
_OTHERS = "others"
"""The name of the series of all other models."""
_SHARES = (("p50", 0.5), ("p95", 0.95))
"""The percentiles that are drawn, the largest last."""
_STEPS = (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 3 * 3600, 6 * 3600, 86400, 7 * 86400)
"""How many seconds a column may stand for."""
_QUERY = """
SELECT model, start, "end", cost, first_token,
  coalesce(input_tokens, 0) + coalesce(output_tokens, 0) AS tokens
FROM spans WHERE counts AND start >= ? ORDER BY start
"""


@dataclass(frozen=True, slots=True)
class Bar:
    """One piece of a column.

    Attributes:
        series: The number of its model, for its colour.
        label: What it says when pointed at.
    """

    x: float
    y: float
    width: float
    height: float
    series: int
    label: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line, as the points of SVG's `polyline`."""

    series: int
    points: str
    label: str


@dataclass(slots=True)
class Chart:
    """One drawing.

    Attributes:
        title: Its title.
        unit: The unit of its numbers.
        top: The largest number of its axis.
    """

    title: str
    unit: str
    top: float = 0.0
    bars: list[Bar] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not self.bars and not self.lines


@dataclass(frozen=True, slots=True)
class _Sample:
    model: str
    column: int
    tokens: int
    cost: float
    seconds: float
    first: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """All drawings, and what they have in common.

    Attributes:
        models: The names of the series.
        start: When the first column begins, in seconds since 1970.
        step: How many seconds a column stands for.
    """

    models: Sequence[str]
    start: float
    step: int
    charts: Sequence[Chart]

    @property
    def end(self) -> float:
        """When the last column ends, in seconds since 1970."""
        return self.start + COLUMNS * self.step


def draw(store: Store) -> Figures:
    """Draw the calls that are kept: tokens, cost, durations and times to the first token."""
    rows = store.rows(_QUERY, 0)
    if not rows:
        return Figures((), 0.0, 1, ())
    first, last = rows[0]["start"], rows[-1]["start"]
    step = _step(first, last)
    # columns begin at whole steps since 1970; with the largest step the oldest calls may not fit
    length = step * NANOSECONDS
    first_column = max(first // length, last // length - COLUMNS + 1)
    models = _most_frequent(row["model"] for row in rows)
    samples: list[_Sample] = []
    for row in rows:
        column = row["start"] // length - first_column
        if column >= 0:
            model = row["model"] if row["model"] in models else _OTHERS
            samples.append(_sample(row, model, column))
    names = [*models, _OTHERS]
    charts = [
        _columns("Tokens", "tokens", samples, names, lambda sample: sample.tokens),
        _columns("Cost", "US$", samples, names, lambda sample: sample.cost),
        _lines("Duration", samples, lambda sample: sample.seconds),
        _lines("Time to the first token", samples, lambda sample: sample.first),
    ]
    drawn = [chart for chart in charts if not chart.is_empty]
    return Figures(names, float(first_column * step), step, drawn)


def _sample(row: sqlite3.Row, model: str, column: int) -> _Sample:
    return _Sample(
        model,
        column,
        row["tokens"],
        row["cost"] or 0.0,
        (row["end"] - row["start"]) / NANOSECONDS,
        row["first_token"],
    )


def _step(first: int, last: int) -> int:
    """Return the smallest step with which all calls fit into the columns; else the largest one."""
    for step in _STEPS:
        length = step * NANOSECONDS
        if last // length - first // length < COLUMNS:
            return step
    return _STEPS[-1]


def _most_frequent(models: Iterable[str]) -> list[str]:
    counts: dict[str, int] = {}
    for model in models:
        counts[model] = counts.get(model, 0) + 1
    # the sort is stable, so equal models stay in the order of their first calls
    return sorted(counts, key=lambda model: -counts[model])[:_MODELS]


def _columns(
    title: str,
    unit: str,
    samples: Iterable[_Sample],
    models: Sequence[str],
    value: Callable[[_Sample], float],
) -> Chart:
    """Stack the models' sums in each column."""
    sums: dict[int, dict[str, float]] = {}
    for sample in samples:
        column = sums.setdefault(sample.column, {})
        column[sample.model] = column.get(sample.model, 0) + value(sample)
    chart = Chart(title, unit, max((sum(column.values()) for column in sums.values()), default=0))
    if chart.top <= 0:
        return chart
    width = WIDTH / COLUMNS
    for index, column in sorted(sums.items()):
        # SVG counts downwards, so a stack begins at the bottom and loses height
        base = float(HEIGHT)
        for series, model in enumerate(models):
            height = HEIGHT * column.get(model, 0) / chart.top
            if height:
                base -= height
                label = f"{model}: {column[model]:g} {unit}"
                chart.bars.append(
                    # one unit is left between two columns
                    Bar(index * width, base, max(1.0, width - 1), height, series, label)
                )
    return chart


def _by_column(
    samples: Iterable[_Sample], value: Callable[[_Sample], float | None]
) -> dict[int, list[float]]:
    """Return the values of each column, from left to right; those that are unknown are left out."""
    columns: dict[int, list[float]] = {}
    for sample in samples:
        number = value(sample)
        if number is not None:
            columns.setdefault(sample.column, []).append(number)
    return dict(sorted(columns.items()))


def _percentiles(columns: dict[int, list[float]], share: float) -> dict[int, float]:
    return {index: percentile(numbers, share) for index, numbers in columns.items()}


def _lines(
    title: str, samples: Iterable[_Sample], value: Callable[[_Sample], float | None]
) -> Chart:
    """Draw the median and the 95th percentile of each column."""
    columns = _by_column(samples, value)
    heights = {label: _percentiles(columns, share) for label, share in _SHARES}
    # no percentile is above that of the largest share
    chart = Chart(title, "s", max(heights[_SHARES[-1][0]].values(), default=0.0))
    if chart.top <= 0:
        return chart
    width = WIDTH / COLUMNS
    for series, (label, points) in enumerate(heights.items()):
        drawn = " ".join(
            # in the middle of its column; the largest value is at the top, which is 0
            f"{(index + 0.5) * width:.1f},{HEIGHT - HEIGHT * height / chart.top:.1f}"
            for index, height in points.items()
        )
        chart.lines.append(Line(series, drawn, label))
    return chart


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that a share of the values does not pass: the nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
