"""What the panels show with no calls, with calls that all fail, that nobody counts, and with a mixture."""

from __future__ import annotations

import json
import math
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from callspan.testing.modelserver import ModelServer, Reply

from . import pictures
from .collector import BASIC, Collector
from .conftest import running
from .programs import STACK, until
from .prometheus import Prometheus
from .shop import COMMAND, ORDER, Orders, Traffic, environment, to

DASHBOARDS = sorted((STACK / "dashboards").glob("*.json"))
OVERVIEW = STACK / "dashboards" / "overview.json"
PANELS = [
    (file.stem, panel) for file in DASHBOARDS for panel in json.loads(file.read_text())["panels"]
]
STATED, SOME, ALL, NOTHING = "more than 0", "between 0 and 1", "1", "nothing"
ZERO = "0"
EXPECTED = {
    "Calls a second": {"failing": STATED, "unstated": STATED, "mixed": STATED},
    "Errors": {"failing": ALL, "unstated": ZERO, "mixed": SOME},
    "Tokens a second": {"failing": ZERO, "unstated": ZERO, "mixed": STATED},
    "Errors by kind": {"failing": STATED, "unstated": NOTHING, "mixed": STATED},
    "Tokens by model and kind": {"failing": NOTHING, "unstated": NOTHING, "mixed": STATED},
    "Input from the cache": {"failing": NOTHING, "unstated": NOTHING, "mixed": SOME},
    "Duration": {"failing": STATED, "unstated": STATED, "mixed": STATED},
    "Time to the first chunk": {"failing": NOTHING, "unstated": STATED, "mixed": STATED},
    "Calls in flight": {"failing": ZERO, "unstated": ZERO, "mixed": ZERO},
    "Retries": {"failing": ZERO, "unstated": ZERO, "mixed": STATED},
    "Estimated tokens": {"failing": NOTHING, "unstated": ALL, "mixed": SOME},
    "Stopped by a budget": {"failing": ZERO, "unstated": ZERO, "mixed": STATED},
}
"""What a panel of the overview shows, by the traffic; with none it shows nothing."""
LEVELS = {
    STATED: lambda value: value > 0,
    SOME: lambda value: 0 < value < 1,
    ALL: lambda value: value == pytest.approx(1),
    ZERO: lambda value: value == 0,
}


def values(prometheus: Prometheus, panel: dict[str, Any], service: str) -> list[float]:
    """The numbers that a panel shows now, those that are none left out."""
    queries = [pictures.query_of(target, service) for target in panel["targets"]]
    found = [float(series["value"][1]) for query in queries for series in prometheus.query(query)]
    return [value for value in found if math.isfinite(value)]


@pytest.fixture(scope="module")
def traffic(collector: Collector, prometheus: Prometheus) -> Prometheus:
    """Services named by their traffic, all of which Prometheus has read."""
    where, estimate = to(collector.grpc), {"CALLSPAN_ESTIMATE": "missing"}
    with ModelServer() as server:
        for name, model in (("failing", "no-such-model"), ("unstated", "unstated")):
            words = [*COMMAND, "--service-name", name, ORDER.with_name("short.py"), "5", model]
            variables = environment(OPENAI_BASE_URL=server.url, **where, **estimate)
            subprocess.run(words, env=variables, check=True, timeout=120)
        server.enqueue(*[Reply(cached=4)] * 6, for_model="gpt-4.1-mini")
        server.enqueue(*[Reply(status=429, retry_after=0.01), Reply()] * 3, for_model="busy-model")
        mixed = Traffic(server, "mixed", **where, **estimate)
        mixed.take(3)
        mixed.close()
    for name in ("failing", "unstated", "mixed"):
        until(name, lambda: prometheus.query(f'callspan_client_calls_total{{job="{name}"}}'))  # noqa: B023  at once
    return prometheus


@pytest.mark.parametrize("service", ["failing", "unstated", "mixed"])
@pytest.mark.parametrize("title", EXPECTED)
def test_a_panel_shows_what_happened(traffic: Prometheus, title: str, service: str) -> None:
    (panel,) = [panel for page, panel in PANELS if page == "overview" and panel["title"] == title]
    expected = EXPECTED[title][service]
    if expected == NOTHING:
        assert values(traffic, panel, service) == []
        return
    # a share is shown for each model, of which some have no part of it
    enough = any if expected == SOME else all

    def is_shown() -> bool:
        found = values(traffic, panel, service)
        return bool(found) and enough(map(LEVELS[expected], found))

    until(f"{title}: {expected}", is_shown, 20)


@pytest.mark.parametrize(
    ("page", "panel"), PANELS, ids=lambda one: one if isinstance(one, str) else one["title"]
)
def test_a_panel_without_any_calls_says_so(
    traffic: Prometheus, page: str, panel: dict[str, Any]
) -> None:
    assert values(traffic, panel, "nobody") == []
    assert panel["fieldConfig"]["defaults"]["noValue"].startswith("no ")


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.name)
def test_panels_have_ids_and_descriptions(file: Path) -> None:
    panels = json.loads(file.read_text())["panels"]
    assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))
    assert all(panel["description"].endswith(".") for panel in panels)


def test_only_errors_have_levels() -> None:
    """A number is red where something is wrong, and nowhere else."""
    numbers = {panel["title"]: panel for _, panel in PANELS if panel["type"] == "stat"}
    assert [pictures.color(value, numbers["Errors"]) for value in (0, 0.02, 0.05, 1)] == [
        "green", "orange", "red", "red",
    ]  # fmt: skip
    others = {
        title: pictures.color(1e9, panel) for title, panel in numbers.items() if title != "Errors"
    }
    assert set(others.values()) == {"blue"}


def test_calls_in_flight_of_a_killed_program_are_not_shown_for_good(
    jaeger: Any, tmp_path: Path
) -> None:
    """The collector forgets what is no longer told; here after seconds."""
    more = tmp_path / "more.yaml"
    more.write_text("exporters: {prometheus: {metric_expiration: 5s}}\n")
    collector = Collector(tmp_path, jaeger.otlp, [BASIC, more])
    prometheus = Prometheus(tmp_path, collector.prometheus)
    (panel,) = [
        panel
        for page, panel in PANELS
        if page == "overview" and panel["title"] == "Calls in flight"
    ]
    held = threading.Event()
    with running(collector, prometheus), ModelServer() as server:
        server.enqueue(Reply(gate=held))
        program = Orders(server, "killed", **to(collector.grpc), OTEL_METRIC_EXPORT_INTERVAL="1000")
        program.begin()
        until("a call in flight", lambda: values(prometheus, panel, "killed") == [1])
        program.kill()
        held.set()
        until("none", lambda: values(prometheus, panel, "killed") == [])


def test_a_dashboard_is_drawn_with_the_values_of_its_panels(
    traffic: Prometheus, tmp_path: Path
) -> None:
    picture = tmp_path / "overview.png"
    shown = pictures.draw(OVERVIEW, traffic.url, "failing", picture)
    assert shown["Errors"] == ["100 %"]
    assert shown["Estimated tokens"] == ["no tokens"]
    assert picture.read_bytes().startswith(b"\x89PNG")
