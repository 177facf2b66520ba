"""Setting up OpenTelemetry for a program, beside or in place of what the program sets up itself."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from export.conftest import Program, Received

OVERRIDING = "Overriding of current"


def names_in(path: Path) -> list[str]:
    """The names of the spans in a file of JSON lines."""
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        s["name"]
        for d in found
        for r in d.get("resourceSpans", ())
        for x in r["scopeSpans"]
        for s in x["spans"]
    ]


def test_a_cell_run_five_times_prints_and_writes_once(program: Program) -> None:
    ran = program("""
        for cell in range(5):
            providers.setup(Destinations(console=True, file="t.jsonl"))
            call(f"cell {cell}")
    """)
    assert [line.split("  ")[0] for line in ran.stderr.splitlines()] == [
        f"cell {n}" for n in range(5)
    ]
    assert names_in(program.folder / "t.jsonl") == [f"cell {n}" for n in range(5)]


def test_other_destinations_replace_those_before(program: Program) -> None:
    ran = program("""
        providers.setup(Destinations(console=True, file="one.jsonl"))
        call("first")
        providers.setup(Destinations(file="two.jsonl"))
        call("second")
        print(providers.describe())
        providers.setup(Destinations())
        call("third")
    """)
    assert ran.stderr.startswith("first")
    assert len(ran.stderr.splitlines()) == 1
    assert names_in(program.folder / "one.jsonl") == ["first"]
    assert names_in(program.folder / "two.jsonl") == ["second"]
    assert "two.jsonl" in ran.stdout


def test_tracers_and_instruments_got_before_work_afterwards(program: Program) -> None:
    ran = program("""
        early = trace.get_tracer("early")
        records = metrics.get_meter("early").create_counter("early_records")
        providers.setup(Destinations(console=True, file="t.jsonl"))
        with early.start_as_current_span("app"):
            records.add(3)
            call("ours")
    """)
    assert "app" in ran.stderr
    assert "└─ ours" in ran.stderr
    assert '"early_records"' in (program.folder / "t.jsonl").read_text(encoding="utf-8")


OWN = """
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

spans, reader = InMemorySpanExporter(), InMemoryMetricReader()

def own_providers():
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    trace.set_tracer_provider(provider)
    metrics.set_meter_provider(MeterProvider([reader]))

def seen():
    print([span.name for span in spans.get_finished_spans()])
    data = reader.get_metrics_data()
    print([m.name for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics])
"""


def test_an_app_that_sets_its_providers_before_keeps_them(
    program: Program, http_collector: Received
) -> None:
    ran = program(
        OWN
        + """
own_providers()
providers.setup(Destinations(console=True, file="t.jsonl", otlp=True))
call("ours")
seen()
print(providers.owns_provider() or trace.get_tracer_provider().__class__.__module__)
""",
        OTEL_EXPORTER_OTLP_ENDPOINT=http_collector.url,
    )
    assert ran.stdout.splitlines()[:2] == ["['ours']", "['calls']"]
    assert "\nours  " in f"\n{ran.stderr}"
    assert OVERRIDING not in ran.stderr
    assert names_in(program.folder / "t.jsonl") == ["ours"]
    assert http_collector.spans == []


def test_an_endpoint_named_in_code_is_sent_to_beside_the_apps_own(
    program: Program, http_collector: Received
) -> None:
    program(
        OWN
        + f'own_providers()\nproviders.setup(Destinations(otlp_endpoint="{http_collector.url}"))\ncall("ours")'
    )
    assert http_collector.spans == ["ours"]


def test_an_app_that_sets_its_providers_later_gets_our_telemetry_once(
    program: Program, http_collector: Received
) -> None:
    ran = program(
        OWN
        + """
providers.setup(Destinations(console=True, otlp=True))
call("before")
own_providers()
call("between")
providers.follow()
call("after")
seen()
providers.setup(Destinations(console=True, otlp=True))
call("again")
""",
        OTEL_EXPORTER_OTLP_ENDPOINT=http_collector.url,
    )
    assert OVERRIDING not in ran.stderr
    assert ran.stdout.splitlines() == ["['between', 'after']", "['calls']"]
    assert http_collector.spans == ["before"]
    assert [
        line.split()[0] for line in ran.stderr.splitlines() if not line.startswith("callspan")
    ] == [
        "before",
        "between",
        "after",
        "again",
    ]


def test_a_provider_without_processors_works_and_is_mentioned_once(program: Program) -> None:
    ran = program("""
        class Foreign(trace.TracerProvider):
            def get_tracer(self, *_, **__):
                return trace.NoOpTracer()
        trace.set_tracer_provider(Foreign())
        for _ in range(3):
            providers.setup(Destinations(console=True))
            providers.follow()
            call("ours")
    """)
    assert ran.returncode == 0
    assert ran.stderr.count("Foreign takes no processors") == 1
    assert len(ran.stderr.splitlines()) == 1


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_all_signals_arrive_once_and_with_the_programs_name(
    program: Program, protocol: str, request: pytest.FixtureRequest
) -> None:
    collector = request.getfixturevalue(
        "grpc_collector" if protocol == "grpc" else "http_collector"
    )
    ran = program(
        """
        providers.setup(from_environment())
        providers.setup(from_environment())
        call("one")
        print(providers.flush(20))
        call("two")
        """,
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
    )
    assert (ran.stdout, ran.stderr) == ("True\n", "")
    assert collector.spans == ["one", "two"]
    assert [value for _, value in collector.sums["calls"]] == [2]
    resource = collector.requests[0].resource_spans[0].resource
    assert {a.key: a.value.string_value for a in resource.attributes}[
        "service.name"
    ] == "flower_shop"


def test_the_standard_variables_name_the_service(program: Program) -> None:
    program(
        'providers.setup(Destinations(file="t.jsonl"))\ncall("one")',
        OTEL_SERVICE_NAME="花店",
        OTEL_RESOURCE_ATTRIBUTES="service.instance.id=a1",
    )
    resource = json.loads((program.folder / "t.jsonl").read_text(encoding="utf-8").splitlines()[0])[
        "resourceSpans"
    ][0]
    known = {a["key"]: a["value"]["stringValue"] for a in resource["resource"]["attributes"]}
    assert (known["service.name"], known["service.instance.id"]) == ("花店", "a1")


EXIT = """
    import atexit, time
    began = []
    atexit.register(lambda: print(f"{time.monotonic() - began[0]:.3f}"))  # runs last
    providers.setup(from_environment())
    call("lost")
    atexit.register(lambda: (began.append(time.monotonic()), providers.flush(1.0)))  # runs first, as the core's
"""
SAID = {
    "refuses": "callspan: 1 span and 1 metric could not be sent to {url}",
    "never answers": "callspan: not confirmed by {url}: 1 span and 1 metric",
}


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
@pytest.mark.parametrize("collector", SAID)
def test_a_dead_collector_costs_no_more_than_the_time_for_the_exit(
    program: Program, protocol: str, collector: str
) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if collector == "never answers":
            listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        ran = program(
            EXIT,
            OTEL_EXPORTER_OTLP_ENDPOINT=url,
            OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
            CALLSPAN_FLUSH_TIMEOUT="2",
        )
    assert ran.returncode == 0
    assert float(ran.stdout) < 2 * 1.5
    assert "Traceback" not in ran.stderr
    *away, lost = ran.stderr.splitlines()
    assert len(away) <= 1
    assert lost == SAID[collector].format(url=url)


def test_a_wrong_variable_of_an_exporter_is_one_line(program: Program) -> None:
    ran = program(
        """
        try:
            providers.setup(Destinations(otlp=True))
        except ValueError as error:
            print(type(error).__name__, error)
        print(providers.describe(), trace.get_tracer_provider().__class__.__name__)
        """,
        OTEL_EXPORTER_OTLP_COMPRESSION="brotli",
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
    )
    first, second = ran.stdout.splitlines()
    assert first.startswith("ConfigurationError OTLP to http://localhost:4317 cannot be set up: ")
    assert second == "[] ProxyTracerProvider"


def test_nothing_is_imported_or_set_up_before_setup(program: Program) -> None:
    ran = program("""
        heavy = ("opentelemetry.sdk", "grpc", "prometheus", "google.protobuf")
        loaded = [m for m in sys.modules if m.startswith(heavy)]
        print(loaded, providers.owns_provider(), providers.describe(), providers.handlers(), providers.flush(1))
    """)
    assert ran.stdout == "[] False [] () True\n"


def test_the_table_of_tokens_is_printed_at_exit(program: Program) -> None:
    ran = program("""
        from callspan.events import Call, Outcome, Response, Usage
        providers.setup(Destinations(console=True))
        table, *_ = providers.handlers()
        asked = Call("chat", "openai", "gpt-4.1-mini")
        asked.response.usage = Usage(24, 9)
        table.on_end(asked, asked.response)
    """)
    assert ran.stderr == (
        "\nmodel         calls  input  output  total\ngpt-4.1-mini      1     24       9     33\n"
    )
    assert ran.stdout == ""
