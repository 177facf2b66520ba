"""20,000 spans while a back end or the collector itself is down: what the files say is kept is kept."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .collector import BASIC, Collector
from .conftest import running
from .jaeger import Jaeger
from .programs import STACK, until
from .spans import ids, send, sender, spans

PRODUCTION = STACK / "collector-production.yaml"
NUMBER = 20_000
SMALL_QUEUE = """
exporters:
  otlp_grpc/traces:
    sending_queue: {queue_size: 1_000_000, batch: {min_size: 100_000, max_size: 500_000}}
"""


def production(folder: Path, jaeger: Jaeger, files: Sequence[Path] = (PRODUCTION,)) -> Collector:
    """The collector with queues on disk; its metrics go nowhere."""
    return Collector(folder, jaeger.otlp, files, OTELCOL_STORAGE=str(folder / "queue"))


def ids_in(jaeger: Jaeger, service: str) -> set[str]:
    """The ids of the spans of a service that Jaeger has."""
    return {span["spanId"] for span in jaeger.spans(service, NUMBER)}


def sent_in_background(collector: Collector, wanted: list[Any]) -> threading.Thread:
    """Send spans in a thread."""

    def run() -> None:
        with sender(collector.grpc) as exporter:
            send(exporter, wanted)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_an_outage_of_the_back_end_is_bridged_in_memory(tmp_path: Path) -> None:
    jaeger = Jaeger(tmp_path)
    collector = Collector(tmp_path, jaeger.otlp, [BASIC])
    wanted = spans("bridged", NUMBER)
    with running(collector), sender(collector.grpc) as exporter:
        assert send(exporter, wanted) == 0
        with running(jaeger):
            assert ids_in(jaeger, "bridged") == ids(wanted)


def test_in_production_a_killed_collector_loses_nothing(tmp_path: Path) -> None:
    """It is killed in the middle, with half of the spans in its queue, and once more before the back end is there."""
    jaeger = Jaeger(tmp_path)
    collector = production(tmp_path, jaeger)
    wanted = spans("killed", NUMBER)
    half = NUMBER // 2
    with running(collector):
        with sender(collector.grpc) as exporter:
            send(exporter, wanted[:half])
        rest = sent_in_background(collector, wanted[half:])
        collector.kill()
        collector.start()
        rest.join()
        collector.kill()
        collector.start()
        with running(jaeger):
            assert ids_in(jaeger, "killed") == ids(wanted)


def test_in_production_what_a_full_queue_refuses_arrives_later(tmp_path: Path) -> None:
    """The sender is told, and tries again; nothing that was taken is dropped for something newer."""
    jaeger = Jaeger(tmp_path)
    small = tmp_path / "small.yaml"
    small.write_text(SMALL_QUEUE)
    collector = production(tmp_path, jaeger, [PRODUCTION, small])
    wanted = spans("full", NUMBER)
    with running(collector):
        rest = sent_in_background(collector, wanted)
        collector.wait_for("sending queue is full")
        collector.kill()
        collector.start()
        with running(jaeger):
            until("everything was taken", lambda: not rest.is_alive(), seconds=120)
            assert ids_in(jaeger, "full") == ids(wanted)
