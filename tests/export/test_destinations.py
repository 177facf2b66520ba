"""Destinations and endpoints, as people write them."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

import callspan
from callspan.export.collector import METRIC_EXPORT_MS, metric_export_interval
from callspan.export.destinations import (
    ConfigurationError,
    Destinations,
    check_endpoint,
    from_environment,
    prometheus_address,
)
from callspan.export.endpoints import Target

GENERAL = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACES = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"


@pytest.mark.parametrize(
    ("value", "protocol", "name", "expected"),
    [
        ("http://h:4318", "http/protobuf", GENERAL, "http://h:4318"),
        ("http://h:4318/", "http/protobuf", GENERAL, "http://h:4318"),
        (" http://h:4318 ", "http/protobuf", GENERAL, "http://h:4318"),
        ("https://h", "http/protobuf", GENERAL, "https://h"),
        ("https://h/otlp", "http/protobuf", GENERAL, "https://h/otlp"),
        ("http://[::1]:4318", "http/protobuf", GENERAL, "http://[::1]:4318"),
        ("http://h:4317", "grpc", GENERAL, "http://h:4317"),
        ("http://h:4317/", "grpc", GENERAL, "http://h:4317"),
        ("http://h:4318/v1/traces", "http/protobuf", TRACES, "http://h:4318/v1/traces"),
        ("http://h:4318/", "http/protobuf", TRACES, "http://h:4318/"),
    ],
)
def test_good_endpoints_keep_their_meaning(
    value: str, protocol: str, name: str, expected: str
) -> None:
    assert check_endpoint(value, protocol, name) == expected


@pytest.mark.parametrize(
    ("value", "protocol", "name", "fix"),
    [
        ("localhost:4317", "grpc", GENERAL, "is 'localhost:4317', which has no scheme: write http://localhost:4317"),
        ("host:4318", "http/protobuf", GENERAL, "write http://host:4318"),
        ("localhost", "http/protobuf", GENERAL, "write http://localhost"),
        ("", "http/protobuf", GENERAL, "write http://localhost:4318"),
        ("http://h:1/v1/traces", "http/protobuf", GENERAL, "write http://h:1 or put it in OTEL_EXPORTER_OTLP_TRACES_"),
        ("http://h:4318/v1/metrics/", "http/protobuf", GENERAL, "4318 or put it in OTEL_EXPORTER_OTLP_METRICS_"),
        ("http://h:4317/v1/traces", "grpc", GENERAL, "gRPC takes no path: write http://h:4317"),
        ("http://:4318", "http/protobuf", GENERAL, "no host: write http://localhost:4318"),
        ("http://", "http/protobuf", GENERAL, "no host: write http://localhost:4318"),
        ("http://h:port", "http/protobuf", GENERAL, "write a port such as 4318"),
        ("http://h:99999", "http/protobuf", GENERAL, "write a port such as 4318"),
        ("http://h:0", "http/protobuf", GENERAL, "write a port such as 4318"),
        ("grpc://h:4317", "grpc", GENERAL, "write http://h:4317 or https://h:4317"),
        ("http://[::1", "http/protobuf", GENERAL, "write http://localhost:4318"),
    ],
)  # fmt: skip
def test_bad_endpoints_are_one_line_that_names_the_fix(
    value: str, protocol: str, name: str, fix: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        check_endpoint(value, protocol, name)
    assert fix in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({GENERAL: "http://h:4318"}, ("http/protobuf", "http://h:4318/v1/traces")),
        ({GENERAL: "http://h:4317"}, ("grpc", "http://h:4317")),
        ({GENERAL: "http://h:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, ("http/protobuf", "http://h:4317/v1/traces")),
        ({GENERAL: "http://h:1", TRACES: "http://t:2/x"}, ("http/protobuf", "http://t:2/x")),
        ({GENERAL: "http://h:9", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}, ("grpc", "http://h:9")),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, ("http/protobuf", "http://localhost:4318/v1/traces")),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, ("grpc", "http://localhost:4317")),
    ],
)  # fmt: skip
def test_the_standard_variables_say_where_traces_go(
    environ: dict[str, str], expected: tuple[str, str]
) -> None:
    assert from_environment(environ).targets(environ)[0] == Target("traces", *expected)


def test_an_endpoint_given_in_code_wins() -> None:
    environ = {GENERAL: "http://h:4318", TRACES: "http://t:2/x"}
    targets = Destinations(otlp_endpoint="http://code:4317").targets(environ)
    assert [(t.signal, t.protocol, t.url) for t in targets] == [
        (signal, "grpc", "http://code:4317") for signal in ("traces", "metrics", "logs")
    ]


@pytest.mark.parametrize("value", ["http/json", "thrift"])
def test_an_unknown_protocol_is_one_line(value: str) -> None:
    with pytest.raises(ConfigurationError, match=r"use (grpc or )?http/protobuf"):
        Destinations(otlp=True).targets({"OTEL_EXPORTER_OTLP_PROTOCOL": value})


ALL = ("traces", "metrics", "logs")
PORT = "OTEL_EXPORTER_PROMETHEUS_PORT"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, Destinations()),
        ({"CALLSPAN_CONSOLE": "1"}, Destinations(console=True)),
        ({"CALLSPAN_CONSOLE": "content"}, Destinations(console=True, content=True)),
        ({"CALLSPAN_CONSOLE": "false"}, Destinations()),
        ({"CALLSPAN_FILE": "t.jsonl"}, Destinations(file="t.jsonl")),
        ({"CALLSPAN_PROMETHEUS": ":9464"}, Destinations(prometheus=":9464")),
        ({GENERAL: "http://h:4318"}, Destinations(otlp=True)),
        ({TRACES: "http://h:4318/v1/traces"}, Destinations(otlp=True, otlp_signals=("traces",))),
        ({GENERAL: "http://h", "OTEL_METRICS_EXPORTER": "none"}, Destinations(otlp=True, otlp_signals=ALL[::2])),
        ({GENERAL: "h", "OTEL_TRACES_EXPORTER": "console"}, Destinations(True, None, True, otlp_signals=ALL[1:])),
        ({"OTEL_TRACES_EXPORTER": "console, otlp"}, Destinations(console=True, otlp=True, otlp_signals=("traces",))),
        ({"OTEL_METRICS_EXPORTER": "prometheus"}, Destinations(prometheus="127.0.0.1:9464")),
        ({"OTEL_METRICS_EXPORTER": "prometheus", PORT: "1"}, Destinations(prometheus="127.0.0.1:1")),
        ({GENERAL: "http://h", "CALLSPAN_CONSOLE": "1", "OTEL_SDK_DISABLED": "true"}, Destinations()),
    ],
)  # fmt: skip
def test_the_environment_chooses(environ: dict[str, str], expected: Destinations) -> None:
    assert from_environment(environ) == expected


@pytest.mark.parametrize(
    "environ",
    [
        {"OTEL_TRACES_EXPORTER": "zipkin"},
        {"OTEL_TRACES_EXPORTER": "prometheus"},
        {"CALLSPAN_CONSOLE": "maybe"},
    ],
)
def test_what_cannot_be_chosen_is_one_line(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=": use "):
        from_environment(environ)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("9464", ("127.0.0.1", 9464)),
        (":9464", ("127.0.0.1", 9464)),
        ("0.0.0.0:9464", ("0.0.0.0", 9464)),
        ("[::1]:9464", ("::1", 9464)),
    ],
)
def test_prometheus_addresses(value: str, expected: tuple[str, int]) -> None:
    assert prometheus_address(value) == expected


@pytest.mark.parametrize(
    "value", ["", "host", "host:", "http://h:9464", "h:99999", "h:²", f"h:{'9' * 5000}"]
)
def test_bad_prometheus_addresses_name_the_form(value: str) -> None:
    with pytest.raises(ConfigurationError, match="write HOST:PORT"):
        prometheus_address(value)


@pytest.mark.parametrize(
    "arguments", [{"console": "false"}, {"file": 5}, {"otlp": 4318}, {"prometheus": 9464}], ids=repr
)
def test_an_argument_of_another_type_is_one_line(arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=": use ") as raised:
        callspan.configure(**arguments)
    assert "\n" not in str(raised.value)


def test_a_refused_set_up_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.jsonl"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConfigurationError, match="cannot be served"):
            callspan.configure(file=str(path), prometheus=address)
    assert not path.exists()


def test_any_says_whether_there_is_a_destination() -> None:
    assert not Destinations().any
    assert all(
        d.any
        for d in (
            Destinations(console=True),
            Destinations(file="x"),
            Destinations(otlp_endpoint="x"),
        )
    )


@pytest.mark.parametrize(
    ("value", "expected"), [(None, METRIC_EXPORT_MS), ("", METRIC_EXPORT_MS), ("60000", None)]
)
def test_metrics_are_exported_often_unless_the_user_says_how_often(
    monkeypatch: pytest.MonkeyPatch, value: str | None, expected: float | None
) -> None:
    """`None` leaves it to the SDK, which reads the variable."""
    if value is not None:
        monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", value)
    assert metric_export_interval() == expected
