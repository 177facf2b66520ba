"""The kinds of panels that the dashboards are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    LegendDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
    VariableRefresh,
)

SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")
NEUTRAL = ((None, "blue"),)
"""A number that is neither good nor bad."""
CALLS = '{__name__=~"gen_ai_client_(operation|inference)_duration_seconds_count"'


@dataclass(frozen=True)
class Panel:
    """What is shown: queries with the names of their lines.

    `empty` is shown where the queries give nothing. `levels` are the colours of a number, each from its value on.
    With `exemplars` there is a diamond for each call that left one, and it leads to the call's trace.
    """

    title: str
    queries: Sequence[tuple[str, str]]
    meaning: str
    empty: str
    unit: str = "short"
    width: int = 8
    exemplars: bool = False
    number: bool = False
    stacked: bool = False
    levels: Sequence[tuple[float | None, str]] = NEUTRAL

    def build(self, number: int) -> Any:
        """Return the panel as Grafana's builders have it; its number in the dashboard is its id."""
        panel = self._as_number() if self.number else self._as_lines()
        panel = panel.id(number).title(self.title).description(self.meaning).datasource(SOURCE)
        panel = panel.unit(self.unit).min(0).no_value(self.empty).span(self.width)
        for index, (expression, line) in enumerate(self.queries):
            query = (
                prometheus.Dataquery()
                .expr(expression)
                .legend_format(line)
                .ref_id(chr(ord("A") + index))
            )
            # the last value of a range may be an hour old
            query = query.instant() if self.number else query.range().exemplar(self.exemplars)
            panel = panel.with_target(query)
        return panel

    def _as_number(self) -> Any:
        steps = [Threshold(value=value, color=color) for value, color in self.levels]
        levels = dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
        color = dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS)
        panel = stat.Panel().height(4).thresholds(levels).color_scheme(color)
        return panel.color_mode(BigValueColorMode.VALUE).graph_mode(BigValueGraphMode.NONE)

    def _as_lines(self) -> Any:
        legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).show_legend(True)
        panel = timeseries.Panel().height(8).legend(legend).fill_opacity(20 if self.stacked else 5)
        return panel.stacking(common.StackingConfig().mode("normal")) if self.stacked else panel


def made(uid: str, title: str, panels: Sequence[Panel], *variables: Any) -> Any:
    """A dashboard of panels, from left to right and from top to bottom."""
    found = (
        dashboard.Dashboard(title)
        .uid(uid)
        .tags(["callspan"])
        .time("now-1h", "now")
        .refresh("30s")
        .editable()
        .link(
            dashboard.DashboardLink("callspan")
            .type("dashboards")
            .tags(["callspan"])
            .include_vars(True)
            .keep_time(True)
        )
        .with_variable(
            dashboard.DatasourceVariable("source").label("Prometheus").type("prometheus")
        )
    )
    for variable in variables:
        found = found.with_variable(variable)
    for number, panel in enumerate(panels, 1):
        found = found.with_panel(panel.build(number))
    return found.build()


def choice(name: str, label: str, query: str, several: bool = True) -> Any:
    """A variable with the values that a label has."""
    found = dashboard.QueryVariable(name).label(label).query(query).datasource(SOURCE)
    found = found.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).multi(several)
    return found.include_all(True).all_value(".*") if several else found


def services(several: bool = True) -> Any:
    """The services that call a model."""
    return choice("service", "Service", f"label_values({CALLS}}}, job)", several)


def models() -> Any:
    """The models that the chosen services call."""
    return choice(
        "model", "Model", f'label_values({CALLS}, job=~"$service"}}, gen_ai_request_model)'
    )
