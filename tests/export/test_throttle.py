"""A collector that takes no more for now says for how long: no request goes out before, and nothing is lost."""

from __future__ import annotations

import itertools
import subprocess
import time
from email.utils import formatdate

import grpc
import pytest

from .conftest import Program, Received

ASK = """
    providers.setup(from_environment())
    call("asked")
    print(providers.flush(30))
"""
ENDLESS = """
    import time
    providers.setup(from_environment())
    call("asked")
    began = time.monotonic()
    providers.shutdown()
    print(time.monotonic() - began)
"""
SECONDS = 2
ONLY_SPANS = {"OTEL_METRICS_EXPORTER": "none"}
ONLY_METRICS = {"OTEL_TRACES_EXPORTER": "none"}
SHORT = {"OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
"""With it the exporter gives the request up, as the pause is longer than it may take."""


def assert_kept(collector: Received, ran: subprocess.CompletedProcess[str]) -> None:
    """Both pauses were kept, the third request was taken, and only the first refusal was mentioned."""
    pauses = [later - earlier for earlier, later in itertools.pairwise(collector.times)]
    assert len(pauses) == 2
    assert min(pauses) >= SECONDS * 0.99
    assert (ran.stdout, len(ran.stderr.splitlines())) == ("True\n", 1)
    assert len(collector.requests) == 1


@pytest.mark.parametrize("signal", [ONLY_SPANS, ONLY_METRICS], ids=["spans", "metrics"])
@pytest.mark.parametrize("timeout", [{}, SHORT], ids=["by the exporter", "given up by it"])
def test_retry_after_is_kept_over_http(
    program: Program, http_collector: Received, signal: dict[str, str], timeout: dict[str, str]
) -> None:
    http_collector.refusals = [429, 503]
    http_collector.retry_after = str(SECONDS)
    ran = program(ASK, OTEL_EXPORTER_OTLP_ENDPOINT=http_collector.url, **signal, **timeout)
    assert_kept(http_collector, ran)


@pytest.mark.parametrize("signal", [ONLY_SPANS, ONLY_METRICS], ids=["spans", "metrics"])
@pytest.mark.parametrize("timeout", [{}, SHORT], ids=["by the exporter", "given up by it"])
def test_retry_info_is_kept_over_grpc(
    program: Program, grpc_collector: Received, signal: dict[str, str], timeout: dict[str, str]
) -> None:
    grpc_collector.refusals = [grpc.StatusCode.RESOURCE_EXHAUSTED] * 2
    grpc_collector.retry_seconds = SECONDS
    options = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", **signal, **timeout}
    ran = program(ASK, OTEL_EXPORTER_OTLP_ENDPOINT=grpc_collector.url, **options)
    assert_kept(grpc_collector, ran)


def test_a_date_in_retry_after_is_kept(program: Program, http_collector: Received) -> None:
    """The header may name the second at which requests are taken again."""
    http_collector.refusals = [503]
    http_collector.retry_after = formatdate(time.time() + 600, usegmt=True)
    ran = program(
        ENDLESS,
        OTEL_EXPORTER_OTLP_ENDPOINT=http_collector.url,
        CALLSPAN_FLUSH_TIMEOUT="1",
        **ONLY_SPANS,
    )
    assert len(http_collector.times) == 1
    lost = f"callspan: 1 span could not be sent to {http_collector.url}"
    assert ran.stderr.splitlines()[-1] == lost
    assert float(ran.stdout) < 10


def test_the_pause_is_kept_at_exit_within_its_time(
    program: Program, http_collector: Received
) -> None:
    """What comes while the collector wants nothing goes out after the pause, though the program ends."""
    http_collector.refusals = [503, 429]
    http_collector.retry_after = str(SECONDS)
    ran = program(
        ENDLESS,
        OTEL_EXPORTER_OTLP_ENDPOINT=http_collector.url,
        CALLSPAN_FLUSH_TIMEOUT="30",
        **ONLY_SPANS,
        **SHORT,
    )
    assert http_collector.spans == ["asked"]
    assert float(ran.stdout) >= SECONDS * 1.99


def test_an_exit_does_not_wait_longer_than_it_may(
    program: Program, grpc_collector: Received
) -> None:
    """A pause that ends after the time for the exit costs the spans, and their number is said."""
    grpc_collector.refusals = [grpc.StatusCode.RESOURCE_EXHAUSTED] * 100
    grpc_collector.retry_seconds = 60
    ran = program(
        ENDLESS,
        OTEL_EXPORTER_OTLP_ENDPOINT=grpc_collector.url,
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
        CALLSPAN_FLUSH_TIMEOUT="1",
    )
    assert len(grpc_collector.times) == 2  # spans and metrics
    lost = f"callspan: 1 span and 1 metric could not be sent to {grpc_collector.url}"
    assert ran.stderr.splitlines()[-1] == lost
    assert float(ran.stdout) < 10
