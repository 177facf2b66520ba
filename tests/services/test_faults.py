"""What goes wrong between a program and its back ends: the program does not feel it, and nothing is lost in silence."""

from __future__ import annotations

import re
import statistics
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from callspan.semconv import names
from callspan.testing.modelserver import ModelServer

from .collector import Collector
from .conftest import running
from .jaeger import Jaeger
from .shop import Orders, run_order, to, visit

PROTOCOLS = pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
SOON = {"OTEL_BSP_SCHEDULE_DELAY": "100"}
"""Spans are sent a tenth of a second after they ended, not five seconds."""
EXIT = 5.0
"""Seconds that the exit may take, by default."""
FULL = {"OTELCOL_MEMORY_MIB": "2", "OTELCOL_SPIKE_MIB": "1"}
"""A limit at which a collector is from the start."""


@pytest.fixture
def weak(jaeger: Jaeger, tmp_path: Path) -> Iterator[Collector]:
    """A collector that is not started yet, and may be ended by a test."""
    found = Collector(tmp_path, jaeger.otlp)
    yield found
    found.kill()


@PROTOCOLS
def test_a_collector_that_comes_late_gets_everything(
    weak: Collector, jaeger: Jaeger, server: ModelServer, protocol: str
) -> None:
    service = f"early-{protocol[:4]}"
    orders = Orders(server, service, **to(weak.urls[protocol], protocol), **SOON)
    orders.take(3)
    weak.start()
    assert len(jaeger.spans(service, 6)) == 6
    said, _ = orders.close()
    assert not lost(said)
    assert len(said) <= 1


@PROTOCOLS
def test_a_collector_that_is_killed_and_comes_back_gets_everything(
    weak: Collector, jaeger: Jaeger, server: ModelServer, protocol: str
) -> None:
    service = f"middle-{protocol[:4]}"
    weak.start()
    orders = Orders(server, service, **to(weak.urls[protocol], protocol), **SOON)
    orders.take(3)
    jaeger.spans(service, 6)
    weak.kill()
    orders.take(3)
    weak.start()
    assert len(jaeger.spans(service, 12)) == 12
    said, _ = orders.close()
    assert not lost(said)
    assert len(said) <= 1


@PROTOCOLS
def test_a_collector_that_refuses_for_want_of_memory_gets_everything_later(
    jaeger: Jaeger, server: ModelServer, tmp_path: Path, protocol: str
) -> None:
    service = f"full-{protocol[:4]}"
    weak = Collector(tmp_path, jaeger.otlp, **FULL)
    with running(weak):
        orders = Orders(server, service, **to(weak.urls[protocol], protocol), **SOON)
        orders.take(3)
        weak.wait_for("data refused due to high memory usage")
        weak.stop()
        weak.environment = {
            name: value for name, value in weak.environment.items() if name not in FULL
        }
        weak.start()
        assert len(jaeger.spans(service, 6)) == 6
        said, _ = orders.close()
    assert not lost(said)
    assert len(said) <= 1


@PROTOCOLS
@pytest.mark.parametrize("fault", ["gone", "stands still"])
def test_the_program_is_as_fast_without_a_collector_and_its_exit_is_bounded(
    weak: Collector,
    collector: Collector,
    jaeger: Jaeger,
    server: ModelServer,
    protocol: str,
    fault: str,
) -> None:
    """Beside it runs the same program with a collector that is well; they take turns, as the machine's load changes."""
    service = f"{fault.replace(' ', '-')}-{protocol[:4]}"
    weak.start()
    ill = Orders(server, service, **to(weak.urls[protocol], protocol), **SOON)
    well = Orders(server, f"well-{service}", **to(collector.urls[protocol], protocol), **SOON)
    ill.take(10), well.take(10)
    jaeger.spans(service, 20)
    weak.kill() if fault == "gone" else weak.pause(True)
    took = [(ill.take(1)[0], well.take(1)[0]) for _ in range(100)]
    # the quickest quarter: the others show what else the machine does
    quick = [statistics.quantiles(seconds, n=4)[0] for seconds in zip(*took, strict=True)]
    assert quick[0] < 1.5 * quick[1]
    said, seconds = ill.close()
    assert seconds < EXIT * 1.5
    assert lost(said) == {"span": 200}
    assert len(said) <= 2
    assert well.close()[0] == []
    if fault != "gone":
        weak.pause(False)


def test_more_than_the_queue_can_hold_is_counted(weak: Collector, server: ModelServer) -> None:
    small = {"OTEL_BSP_MAX_QUEUE_SIZE": "8", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4"}
    orders = Orders(server, "overflow", **to(weak.grpc), **SOON, **small)
    orders.take(30)
    said, _ = orders.close()
    assert lost(said) == {"span": 60}, said
    assert len(said) <= 3  # that the collector is away, that the queue is full, and how many


def test_jaeger_may_be_restarted(server: ModelServer, tmp_path: Path) -> None:
    jaeger = Jaeger(tmp_path)
    collector = Collector(tmp_path, jaeger.otlp)
    with running(jaeger, collector):
        orders = Orders(server, "restarted", **to(collector.grpc), **SOON)
        orders.take(2)
        jaeger.spans("restarted", 4)
        jaeger.kill()
        orders.take(3)
        said, took = orders.close()
        assert said == []
        assert took < EXIT
        jaeger.start()
        assert len(jaeger.spans("restarted", 6)) == 6


@PROTOCOLS
def test_twenty_spans_of_500_kb_all_arrive(
    collector: Collector, jaeger: Jaeger, server: ModelServer, protocol: str
) -> None:
    service = f"large-{protocol[:4]}"
    capture = {
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
        "CALLSPAN_CONTENT_LIMIT": "1000000",  # else a span has 64 KiB of it
    }
    said = run_order(
        server, service, 20, 500_000, **to(collector.urls[protocol], protocol), **capture
    )
    assert said == []
    calls = [span for span in jaeger.spans(service, 40) if span["name"] != "take an order"]
    assert [len(call["attributes"][names.INPUT_MESSAGES]) > 500_000 for call in calls] == [
        True
    ] * 20


def test_what_is_in_a_file_is_taken_by_the_collector_as_it_stands(
    collector: Collector, jaeger: Jaeger, tmp_path: Path
) -> None:
    """Its reader of files is on no module proxy; its receiver for HTTP reads OTLP as JSON by the same code."""
    shop = visit(tmp_path, "from-a-file")
    for line in (tmp_path / "from-a-file.jsonl").read_bytes().splitlines():
        signal = re.match(rb'\{"resource(Span|Metric|Log)s"', line)
        assert signal, line[:80]
        path = {b"Span": "traces", b"Metric": "metrics", b"Log": "logs"}[signal[1]]
        request = urllib.request.Request(
            f"{collector.http}/v1/{path}", line, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            assert response.read() == b'{"partialSuccess":{}}'
    assert jaeger.spans("from-a-file", 9) == shop.spans


def lost(said: list[str]) -> dict[str, int]:
    """What the program says that it could not send, or that was on its way when it ended and not confirmed."""
    numbers: Counter[str] = Counter()
    for line in said:
        if "could not be sent to http" in line or "not confirmed by http" in line:
            for number, noun in re.findall(r"(\d+) (span|log record|event)s?\b", line):
                numbers[noun] += int(number)
    return dict(numbers)
