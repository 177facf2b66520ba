"""The command itself: its help, its version, and the two reports."""

from __future__ import annotations

import re
import socket
import subprocess
import sys

import pytest

import callspan as package

from .conftest import Command, environment

ONE_CLIENT = {"CALLSPAN_CLIENTS": "openai"}
"""For what does not depend on the clients, as each of them is imported."""


def test_help_teaches_the_commands(callspan: Command) -> None:
    output = callspan("--help").stdout.decode()
    assert all(
        word in output
        for word in ("run", "demo", "clients", "tokens", "doctor", "callspan run app.py")
    )
    assert output == callspan().stdout.decode()


def test_version(callspan: Command) -> None:
    assert callspan("--version").stdout.decode() == f"callspan {package.__version__}\n"


def test_help_loads_neither_opentelemetry_nor_a_client() -> None:
    code = """
import sys
from callspan.cli import main
try:
    main(["run", "--help"])
except SystemExit:
    pass
print([name for name in ("opentelemetry.trace", "opentelemetry.sdk", "openai", "grpc") if name in sys.modules])
"""
    out = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, check=True
    ).stdout
    assert out.splitlines()[-1] == b"[]"


@pytest.mark.parametrize("module", ["callspan", "callspan.cli"])
def test_the_command_as_a_module(module: str) -> None:
    command = [sys.executable, "-m", module, "--version"]
    output = subprocess.run(command, env=environment(), capture_output=True, check=True).stdout
    assert output.decode().split() == ["callspan", package.__version__]


def test_a_reader_that_stops_is_no_fault() -> None:
    """`callspan doctor | head -1` ends without a traceback."""
    command = [sys.executable, "-m", "callspan.cli", "doctor"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as doctor:
        assert doctor.stdout is not None
        assert doctor.stderr is not None
        doctor.stdout.readline()
        doctor.stdout.close()
        assert doctor.stderr.read() == b""
    assert doctor.returncode in (0, 141)


def test_clients_shows_what_is_really_patched(callspan: Command) -> None:
    output = callspan("clients").stdout.decode()
    assert re.search(r"^openai +>=1\.40,<\d+ +\d[\d.]+ +(\d+) of \1 +chat", output, re.MULTILINE)


def test_clients_as_markdown_is_the_same_everywhere(callspan: Command) -> None:
    lines = callspan("clients", "--markdown").stdout.decode().splitlines()
    assert lines[:2] == ["| Client | Package | Operations |", "| --- | --- | --- |"]
    assert any(line.startswith("| openai | `openai>=") for line in lines)


def test_doctor_finds_all_well(callspan: Command) -> None:
    result = callspan("doctor")
    output = result.stdout.decode()
    assert output.endswith("all is well\n"), output
    assert result.returncode == 0
    assert re.search(r"patched +openai\._base_client\.SyncAPIClient\.request", output)
    assert re.search(r"patched +google\.genai\._api_client\.BaseApiClient\.request", output)
    assert re.search(r"callspan run +works", output)
    assert "python -I, -E, -S" in output
    # what holds where nothing is set, in the setting's own words
    for setting in ("redact +off", "clients +all", "prices +none of your own", "capture +off"):
        assert re.search(rf"^  {setting} +default", output, re.MULTILINE), output


def test_doctor_names_the_fix_for_each_problem(callspan: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    env = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        "CALLSPAN_SEMCONV": "latst",
        "CALLSPAN_FILE": "/no/such/folder/x",
        "OTEL_METRIC_EXPORT_INTERVAL": "60000",
        **ONE_CLIENT,
    }
    result = callspan("doctor", env=env)
    output = result.stdout.decode()
    assert result.returncode == 1
    for signal in ("traces", "metrics", "logs"):
        assert f"nothing takes {signal} at http://127.0.0.1:{port}" in output
    assert "did you mean 'latest'" in output
    assert "mkdir -p /no/such/folder" in output
    assert (
        "OTEL_METRIC_EXPORT_INTERVAL=60000: rates on the dashboards go up and down under a steady load"
        in output
    )
    assert re.search(r"anthropic +[\d.]+ +left out by the settings", output)


def test_doctor_sees_a_collector_that_answers(callspan: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as collector:
        url = f"http://127.0.0.1:{collector.getsockname()[1]}"
        result = callspan(
            "doctor",
            env={"OTEL_EXPORTER_OTLP_ENDPOINT": url, "CALLSPAN_SEMCONV": "both", **ONE_CLIENT},
        )
    output = result.stdout.decode()
    assert result.returncode == 0, output
    assert re.search(rf"traces +{url}/v1/traces \(http/protobuf\) +answers", output)
    assert re.search(
        r"interval +metrics each 10 s +60 s in an app with OpenTelemetry of its own", output
    )
    assert re.search(r"semconv +both +CALLSPAN_SEMCONV", output)


def test_doctor_says_what_is_switched_off(callspan: Command) -> None:
    result = callspan("doctor", env={"OTEL_SDK_DISABLED": "true", **ONE_CLIENT})
    assert result.returncode == 1
    assert b"OTEL_SDK_DISABLED is 'true', so nothing is recorded: unset it" in result.stdout


def test_doctor_finds_a_client_that_cannot_be_imported(callspan: Command, write) -> None:
    write("openai/__init__.py", "raise RuntimeError('broken')")
    result = callspan("doctor", env=ONE_CLIENT)
    assert result.returncode == 1
    assert b"cannot be imported (broken): reinstall it with pip" in result.stdout


def test_a_client_that_is_too_new(callspan: Command, write) -> None:
    """It is patched where it is as it was, and the doctor says which versions were tried."""
    write("ollama-99.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: ollama\nVersion: 99.0\n")
    result = callspan("doctor", env={"CALLSPAN_CLIENTS": "ollama"})
    output = result.stdout.decode()
    assert result.returncode == 1
    assert re.search(
        r"ollama 99\.0 is outside the versions .*: pip install 'ollama>=[\d.]+,<[\d.]+'", output
    )
    assert re.search(r"patched +ollama\._client\.", output)


def test_doctor_has_a_line_for_each_framework_that_is_not_right(callspan: Command, write) -> None:
    """One that is half installed, one that is too old and one that changed; the rest works."""
    metadata = "Metadata-Version: 2.1\nName: {}\nVersion: {}\n"
    write("smolagents-1.26.0.dist-info/METADATA", metadata.format("smolagents", "1.26.0"))
    write("smolagents/__init__.py", "")
    write("smolagents/agents.py", "import a_module_that_is_not_there\n")
    write("agno-1.0.0.dist-info/METADATA", metadata.format("agno", "1.0.0"))
    write("agno/__init__.py", "")
    write("haystack_ai-3.4.1.dist-info/METADATA", metadata.format("haystack-ai", "3.4.1"))
    write("haystack/__init__.py", "")
    write("haystack/tracing/__init__.py", "")
    write("haystack/tracing/tracer.py", "class ProxyTracer: ...\n")
    result = callspan("doctor", env={"CALLSPAN_CLIENTS": "openai,smolagents,agno,haystack"})
    output = result.stdout.decode()
    assert result.returncode == 1
    assert "Traceback" not in output
    problems = output.rpartition("needs attention\n")[2].splitlines()
    broken, old, moved = (line.removeprefix("  - ") for line in problems)
    reason = "No module named 'a_module_that_is_not_there'"
    assert broken.startswith(f"smolagents 1.26.0 cannot be imported ({reason})")
    assert old.startswith("agno 1.0.0 is too old: pip install 'agno>=")
    assert moved == "haystack.tracing.tracer.ProxyTracer.trace is missing in haystack 3.4.1"
    assert re.search(r"patched +openai\._base_client\.SyncAPIClient\.request", output)
