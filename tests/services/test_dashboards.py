"""Dashboards and rules: made from their source, and each query finds what programs recorded, in both dialects."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from callspan.semconv import conventions
from callspan.semconv.conventions import Convention, Metric
from callspan.testing.modelserver import ModelServer, Reply

from .collector import Collector
from .conftest import TOLD
from .programs import BIN, ROOT, SECONDS, STACK, until
from .prometheus import Prometheus
from .shop import Traffic, to

promql_parser = pytest.importorskip(
    "promql_parser", reason="it comes with the extra dev, as Grafana's SDK does"
)
PENDING = {
    "gen_ai_invoke_agent_duration",
    "gen_ai_execute_tool_duration",
    "gen_ai_invoke_workflow_duration",
}
"""Metrics that the dashboards show and that the traffic here, which has no agents, does not make."""
ALL = {"CALLSPAN_COST": "true", "CALLSPAN_ESTIMATE": "missing"}
"""Switches on what is recorded only where it is asked for."""
DASHBOARDS = sorted((STACK / "dashboards").glob("*.json"))
PANELS = [
    (file.stem, panel) for file in DASHBOARDS for panel in json.loads(file.read_text())["panels"]
]
QUERIES = [
    (f"{page}: {panel['title']}", target["expr"])
    for page, panel in PANELS
    for target in panel["targets"]
]
DOCUMENTED = re.findall(
    r"```promql\n(.*?)\n```", (ROOT / "docs" / "backends.md").read_text(), re.DOTALL
)
RULES = [
    rule
    for group in yaml.safe_load((STACK / "rules.yml").read_text())["groups"]
    for rule in group["rules"]
]


def chosen(expression: str, service: str) -> str:
    """A panel's query as Grafana sends it."""
    values = {"$__rate_interval": "1m", "$service": service, "$model": ".*"}
    for variable, value in values.items():
        expression = expression.replace(variable, value)
    return expression


def is_pending(expression: str) -> bool:
    """Whether a query asks for a metric that nothing records yet."""
    return any(name in expression for name in PENDING)


def recorded() -> set[str]:
    """The names of all metrics that callspan can record, with underscores."""
    found = [value for value in vars(conventions).values() if isinstance(value, Metric)]
    for one in (value for value in vars(conventions).values() if isinstance(value, Convention)):
        found += [
            value
            for value in (getattr(one, name) for name in one.__slots__)
            if isinstance(value, Metric)
        ]
    return {metric.name.replace(".", "_") for metric in found}


def test_the_files_are_what_their_source_makes(tmp_path: Path) -> None:
    """python examples/stack/source"""
    subprocess.run(
        [sys.executable, STACK / "source", tmp_path],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        check=True,
        timeout=SECONDS,
    )
    for file in ("rules.yml", *(f"dashboards/{page.name}" for page in DASHBOARDS)):
        assert (tmp_path / file).read_text() == (STACK / file).read_text(), file


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.name)
def test_grafanas_own_types_read_a_dashboard_as_it_stands(file: Path) -> None:
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models.dashboard import Dashboard

    told = json.loads(file.read_text())
    assert json.loads(JSONEncoder().encode(Dashboard.from_json(told))) == told


def schema(name: str) -> Any:
    """A schema that build.sh made of Grafana's own types."""
    file = BIN / f"grafana-{name}.json"
    if not file.exists():
        pytest.skip(f"{file} is not there: build.sh makes it where npm is")
    return json.loads(file.read_text())


def wrong(name: str, **values: Any) -> list[str]:
    """What a schema finds wrong."""
    errors = jsonschema.Draft7Validator(schema(name)).iter_errors(values)
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in errors]


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.name)
def test_a_dashboard_is_what_grafanas_schema_says(file: Path) -> None:
    page = json.loads(file.read_text())
    assert wrong("dashboard", dashboard=page) == []
    for panel in page["panels"]:
        own = {
            "options": panel.get("options", {}),
            "custom": panel["fieldConfig"]["defaults"].get("custom", {}),
        }
        assert wrong("dashboard", panel=panel) + wrong("kinds", **{panel["type"]: own}) == [], (
            panel["title"]
        )


def test_grafanas_schema_finds_what_is_wrong() -> None:
    """Or the test above would say nothing."""
    page = json.loads(DASHBOARDS[0].read_text())
    assert wrong("dashboard", dashboard={**page, "refresh": 5}) == [
        "dashboard/refresh: 5 is not of type 'string'"
    ]
    assert wrong("dashboard", panel={**page["panels"][0], "id": "one"})
    assert wrong(
        "kinds", timeseries={"options": {"legend": {"displayMode": "lists"}}, "custom": {}}
    )


def test_the_schema_is_of_the_grafana_that_the_stack_starts() -> None:
    compose = yaml.safe_load((STACK / "compose.yaml").read_text())
    package = json.loads(Path(__file__).with_name("grafana").joinpath("package.json").read_text())
    assert (
        compose["services"]["grafana"]["image"]
        == f"grafana/grafana:{package['dependencies']['@grafana/schema']}"
    )


@pytest.mark.parametrize(("where", "expression"), QUERIES)
def test_each_query_is_promql(where: str, expression: str) -> None:
    promql_parser.parse(chosen(expression, "shop"))


def test_promtool_takes_the_rules() -> None:
    done = subprocess.run(
        [BIN / "promtool", "check", "rules", "--lint-fatal", STACK / "rules.yml"],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_what_is_said_not_to_be_made_by_the_traffic_is_not(
    prometheus: Prometheus, service: str
) -> None:
    """When it is, the name leaves the list."""
    names = "|".join(f"{name}.*" for name in PENDING)
    assert prometheus.query(f'{{__name__=~"{names}", job="{service}"}}') == []


@pytest.fixture(scope="module", params=["released", "latest", "both"])
def service(
    request: pytest.FixtureRequest, collector: Collector, prometheus: Prometheus
) -> Iterator[str]:
    """A service that makes calls of all kinds, and speaks one dialect of the conventions."""
    dialect = request.param
    name = f"traffic-{dialect}"
    with ModelServer() as server:
        server.enqueue(*[Reply(cached=4, reasoning_tokens=2)] * 20, for_model="gpt-4.1-mini")
        server.enqueue(*[Reply(status=429, retry_after=0.01), Reply()] * 10, for_model="busy-model")
        # not more often than Prometheus reads, or it misses exemplars
        soon = {"OTEL_METRIC_EXPORT_INTERVAL": "1500", "OTEL_BSP_SCHEDULE_DELAY": "100"}
        traffic = Traffic(
            server, name, **to(collector.grpc), **soon, **TOLD, **ALL, CALLSPAN_SEMCONV=dialect
        )
        for number in range(1, 4):
            traffic.take(3)
            ended = f'sum(callspan_client_calls_total{{job="{name}"}})'
            until("calls", lambda: prometheus.value(ended) >= number * 21)  # noqa: B023  called at once
        yield name
        [warning] = traffic.close()[0]
        assert "nobody knows the price of busy-model" in warning


@pytest.mark.parametrize(
    ("where", "expression"), [query for query in QUERIES if not is_pending(query[1])]
)
def test_each_query_finds_what_the_service_recorded(
    prometheus: Prometheus, service: str, where: str, expression: str
) -> None:
    asked = chosen(expression, service)
    until(
        where,
        lambda: [s for s in prometheus.query(asked) if math.isfinite(float(s["value"][1]))],
        seconds=20,
    )


@pytest.mark.parametrize("service", ["released"], indirect=True)
@pytest.mark.parametrize("expression", DOCUMENTED)
def test_each_query_of_the_documentation_finds_something(
    prometheus: Prometheus, service: str, expression: str
) -> None:
    """It is written in the names of the released conventions."""
    asked = expression.replace("flower-shop", service)
    until(
        asked,
        lambda: [s for s in prometheus.query(asked) if math.isfinite(float(s["value"][1]))],
        seconds=20,
    )


def test_a_service_that_speaks_both_dialects_is_counted_once(
    prometheus: Prometheus, service: str
) -> None:
    """By the overview's own numbers: of the calls of each order one fails, and one is stopped."""
    assert 0.1 < prometheus.value(chosen(_query("overview: Errors"), service)) < 0.3
    kinds = ("input", "output")
    counters = [f"gen_ai_client_inference_usage_{kind}_tokens_total" for kind in kinds]
    if not service.endswith("latest"):
        counters = ["gen_ai_client_token_usage_sum"]
    told = " + ".join(f'sum(rate({counter}{{job="{service}"}}[1m]))' for counter in counters)
    shown = chosen(_query("overview: Tokens a second"), service)
    assert prometheus.value(f"sum({shown}) / ({told})") == pytest.approx(1)


def _query(where: str) -> str:
    (found,) = [expression for page, expression in QUERIES if page == where]
    return found


@pytest.mark.parametrize(
    "rule",
    [rule for rule in RULES if "record" in rule and not is_pending(rule["expr"])],
    ids=lambda rule: rule["record"],
)
def test_each_recording_rule_records(
    prometheus: Prometheus, service: str, rule: dict[str, Any]
) -> None:
    until(
        rule["record"], lambda: prometheus.query(f'{rule["record"]}{{job="{service}"}}'), seconds=20
    )


def test_alerts_ask_for_what_is_there() -> None:
    """Each name in an alert is a recording rule, or is recorded by programs."""
    records = {rule["record"] for rule in RULES if "record" in rule}
    for alert in (rule for rule in RULES if "alert" in rule):
        asked = set(re.findall(r"\b(?:job\w*:\w+:\w+|callspan_\w+)\b", alert["expr"]))
        assert asked
        assert all(
            name in records or name.removesuffix("_total") in recorded() for name in asked
        ), asked


def test_panels_with_exemplars_have_some(prometheus: Prometheus, service: str) -> None:
    asked = chosen(
        next(expression for where, expression in QUERIES if where == "model: Duration"), service
    )
    until("exemplars", lambda: prometheus.exemplars(asked), seconds=20)
