"""What goes to a collector goes in parts that it takes, and what it does not take is counted."""

from __future__ import annotations

import re
from typing import Any

import pytest

from callspan.export import delivery
from callspan.export.delivery import parts, size_of

from .conftest import Program, Received

LARGE = """
    providers.setup(from_environment())
    for number in range(20):
        with tracer.get().start_as_current_span(str(number)) as span:
            span.set_attribute("content", sys.argv[1] * 500_000)
"""


@pytest.mark.parametrize("letter", ["x", "花"])
def test_twenty_spans_of_500_kb_arrive_by_grpc_which_takes_4_mb_at_once(
    program: Program, grpc_collector: Received, letter: str
) -> None:
    ran = program(
        LARGE.replace("500_000", str(500_000 // len(letter.encode()))),
        letter,
        OTEL_EXPORTER_OTLP_ENDPOINT=grpc_collector.url,
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
    )
    assert ran.stderr == ""
    assert grpc_collector.spans == [str(number) for number in range(20)]


def test_a_span_that_is_too_large_for_the_collector_is_lost_alone_and_counted(
    program: Program, grpc_collector: Received
) -> None:
    ran = program(
        LARGE.replace("500_000", "(5_000_000 if number == 7 else 10)"),
        "x",
        OTEL_EXPORTER_OTLP_ENDPOINT=grpc_collector.url,
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
    )
    assert grpc_collector.spans == [str(number) for number in range(20) if number != 7]
    assert re.search(
        r"^callspan: 1 span could not be sent to http://127\.0\.0\.1:\d+$", ran.stderr, re.MULTILINE
    )
    assert len(ran.stderr.splitlines()) == 2  # why, and how many
    assert "retrying" not in ran.stderr  # it would be too large again


class Item:
    """Something with attributes, as a span has them."""

    def __init__(self, **attributes: Any) -> None:
        self.attributes = attributes


def test_parts_hold_all_items_in_order_and_none_is_too_large(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delivery, "PART_BYTES", 2000)
    batch = [Item(text="x" * size) for size in (10, 5000, 10, 800, 900, 10)]
    found = list(parts(batch))
    assert [item for part in found for item in part] == [
        *batch[:1],
        *batch[2:],
        batch[1],
    ]  # what is too large is last
    assert all(len(part) == 1 or sum(map(size_of, part)) <= 2000 for part in found)
    assert len(found) < len(batch)


@pytest.mark.parametrize(
    "value",
    ["x" * 1000, "花" * 400, b"x" * 1000, ["x" * 500] * 2, {"a": {"b": "x" * 1000}}, ["é" * 500]],
)
def test_the_size_of_text_is_counted_wherever_it_stands(value: Any) -> None:
    assert 1000 <= size_of(Item(value=value)) < 1600


ASK = """
    providers.setup(from_environment())
    call("asked")
"""


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_a_collector_refuses_for_now_is_sent_again(
    program: Program, http_collector: Received, status: int
) -> None:
    http_collector.refusals = [status]
    ran = program(ASK, OTEL_EXPORTER_OTLP_ENDPOINT=http_collector.url, OTEL_METRICS_EXPORTER="none")
    assert http_collector.spans == ["asked"]
    assert len(ran.stderr.splitlines()) == 1


def test_what_a_collector_refuses_for_good_is_not_sent_again_and_counted(
    program: Program, http_collector: Received
) -> None:
    http_collector.refusals = [400]
    ran = program(ASK, OTEL_EXPORTER_OTLP_ENDPOINT=http_collector.url, OTEL_METRICS_EXPORTER="none")
    assert http_collector.spans == []
    assert http_collector.refusals == []
    assert (
        ran.stderr.splitlines()[-1] == f"callspan: 1 span could not be sent to {http_collector.url}"
    )


def test_what_the_exporter_gives_up_is_kept_and_sent_again(
    program: Program, http_collector: Received
) -> None:
    http_collector.refusals = [503] * 3
    options = {
        "OTEL_EXPORTER_OTLP_TIMEOUT": "0.5",
        "OTEL_METRICS_EXPORTER": "none",
    }  # it does not try again itself
    ran = program(
        """
        providers.setup(from_environment())
        call("kept")
        providers.flush(30)
        """,
        OTEL_EXPORTER_OTLP_ENDPOINT=http_collector.url,
        **options,
    )
    assert http_collector.spans == ["kept"]
    assert len(ran.stderr.splitlines()) == 1


def test_a_slow_collector_costs_no_metrics(program: Program, http_collector: Received) -> None:
    """Spans and metrics go beside each other, so both are confirmed in the time for one of them."""
    http_collector.delay = 3.0
    ran = program(ASK, OTEL_EXPORTER_OTLP_ENDPOINT=http_collector.url, CALLSPAN_FLUSH_TIMEOUT="5")
    assert ran.stderr == ""
    assert http_collector.spans == ["asked"]
    assert [value for _, value in http_collector.sums["calls"]] == [1]


@pytest.mark.parametrize("status", [429, 503])
def test_what_a_collector_refuses_to_the_end_is_lost(
    program: Program, http_collector: Received, status: int
) -> None:
    """It was answered each time, so it has not arrived; and the exit stays in its time."""
    http_collector.refusals = [status] * 1000
    ran = program(
        """
        import time
        providers.setup(from_environment())
        call("asked")
        began = time.monotonic()
        providers.shutdown()
        print(time.monotonic() - began)
        """,
        OTEL_EXPORTER_OTLP_ENDPOINT=http_collector.url,
        CALLSPAN_FLUSH_TIMEOUT="2",
    )
    assert (
        ran.stderr.splitlines()[-1]
        == f"callspan: 1 span and 1 metric could not be sent to {http_collector.url}"
    )
    assert float(ran.stdout) < 10


def test_what_a_collector_took_before_it_died_is_not_confirmed(
    program: Program, http_collector: Received
) -> None:
    """Nobody listens when it is sent again, but the first request may have arrived, and here it has."""
    http_collector.dies = True
    ran = program(
        ASK,
        OTEL_EXPORTER_OTLP_ENDPOINT=http_collector.url,
        OTEL_METRICS_EXPORTER="none",
        CALLSPAN_FLUSH_TIMEOUT="3",
    )
    assert http_collector.spans == ["asked"]
    assert ran.stderr.splitlines()[-1] == f"callspan: not confirmed by {http_collector.url}: 1 span"


def test_what_arrives_at_the_second_try_is_confirmed(
    program: Program, http_collector: Received
) -> None:
    """The answer of the first one was lost."""
    http_collector.breaks = 1
    options = {"OTEL_METRICS_EXPORTER": "none", "CALLSPAN_FLUSH_TIMEOUT": "30"}
    ran = program(ASK, OTEL_EXPORTER_OTLP_ENDPOINT=http_collector.url, **options)
    assert http_collector.spans == ["asked", "asked"]
    assert "callspan: " not in ran.stderr


@pytest.mark.parametrize("resets", [False, True], ids=["without response", "reset by peer"])
def test_a_collector_that_breaks_each_connection_is_mentioned_once(
    program: Program, http_collector: Received, resets: bool
) -> None:
    """One line says that nothing can be sent, in whichever way the connections end, and one the number."""
    http_collector.breaks, http_collector.resets = 1000, resets
    options = {"OTEL_METRICS_EXPORTER": "none", "CALLSPAN_FLUSH_TIMEOUT": "2"}
    ran = program(ASK, OTEL_EXPORTER_OTLP_ENDPOINT=http_collector.url, **options)
    first, last = ran.stderr.splitlines()
    assert first.endswith("(said once)")
    assert last == f"callspan: not confirmed by {http_collector.url}: 1 span"
