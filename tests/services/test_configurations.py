"""The collector's files: each is accepted, and does what its comments say."""

from __future__ import annotations

from pathlib import Path

import pytest

from callspan.semconv import names
from callspan.testing.modelserver import ModelServer

from .collector import BASIC, Collector, validated
from .conftest import running
from .jaeger import Jaeger
from .programs import STACK, until
from .prometheus import Prometheus
from .shop import run_order, to, visit
from .spans import model_spans, send, sender

PRODUCTION = STACK / "collector-production.yaml"


def with_redaction(folder: Path) -> Path:
    """The collector's file with redaction named where its comment says."""
    file = folder / "redacting.yaml"
    file.write_text(BASIC.read_text().replace("[memory_limiter]", "[memory_limiter, redaction]"))
    return file


@pytest.mark.parametrize(
    "file", [BASIC, PRODUCTION, STACK / "collector-gateway.yaml"], ids=lambda file: file.name
)
def test_the_collector_accepts_the_file_as_it_stands(file: Path, tmp_path: Path) -> None:
    assert validated(file, OTELCOL_STORAGE=str(tmp_path)) == ""


def test_a_file_that_is_wrong_is_not_accepted(tmp_path: Path) -> None:
    """Or the test above would say nothing."""
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(BASIC.read_text().replace("enable_open_metrics", "enable_open_metric"))
    assert "enable_open_metric" in validated(wrong)


def test_with_redaction_switched_on_nothing_that_was_said_arrives(
    jaeger: Jaeger, server: ModelServer, tmp_path: Path
) -> None:
    collector = Collector(tmp_path, jaeger.otlp, [with_redaction(tmp_path)])
    capture = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY"}
    with running(collector):
        run_order(server, "redacted", 1, **to(collector.grpc), **capture)
        spans = {span["name"]: span["attributes"] for span in jaeger.spans("redacted", 2)}
    said = spans["chat gpt-4.1-mini"]
    assert "rose" not in said[names.INPUT_MESSAGES].lower()
    assert "rose" not in said[names.OUTPUT_MESSAGES].lower()
    assert said[names.OUTPUT_TOKENS] > 0
    assert spans["take an order"]["order.from"] == "**** by card ****"


def measured(folder: Path, file: Path) -> tuple[Collector, Prometheus]:
    """A collector by a file, and the Prometheus that reads it or is sent to, as the file says."""
    more = folder / "soon.yaml"
    more.write_text("connectors: {span_metrics: {metrics_flush_interval: 1s}}\n")
    if file != PRODUCTION:
        collector = Collector(folder, "127.0.0.1:9", [file, more])
        return collector, Prometheus(folder, collector.prometheus)
    prometheus = Prometheus(folder, target=None)
    where = {
        "OTELCOL_METRICS": f"{prometheus.url}/api/v1/otlp/v1/metrics",
        "OTELCOL_STORAGE": str(folder / "queue"),
    }
    return Collector(folder, "127.0.0.1:9", [file, more], **where), prometheus


@pytest.mark.parametrize(
    "file", [BASIC, STACK / "collector-gateway.yaml", PRODUCTION], ids=lambda file: file.name
)
def test_span_metrics_of_2500_models_are_bounded(tmp_path: Path, file: Path) -> None:
    """What is beyond the limit is counted together, so the sum is whole."""
    collector, prometheus = measured(tmp_path, file)
    calls = 'traces_span_metrics_calls_total{job="many-models"}'
    with running(collector, prometheus), sender(collector.grpc) as exporter:
        send(exporter, model_spans("many-models", 2500))
        prometheus.wait_for_value(f"sum({calls})", 2500)
        assert prometheus.value(f"count({calls})") <= 501
        assert prometheus.value(f'sum({calls[:-1]}, otel_metric_overflow="true"}})') >= 1999


def test_in_production_a_crash_of_the_collector_and_an_outage_of_the_back_ends_lose_nothing(
    tmp_path: Path,
) -> None:
    """The back ends come up only after the collector was killed with everything in its queue."""
    jaeger, prometheus = Jaeger(tmp_path), Prometheus(tmp_path, target=None)
    metrics = f"{prometheus.url}/api/v1/otlp/v1/metrics"
    where = {"OTELCOL_METRICS": metrics, "OTELCOL_STORAGE": str(tmp_path / "queue")}
    collector = Collector(tmp_path, jaeger.otlp, [PRODUCTION], **where)
    with running(collector):
        shop = visit(
            tmp_path, "patient", "--otlp", collector.grpc, OTEL_EXPORTER_OTLP_PROTOCOL="grpc"
        )
        assert "could not be sent" not in shop.stderr
        collector.kill()
        collector.start()
        with running(jaeger, prometheus):
            assert jaeger.spans("patient", 9) == shop.spans
            told = sum(counts.input + counts.output for counts in shop.told.values())
            tokens = 'sum(gen_ai_client_token_usage_sum{job="patient"})'
            assert until("tokens", lambda: prometheus.value(tokens)) == told
