"""A guest in the app's own telemetry: nothing overridden, nothing twice, nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import sys
import types
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from opentelemetry import _logs, metrics, trace
from opentelemetry import context as otel
from opentelemetry.util._once import Once

import callspan
from callspan.testing.modelserver import ModelServer
from child import PRINTING, printed_spans, run
from program import CHAT, Program
from telemetry import Telemetry

GLOBALS = {
    trace: "_TRACER_PROVIDER",
    sys.modules["opentelemetry.metrics._internal"]: "_METER_PROVIDER",
    sys.modules["opentelemetry._logs._internal"]: "_LOGGER_PROVIDER",
}


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """OpenTelemetry as at the start of a program: no provider is set."""
    for module, name in GLOBALS.items():
        monkeypatch.setattr(module, name, None)
        monkeypatch.setattr(module, f"{name}_SET_ONCE", Once())
    yield
    callspan.uninstrument()


@pytest.fixture
def own(fresh: None) -> Iterator[Telemetry]:
    """The providers of the app, not yet set."""
    found = Telemetry()
    yield found
    found.shutdown()


def set_up(own: Telemetry) -> None:
    """What an app does to set up OpenTelemetry."""
    trace.set_tracer_provider(own.tracer_provider)
    metrics.set_meter_provider(own.meter_provider)
    _logs.set_logger_provider(own.logger_provider)


@pytest.mark.parametrize("order", ["before", "after"])
def test_own_providers(
    own: Telemetry,
    program: Program,
    caplog: pytest.LogCaptureFixture,
    request: pytest.FixtureRequest,
    order: str,
) -> None:
    """An app that sets its providers before or after `instrument()` gets our telemetry there, once."""
    caplog.set_level(logging.INFO)
    if order == "before":
        set_up(own)
    else:
        request.node.add_marker(pytest.mark.guard_acts("there is no provider yet, which is said"))
    callspan.instrument(capture="event")
    if order == "after":
        set_up(own)
    program.chat()
    assert trace.get_tracer_provider() is own.tracer_provider
    assert own.span.name == "chat gpt-4.1-mini"
    assert own.points("gen_ai.client.operation.duration")[0]["count"] == 1
    assert [event["name"] for event in own.logs] == ["gen_ai.client.inference.operation.details"]
    assert not [record for record in caplog.records if "Overriding" in record.getMessage()]


@pytest.mark.guard_acts("there is no provider yet, which is said")
def test_provider_set_between_two_calls(own: Telemetry, program: Program) -> None:
    """A provider that is set while the app already calls models gets the calls from then on."""
    callspan.instrument()
    program.chat()
    set_up(own)
    program.chat()
    program.chat()
    assert len(own.spans) == 2
    assert own.points("gen_ai.client.operation.duration")[0]["count"] >= 2


@pytest.mark.guard_acts("there is no provider, which is said")
def test_no_provider(fresh: None, program: Program, guard_reports: Any) -> None:
    """With no provider the app runs as before, and one line says what to do; once, however often we are told."""
    for _ in range(3):
        callspan.instrument()
        assert program.chat().choices
    [message] = guard_reports.messages
    assert "\n" not in message
    assert "callspan.configure()" in message
    assert "callspan run" in message
    assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


class BareProvider(trace.TracerProvider):
    """A provider of another make: it can give tracers and nothing else."""

    def __init__(self, inner: trace.TracerProvider) -> None:
        self._inner = inner

    def get_tracer(self, *args: Any, **kwargs: Any) -> trace.Tracer:
        return self._inner.get_tracer(*args, **kwargs)


def test_bare_provider(own: Telemetry, program: Program) -> None:
    """A provider without `add_span_processor`, `force_flush` or `shutdown` works."""
    trace.set_tracer_provider(BareProvider(own.tracer_provider))
    metrics.set_meter_provider(own.meter_provider)
    callspan.instrument()
    program.chat()
    assert callspan.flush(2)
    assert own.span.name == "chat gpt-4.1-mini"


NOTEBOOK = """
import openai, callspan
for _ in range(5):
    callspan.configure(file=sys.argv[2])
    callspan.instrument()
    client = openai.OpenAI(base_url=sys.argv[1], api_key="any")
client.chat.completions.create(model="gpt-4.1", messages=[{"role": "user", "content": "Hi"}])
callspan.flush()
"""


def test_notebook(model_server: ModelServer, tmp_path: Any) -> None:
    """A cell that is run five times gives one span a call."""
    file = tmp_path / "spans.jsonl"
    done = run("import sys\n" + NOTEBOOK, model_server.url, str(file))
    assert done.returncode == 0, done.stderr
    assert "Overriding" not in done.stderr
    assert file.read_text().count('"name":"chat gpt-4.1"') == 1


def test_notebook_in_an_app_of_its_own(model_server: ModelServer) -> None:
    """`configure()` keeps the providers that an app has set."""
    cell = """
import openai, callspan
from opentelemetry import trace
trace.set_tracer_provider(provider)
for _ in range(2):
    callspan.configure(console=True)
    callspan.instrument()
client = openai.OpenAI(base_url=sys.argv[1], api_key="any")
client.chat.completions.create(model="gpt-4.1", messages=[{"role": "user", "content": "Hi"}])
assert trace.get_tracer_provider() is provider
"""
    done = run(PRINTING + cell, model_server.url)
    assert [span["name"] for span in printed_spans(done)] == ["chat gpt-4.1"]
    assert "Overriding" not in done.stderr


# --- suppression -----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def suppressed() -> Iterator[None]:
    """What exporters, and apps that want no telemetry, put in force."""
    mark = otel.attach(otel.set_value(otel._SUPPRESS_INSTRUMENTATION_KEY, True))
    try:
        yield
    finally:
        otel.detach(mark)


def test_suppressed(telemetry: Telemetry, program: Program) -> None:
    """Where instrumentation is suppressed there is no span, no metric, no event, and no handler hears."""
    heard: list[Any] = []

    class Listening:
        def on_start(self, call: Any) -> None:
            heard.append(call)

    telemetry.instrument(handlers=[Listening()], capture="both")
    with suppressed(), callspan.count_tokens() as count:
        program.chat()
        program.stream()
    assert (telemetry.spans, telemetry.metrics, telemetry.logs, heard, count.calls) == (
        [],
        {},
        [],
        [],
        0,
    )
    program.chat()
    assert len(telemetry.spans) == 1


def test_suppressed_in_a_task(telemetry: Telemetry, program: Program) -> None:
    """It travels with the context, into tasks too."""

    async def main() -> None:
        with suppressed():
            await asyncio.create_task(asyncio.to_thread(program.chat))

    if program.asynchronous:
        pytest.skip("a thread has no event loop of the caller's")
    asyncio.run(main())
    assert telemetry.spans == []


# --- parents ---------------------------------------------------------------------------------------------------------


def test_parent(telemetry: Telemetry, program: Program) -> None:
    """A call's span is a child of the app's own span, and current for what the client does meanwhile only."""
    with telemetry.tracer.start_as_current_span("work") as work:
        program.chat()
        program.stream()
        assert trace.get_current_span() is work
    assert {span.parent.span_id for span in telemetry.spans if span.parent} == {
        work.get_span_context().span_id
    }
    assert [span.kind for span in telemetry.spans] == [trace.SpanKind.CLIENT] * 2


# --- another instrumentation -----------------------------------------------------------------------------------------


@pytest.fixture
def foreign(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another instrumentation of the client, in place before ours."""
    from openai.resources.chat import completions

    create = completions.Completions.create

    @functools.wraps(create)
    def theirs(*args: Any, **kwargs: Any) -> Any:
        return create(*args, **kwargs)

    module = types.ModuleType("opentelemetry.instrumentation.openai_v2")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(completions.Completions, "create", theirs)


@pytest.mark.guard_acts("another instrumentation is there, which is said")
def test_foreign(
    telemetry: Telemetry, foreign: None, client: openai.OpenAI, guard_reports: Any
) -> None:
    """Another instrumentation is named in one warning and in `status()`; by default both report."""
    for _ in range(2):
        telemetry.instrument()
    client.chat.completions.create(**CHAT)
    [message] = guard_reports.messages
    assert "opentelemetry-instrumentation-openai-v2" in message
    assert len(telemetry.spans) == 1
    assert [
        problem
        for problem in callspan.status().problems
        if "opentelemetry-instrumentation-openai-v2" in problem
    ]


@pytest.mark.guard_acts("another instrumentation is there, which is said")
def test_foreign_defer(telemetry: Telemetry, foreign: None, client: openai.OpenAI) -> None:
    """Where that was chosen, ours makes no span or metric for that client, but handlers and counters still hear."""
    heard: list[str] = []

    class Listening:
        def on_end(self, call: Any, response: Any) -> None:
            heard.append(call.model)

    telemetry.instrument(on_conflict="defer", handlers=[Listening()])
    with callspan.count_tokens() as count:
        client.chat.completions.create(**CHAT)
    assert (telemetry.spans, telemetry.metrics) == ([], {})
    assert (heard, count.calls) == (["gpt-4.1-mini"], 1)


@pytest.mark.instrument(vector_stores=True, memory_stores=True)
def test_nothing_foreign(telemetry: Telemetry) -> None:
    """A clean client is nobody else's."""
    assert {client.foreign for client in callspan.status().clients} == {()}
    assert callspan.status().problems == ()
    states = {
        client.name: {target.state for target in client.targets}
        for client in callspan.status().clients
    }
    assert states["openai"] == {"patched"}
    loaded = [client.name for client in callspan.status().clients if client.loaded]
    # some clients load their parts only when they are asked for
    assert set().union(*(states[name] for name in loaded)) <= {"patched", "waiting"}
