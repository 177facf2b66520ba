"""The collector's files: each is accepted, and does what its comments say."""

from __future__ import annotations

from pathlib import Path

import pytest

from callspan.modelserver import ModelServer
from callspan.semconv import names

from .collector import BASIC, Collector, validated
from .conftest import running
from .jaeger import Jaeger
from .programs import STACK, until
from .prometheus import Prometheus
from .shop import run_order, to, visit

PRODUCTION = STACK / "collector-production.yaml"


def with_redaction(folder: Path) -> Path:
    """The collector's file with redaction named where its comment says."""
    file = folder / "redacting.yaml"
    file.write_text(BASIC.read_text().replace("[memory_limiter]", "[memory_limiter, redaction]"))
    return file


@pytest.mark.parametrize("file", [BASIC, PRODUCTION, STACK / "collector-gateway.yaml"], ids=lambda file: file.name)
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


def test_in_production_a_crash_of_the_collector_and_an_outage_of_the_back_ends_lose_nothing(tmp_path: Path) -> None:
    """The back ends come up only after the collector was killed with everything in its queue."""
    jaeger, prometheus = Jaeger(tmp_path), Prometheus(tmp_path, target=None)
    metrics = f"{prometheus.url}/api/v1/otlp/v1/metrics"
    where = {"OTELCOL_METRICS": metrics, "OTELCOL_STORAGE": str(tmp_path / "queue")}
    collector = Collector(tmp_path, jaeger.otlp, [PRODUCTION], **where)
    with running(collector):
        shop = visit(tmp_path, "patient", "--otlp", collector.grpc, OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
        assert "could not be sent" not in shop.stderr
        collector.kill()
        collector.start()
        with running(jaeger, prometheus):
            assert jaeger.spans("patient", 9) == shop.spans
            told = sum(counts.input + counts.output for counts in shop.told.values())
            tokens = 'sum(gen_ai_client_token_usage_sum{job="patient"})'
            assert until("tokens", lambda: prometheus.value(tokens)) == told
