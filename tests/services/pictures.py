"""The dashboards as pictures: python -m tests.services.pictures PROMETHEUS SERVICE FOLDER [MINUTES]

Each panel has its queries' results as Grafana would show them: lines, numbers in the colours of their levels, or the
words for nothing. So a person can look at what stands in Prometheus where no Grafana is at hand.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import matplotlib
import yaml
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .programs import STACK

SOURCES = yaml.safe_load((STACK / "grafana/provisioning/datasources/sources.yaml").read_text())[
    "datasources"
]
INTERVAL = int(SOURCES[0]["jsonData"]["timeInterval"].removesuffix("s"))
WINDOW = 4 * INTERVAL
"""Seconds of `$__rate_interval` in a panel of an hour or less."""
COLUMNS = 24
Series = dict[str, Any]


def query_of(target: Mapping[str, Any], service: str) -> str:
    """Return a panel's query as Grafana sends it."""
    query = target["expr"].replace("$__rate_interval", f"{WINDOW}s")
    return query.replace("$service", service).replace("$model", ".*")


def fetch(url: str, path: str, **parameters: Any) -> list[Series]:
    """Return what Prometheus answers to a query."""
    with urllib.request.urlopen(
        f"{url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}", timeout=20
    ) as response:
        return json.load(response)["data"]["result"]


def legend(target: Mapping[str, Any], series: Series) -> str:
    """Return the name of a line."""
    text = target["legendFormat"]
    for label, value in series["metric"].items():
        text = text.replace(f"{{{{{label}}}}}", value)
    return text


def number(value: float, unit: str) -> str:
    """Return a value with its unit."""
    if unit == "percentunit":
        return f"{100 * value:.3g} %"
    return f"{value:.3g} {dict(reqps='a second', s='s', currencyUSD='USD').get(unit, '')}".strip()


def color(value: float, panel: Mapping[str, Any]) -> str:
    """Return the colour of the highest level that a value reaches."""
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    reached = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    return reached[-1]


def draw_number(axes: Axes, panel: Mapping[str, Any], url: str, service: str) -> list[str]:
    """Draw a number for each series; return the texts."""
    axes.axis("off")
    defaults, texts = panel["fieldConfig"]["defaults"], []
    for target in panel["targets"]:
        for series in fetch(url, "query", query=query_of(target, service)):
            value = float(series["value"][1])
            texts.append(number(value, defaults["unit"]))
            height = 1 - 0.35 * len(texts)
            axes.text(0.5, height, texts[-1], color=color(value, panel), ha="center", fontsize=18)
    return texts


def draw_lines(
    axes: Axes, panel: Mapping[str, Any], url: str, service: str, minutes: float
) -> list[str]:
    """Draw a line for each series; return the last values with their names."""
    end = time.time()
    unit, texts = panel["fieldConfig"]["defaults"]["unit"], []
    for target in panel["targets"]:
        times = {"start": end - 60 * minutes, "end": end, "step": "5s"}
        for series in fetch(url, "query_range", query=query_of(target, service), **times):
            values = [float(value) for _, value in series["values"]]
            texts.append(f"{legend(target, series)}: {number(values[-1], unit)}")
            moments = [moment - end for moment, _ in series["values"]]
            axes.plot(moments, values, ".-", markersize=3, linewidth=1, label=texts[-1])
    axes.set_xlim(-60 * minutes, 0)
    axes.set_ylim(bottom=0)
    axes.tick_params(labelsize=6)
    if texts:
        axes.legend(fontsize=6, loc="upper left")
    return texts


def draw(
    file: Path, url: str, service: str, picture: Path, minutes: float = 10
) -> dict[str, list[str]]:
    """Draw a dashboard into a picture; return the texts of each panel, by its title."""
    matplotlib.use("agg")
    panels = json.loads(file.read_text())["panels"]
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    figure, texts = Figure(figsize=(16, height / 2)), {}
    for panel, axes in zip(panels, _places(figure, panels, height), strict=True):
        axes.set_title(panel["title"], fontsize=9, loc="left")
        if panel["type"] == "stat":
            shown = draw_number(axes, panel, url, service)
        else:
            shown = draw_lines(axes, panel, url, service, minutes)
        if not shown:
            shown = [panel["fieldConfig"]["defaults"]["noValue"]]
            axes.text(0.5, 0.4, shown[0], transform=axes.transAxes, ha="center", color="gray")
        texts[panel["title"]] = shown
    figure.savefig(picture, dpi=80)
    return texts


def _places(figure: Figure, panels: list[dict[str, Any]], height: int) -> Iterator[Axes]:
    for panel in panels:
        place = panel["gridPos"]
        left, width = (place["x"] + 0.7) / COLUMNS, (place["w"] - 1) / COLUMNS
        bottom, tall = 1 - (place["y"] + place["h"] - 0.8) / height, (place["h"] - 2) / height
        yield figure.add_axes((left, bottom, width, tall))


if __name__ == "__main__":
    prometheus, name, folder, *rest = sys.argv[1:]
    for dashboard in sorted((STACK / "dashboards").glob("*.json")):
        image = Path(folder, f"{dashboard.stem}.png")
        print(
            image, json.dumps(draw(dashboard, prometheus, name, image, *map(float, rest)), indent=1)
        )
