"""The kinds of panels that the dashboards are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.models.common import LegendDisplayMode
from grafana_foundation_sdk.models.dashboard import DataSourceRef, VariableRefresh

SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")
CALLS = '{__name__=~"gen_ai_client_(operation|inference)_duration_seconds_count"'


@dataclass(frozen=True)
class Panel:
    """What is shown: queries with the names of their lines.

    With `exemplars` there is a diamond for each call that left one, and it leads to the call's trace.
    """

    title: str
    queries: Sequence[tuple[str, str]]
    unit: str = "short"
    meaning: str = ""
    width: int = 8
    exemplars: bool = False
    number: bool = False
    stacked: bool = False

    def build(self) -> Any:
        """The panel as Grafana's builders have it."""
        kind = stat.Panel() if self.number else timeseries.Panel()
        panel = kind.title(self.title).description(self.meaning).unit(self.unit).datasource(SOURCE)
        panel = panel.span(self.width).height(4 if self.number else 8).min(0)
        if isinstance(panel, timeseries.Panel):
            panel = panel.fill_opacity(20 if self.stacked else 5).legend(
                common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).show_legend(True)
            )
            if self.stacked:
                panel = panel.stacking(common.StackingConfig().mode("normal"))
        for number, (expression, line) in enumerate(self.queries):
            query = prometheus.Dataquery().expr(expression).legend_format(line).ref_id(chr(ord("A") + number))
            panel = panel.with_target(query.range().exemplar(self.exemplars))
        return panel


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
            dashboard.DashboardLink("callspan").type("dashboards").tags(["callspan"]).include_vars(True).keep_time(True)
        )
        .with_variable(dashboard.DatasourceVariable("source").label("Prometheus").type("prometheus"))
    )
    for variable in variables:
        found = found.with_variable(variable)
    for panel in panels:
        found = found.with_panel(panel.build())
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
    return choice("model", "Model", f'label_values({CALLS}, job=~"$service"}}, gen_ai_request_model)')
