"""Intervals and flags as they stand: a steady load is a line, and a short program is counted."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from callspan.export.collector import METRIC_EXPORT_MS
from callspan.testing.modelserver import ModelServer

from .collector import Collector
from .conftest import running
from .programs import STACK, until
from .prometheus import Prometheus
from .shop import COMMAND, ORDER, environment, to

STEADY, SHORT = ORDER.with_name("steady.py"), ORDER.with_name("short.py")
SOURCES = yaml.safe_load((STACK / "grafana/provisioning/datasources/sources.yaml").read_text())[
    "datasources"
]
SCRAPE = int(
    yaml.safe_load((STACK / "prometheus.yml").read_text())["global"][
        "scrape_interval"
    ].removesuffix("s")
)
WINDOW = 4 * int(SOURCES[0]["jsonData"]["timeInterval"].removesuffix("s"))
"""Seconds of Grafana's `$__rate_interval` in a panel of an hour: four times the data source's interval."""
PACE = 10
PROGRAMS, CALLS = 20, 5
TOKENS = "sum(increase(gen_ai_client_token_usage_sum[10m]))"


def panel_query(title: str, service: str) -> str:
    """The first query of a panel of the overview as Grafana sends it."""
    panels = json.loads((STACK / "dashboards" / "overview.json").read_text())["panels"]
    (expression,) = [panel["targets"][0]["expr"] for panel in panels if panel["title"] == title]
    return expression.replace("$__rate_interval", f"{WINDOW}s").replace("$service", service)


def test_a_rate_is_taken_over_many_exports() -> None:
    """What is read lacks up to one export at each end, so this is how exact a rate can be."""
    exports = (WINDOW - SCRAPE) / (METRIC_EXPORT_MS / 1000)
    assert exports >= 10
    assert METRIC_EXPORT_MS / 1000 >= SCRAPE, "else exemplars are replaced before they are read"


def test_a_steady_load_is_a_line(tmp_path: Path, server: ModelServer) -> None:
    """Nothing is set but the address: ten calls a second are ten at each point, once a window of them is there."""
    seconds = WINDOW + 5 * SCRAPE
    collector = Collector(tmp_path, "127.0.0.1:9")
    prometheus = Prometheus(tmp_path, collector.prometheus, as_it_stands=True)
    words = [*COMMAND, "--service-name", "steady", STEADY, str(seconds * PACE), str(PACE)]
    with running(collector, prometheus):
        began = time.time()
        program = subprocess.Popen(
            words, env=environment(OPENAI_BASE_URL=server.url, **to(collector.grpc))
        )
        try:
            program.wait(2 * seconds)
        finally:
            program.kill()
        ended = time.time()
        [line] = prometheus.range(
            panel_query("Calls a second", "steady"), began + WINDOW + SCRAPE, ended
        )
    pace = seconds * PACE / (ended - began)
    values = [float(value) / pace for _, value in line["values"]]
    assert len(values) >= 5
    assert min(values) > 0.8, values
    assert max(values) < 1.2, values


@contextmanager
def by_scrape(folder: Path) -> Iterator[tuple[Prometheus, dict[str, str]]]:
    """The stack: Prometheus reads the collector."""
    collector = Collector(folder, "127.0.0.1:9")
    prometheus = Prometheus(folder, collector.prometheus, as_it_stands=True)
    with running(collector, prometheus):
        yield prometheus, to(collector.grpc)


@contextmanager
def by_production(folder: Path) -> Iterator[tuple[Prometheus, dict[str, str]]]:
    """The collector with queues on disk sends by OTLP."""
    prometheus = Prometheus(folder, None)
    where = {
        "OTELCOL_METRICS": f"{prometheus.url}/api/v1/otlp/v1/metrics",
        "OTELCOL_STORAGE": str(folder / "queue"),
    }
    collector = Collector(folder, "127.0.0.1:9", [STACK / "collector-production.yaml"], **where)
    with running(prometheus, collector):
        yield prometheus, to(collector.grpc)


@contextmanager
def straight(folder: Path) -> Iterator[tuple[Prometheus, dict[str, str]]]:
    """Programs send to Prometheus by OTLP, without a collector."""
    prometheus = Prometheus(folder, None)
    with running(prometheus):
        yield (
            prometheus,
            {
                "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{prometheus.url}/api/v1/otlp/v1/metrics",
                "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            },
        )


@pytest.mark.parametrize("way", [by_scrape, by_production, straight], ids=lambda way: way.__name__)
def test_short_programs_are_in_rates_and_sums(
    tmp_path: Path, way: object, server: ModelServer
) -> None:
    """Each of them exports once, at its end; sums are within 10 % of the model server's book."""

    def run(_number: int) -> None:
        words = [*COMMAND, "--service-name", "short", SHORT, str(CALLS)]
        subprocess.run(
            words, env=environment(OPENAI_BASE_URL=server.url, **variables), check=True, timeout=120
        )

    assert callable(way)
    with way(tmp_path) as (prometheus, variables):
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(run, range(PROGRAMS)))
        book = server.ledger.total_told.input + server.ledger.total_told.output
        prometheus.wait_for_value("sum(gen_ai_client_token_usage_sum)", book)
        until(
            "the tokens of the book",
            lambda: 0.9 < prometheus.value(TOKENS) / book < 1.1,
            seconds=120,
        )
        calls = panel_query("Calls a second", "short").replace(f"{WINDOW}s", "10m")
        assert 600 * prometheus.value(calls) == pytest.approx(PROGRAMS * CALLS, rel=0.1)
