"""Without a collector: a program sends to Jaeger and to Prometheus itself, or Prometheus reads it."""

from __future__ import annotations

from pathlib import Path

from callspan.testing.modelserver import ModelServer

from .conftest import running
from .jaeger import Jaeger
from .programs import free_ports
from .prometheus import Prometheus
from .shop import Orders, visit

ONLY_TRACES = {"OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}


def test_jaeger_takes_traces_from_the_program(jaeger: Jaeger, tmp_path: Path) -> None:
    options = ("--otlp", f"http://{jaeger.otlp}")
    shop = visit(tmp_path, "straight", *options, OTEL_EXPORTER_OTLP_PROTOCOL="grpc", **ONLY_TRACES)
    assert jaeger.spans("straight", 9) == shop.spans
    assert "callspan" not in shop.stderr


def test_prometheus_takes_metrics_from_the_program(tmp_path: Path) -> None:
    prometheus = Prometheus(tmp_path, None)
    with running(prometheus):
        metrics = f"{prometheus.url}/api/v1/otlp/v1/metrics"
        shop = visit(tmp_path, "pushed", OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=metrics)
        told = sum(counts.input + counts.output for counts in shop.told.values())
        prometheus.wait_for_value('sum(gen_ai_client_token_usage_sum{job="pushed"})', told)


def test_prometheus_reads_the_program(server: ModelServer, tmp_path: Path) -> None:
    """The names are those that a collector writes."""
    address = f"127.0.0.1:{free_ports(1)[0]}"
    orders = Orders(server, "read", CALLSPAN_PROMETHEUS=address)
    orders.take(3)
    prometheus = Prometheus(tmp_path, address)
    with running(prometheus):
        total = server.ledger.total_told
        prometheus.wait_for_value("sum(gen_ai_client_token_usage_sum)", total.input + total.output)
        assert prometheus.value("sum(gen_ai_client_operation_duration_seconds_count)") == 3
        assert prometheus.value("sum(callspan_client_calls_total)") == 3
        (found,) = prometheus.query("target_info")
        assert found["metric"]["service_name"] == "read"
        orders.close()
