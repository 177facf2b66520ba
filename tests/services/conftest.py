"""One of each back end for all tests here; those that stop or change one start their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from callspan.testing.modelserver import ModelServer

from .collector import BASIC, Collector
from .jaeger import Jaeger
from .programs import HOW_TO_GET, MISSING, WANTED, Running
from .prometheus import Prometheus
from .shop import Visit, visit

TOLD = {"OTEL_RESOURCE_ATTRIBUTES": "service.version=1.2.3,deployment.environment.name=greenhouse"}
"""What the shop says of itself."""


@pytest.fixture(autouse=True, scope="session")
def programs_are_there() -> None:
    """Without the programs these tests are skipped, or fail where they are required."""
    if WANTED == "skip":
        pytest.skip("CALLSPAN_SERVICES is skip")
    if MISSING:
        (pytest.fail if WANTED == "required" else pytest.skip)(HOW_TO_GET)


@contextmanager
def running(*programs: Running) -> Iterator[None]:
    """The programs, started in order and ended in the other."""
    with ExitStack() as stack:
        for program in programs:
            stack.callback(program.kill)
            program.start()
        yield


@pytest.fixture(scope="session")
def jaeger(programs_are_there: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jaeger]:
    """Jaeger, for all tests."""
    found = Jaeger(tmp_path_factory.mktemp("jaeger"))
    with running(found):
        yield found


@pytest.fixture(scope="session")
def collector(jaeger: Jaeger, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """The collector by collector-config.yaml; what it says on logs goes into a file besides."""
    folder = tmp_path_factory.mktemp("collector")
    more = folder / "more.yaml"
    more.write_text(LOGS_INTO_A_FILE.format(file=folder / "logs.jsonl"))
    found = Collector(folder, jaeger.otlp, (BASIC, more))
    with running(found):
        yield found


LOGS_INTO_A_FILE = """
connectors:
  span_metrics: {{metrics_flush_interval: 1s}}
exporters:
  file: {{path: {file}, flush_interval: 200ms}}
  prometheus: {{metric_expiration: 60m}}
service:
  pipelines:
    logs: {{exporters: [debug, file]}}
"""


@pytest.fixture(scope="session")
def prometheus(
    collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """Prometheus, reading the collector."""
    found = Prometheus(tmp_path_factory.mktemp("prometheus"), collector.prometheus)
    with running(found):
        yield found


@pytest.fixture(scope="session", params=["grpc", "http/protobuf"])
def shop(
    request: pytest.FixtureRequest,
    collector: Collector,
    prometheus: Prometheus,
    tmp_path_factory: pytest.TempPathFactory,
) -> Visit:
    """One visit to the flower shop, with its content on spans, told by each protocol."""
    protocol = request.param
    service = f"shop-{protocol[:4]}"
    options = ("--otlp", collector.urls[protocol], "--capture", "both")
    return visit(
        tmp_path_factory.mktemp(service),
        service,
        *options,
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        **TOLD,
    )


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """A model server for programs of a test's own."""
    with ModelServer() as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a test's own programs write."""
    return tmp_path
