"""examples/stack: two collectors in a chain for real; what needs a container engine is checked by its parts."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from callspan.semconv import names
from callspan.testing.modelserver import ModelServer

from .collector import BASIC, Collector, validated
from .conftest import running
from .jaeger import Jaeger
from .programs import ROOT, SECONDS, STACK, until
from .prometheus import Prometheus
from .shop import SHOP, environment, run_order, to, visit

AGENT, GATEWAY, TEMPO = (
    STACK / f"{name}.yaml" for name in ("collector-agent", "collector-gateway", "also-tempo")
)
COMPOSE = yaml.safe_load((STACK / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
MANIFESTS = [
    (path.name, manifest)
    for path in sorted((STACK / "kubernetes").glob("*.yaml"))
    for manifest in yaml.safe_load_all(path.read_text())
]


def agent_to(folder: Path, *gateways: Collector) -> Collector:
    """An agent by its own file; a second one gives the ports of its gateways, which all listen on 4317 elsewhere."""
    folder.mkdir()
    addresses = [gateway.grpc.removeprefix("http://") for gateway in gateways]
    more = folder / "gateways.yaml"
    resolver = {"dns": None, "static": {"hostnames": addresses}}
    more.write_text(yaml.safe_dump({"exporters": {"loadbalancing": {"resolver": resolver}}}))
    return Collector(folder, "", [AGENT, more], OTELCOL_GATEWAY=addresses[0])


def test_a_gateway_measures_all_traces_and_keeps_those_that_are_remarkable(
    jaeger: Jaeger, tmp_path: Path
) -> None:
    """Program, agent, gateway: of nine calls one failed, one was abandoned and one was tried again."""
    soon = {
        "OTELCOL_DECISION_WAIT": "1s",
        "OTELCOL_KEEP_PERCENT": "0",
        "OTELCOL_SPAN_METRICS_INTERVAL": "1s",
    }
    gateway = Collector(tmp_path, jaeger.otlp, [GATEWAY], **soon)
    agent = agent_to(tmp_path / "agent", gateway)
    prometheus = Prometheus(tmp_path, gateway.prometheus)
    with running(gateway, agent, prometheus):
        visit(tmp_path, "chained", "--otlp", agent.grpc, OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
        kept = jaeger.spans("chained", 3)
        prometheus.wait_for_value('sum(traces_span_metrics_calls_total{job="chained"})', 9)
        prometheus.wait_for_value(
            'sum(gen_ai_client_operation_duration_seconds_count{job="chained"})', 9
        )
        assert jaeger.count("chained") == 3
    attempts = {
        span["attributes"][names.OUTCOME]: span["attributes"].get(names.ATTEMPTS) for span in kept
    }
    assert attempts == {"error": None, "abandoned": None, "completed": 2}


def test_traces_go_to_tempo_too(jaeger: Jaeger, tmp_path: Path) -> None:
    """A second Jaeger stands in Tempo's place: both take OTLP over gRPC."""
    tempo = Jaeger(tmp_path)
    collector = Collector(tmp_path, jaeger.otlp, [BASIC, TEMPO], OTELCOL_TEMPO=tempo.otlp)
    with running(tempo, collector):
        shop = visit(
            tmp_path, "twice", "--otlp", collector.grpc, OTEL_EXPORTER_OTLP_PROTOCOL="grpc"
        )
        assert jaeger.spans("twice", 9) == tempo.spans("twice", 9) == shop.spans


def test_the_agent_shares_traces_out_and_keeps_each_whole(
    jaeger: Jaeger, server: ModelServer, tmp_path: Path
) -> None:
    """Two gateways, each with a Jaeger of its own: both get some of the traces, and both spans of each."""
    other = Jaeger(tmp_path)
    (tmp_path / "second").mkdir()
    gateways = Collector(tmp_path, jaeger.otlp), Collector(tmp_path / "second", other.otlp)
    agent = agent_to(tmp_path / "agent", *gateways)
    with running(other, *gateways, agent):
        run_order(server, "shared-out", 20, **to(agent.grpc))
        until(
            "40 spans in both", lambda: jaeger.count("shared-out") + other.count("shared-out") == 40
        )
        spans = [
            Counter(span["traceId"] for span in one.spans("shared-out", 2))
            for one in (jaeger, other)
        ]
    assert spans[0]
    assert spans[1]
    assert set((spans[0] + spans[1]).values()) == {2}
    assert not set(spans[0]) & set(spans[1])


def test_the_agents_file_is_accepted() -> None:
    assert validated(AGENT) == ""


def test_a_program_started_as_the_operator_does_is_seen(
    collector: Collector, jaeger: Jaeger, tmp_path: Path
) -> None:
    """Nothing but PYTHONPATH and variables: the hook of opentelemetry-distro finds callspan by its entry point."""
    info = tmp_path / "callspan-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: callspan\nVersion: 0\n")
    (info / "entry_points.txt").write_text(
        "[opentelemetry_instrumentor]\ncallspan = callspan.setup.instrument:Instrumentor\n"
    )
    packages = Path(sysconfig.get_path("purelib"))
    hook = packages / "opentelemetry" / "instrumentation" / "auto_instrumentation"
    path = os.pathsep.join(map(str, (hook, tmp_path, ROOT / "src", packages)))
    instrumentation = next(m for _, m in MANIFESTS if m["kind"] == "Instrumentation")
    variables = {one["name"]: one["value"] for one in instrumentation["spec"]["python"]["env"]}
    variables |= to(collector.http, variables["OTEL_EXPORTER_OTLP_PROTOCOL"])
    with ModelServer() as server:
        more = {"OPENAI_BASE_URL": server.url, "OTEL_SERVICE_NAME": "operated", "PYTHONPATH": path}
        done = subprocess.run(
            [sys.executable, SHOP],
            env={**environment(**variables), **more},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    spans = jaeger.spans("operated", 9)
    assert Counter(span["attributes"][names.OUTCOME] for span in spans) == {
        "completed": 7,
        "abandoned": 1,
        "error": 1,
    }


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_of_the_stack_is_pinned_watched_and_on_loopback(name: str) -> None:
    service = SERVICES[name]
    _, _, tag = service["image"].rpartition(":")
    assert tag.removeprefix("v").count(".") == 2, "a tag that stays what it is"
    assert service["healthcheck"]["test"]
    assert service["restart"] == "unless-stopped"
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert set(service.get("depends_on", ())) <= set(SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_each_file_that_a_service_reads_is_there(name: str) -> None:
    put = [volume.split(":") for volume in SERVICES[name]["volumes"]]
    for source, _, *mode in put:
        assert source in COMPOSE["volumes"] or ((STACK / source).exists() and mode == ["ro"])
    named = [word.rpartition("=")[2] for word in SERVICES[name].get("command", ()) if "=/" in word]
    assert {path for path in named if path.startswith("/etc/")} <= {target for _, target, *_ in put}


def test_the_parts_of_the_stack_name_each_other_as_they_are() -> None:
    collector = SERVICES["collector"]["environment"]
    assert (
        collector["OTELCOL_TRACES"]
        == f"jaeger:{_port(SERVICES['jaeger']['environment']['JAEGER_OTLP'])}"
    )
    (read,) = yaml.safe_load((STACK / "prometheus.yml").read_text())["scrape_configs"]
    assert read["static_configs"] == [
        {"targets": [f"collector:{_port(collector['OTELCOL_PROMETHEUS'])}"]}
    ]
    sources = yaml.safe_load((STACK / "grafana/provisioning/datasources/sources.yaml").read_text())[
        "datasources"
    ]
    assert {source["uid"] for source in sources} == {"prometheus", "jaeger", "tempo"}
    assert all(source["url"].split("/")[2].split(":")[0] in SERVICES for source in sources)
    led_to = sources[0]["jsonData"]["exemplarTraceIdDestinations"]
    assert {(one["name"], one["datasourceUid"]) for one in led_to} == {
        ("trace_id", "jaeger"),
        ("trace_id", "tempo"),
    }
    (provider,) = yaml.safe_load(
        (STACK / "grafana/provisioning/dashboards/provider.yaml").read_text()
    )["providers"]
    assert f"./dashboards:{provider['options']['path']}:ro" in SERVICES["grafana"]["volumes"]


def _port(address: str) -> str:
    return address.rpartition(":")[2]


@pytest.mark.parametrize(
    ("file", "manifest"), [m for m in MANIFESTS if m[1]["kind"] != "Instrumentation"]
)
def test_kubernetes_would_take_the_manifest(file: str, manifest: dict[str, Any]) -> None:
    kubernetes_validate = pytest.importorskip(
        "kubernetes_validate", reason="it comes with the extra dev"
    )
    kubernetes_validate.validate(manifest, "1.37", strict=True)


def test_manifests_give_collectors_the_variables_that_their_files_read() -> None:
    for manifest in (m for _, m in MANIFESTS if m["kind"] in ("DaemonSet", "Deployment")):
        for container in manifest["spec"]["template"]["spec"]["containers"]:
            if container["name"] == "collector":
                (file,) = (STACK / word.rpartition("/")[2] for word in container["args"])
                assert all(
                    f"${{env:{one['name']}:-" in file.read_text() for one in container["env"]
                )
