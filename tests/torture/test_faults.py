"""Faults of ours, and of the app's own telemetry, stay away from the app; section A of the list."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import weakref
from typing import Any

import openai
import pytest
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter

import callspan
from callspan.clients.openai import OPENAI
from callspan.semconv import attributes, content
from callspan.telemetry import logs, metrics, spans
from callspan.testing.modelserver import ModelServer, Reply
from clients import listing, openai_client
from program import CHAT, WITH_USAGE, Program, answering
from telemetry import Telemetry


class Fault(Exception):
    """What goes wrong inside our own code."""


def fail(*_args: Any, **_kwargs: Any) -> Any:
    raise Fault("ours")


# --- everything that reads -------------------------------------------------------------------------------------

READERS = [
    *(
        (attributes, name)
        for name in (
            "request",
            "identity",
            "client",
            "span_name",
            "response",
            "usage",
            "finish_reasons",
        )
    ),
    *((content, name) for name in ("Fitted", "shaped", "plain")),
    *(
        (content.CapturedContent, name)
        for name in ("sent", "received", "request_texts", "answer_texts", "structures", "notes")
    ),
    *((spans.Spans, name) for name in ("on_start", "on_end")),
    *((metrics.Metrics, name) for name in ("_begin", "on_end")),
    *((logs.LogEvents, name) for name in ("on_end", "_emit")),
]
DIALECT_FIELDS = ["read", "parameters", "content"]


def both_kinds(program: Program) -> Any:
    """One plain and one streamed call, as what the app sees of them."""
    return repr(program.chat()), [repr(chunk) for chunk in program.stream(**WITH_USAGE)]


def without_us(program: Program, server: ModelServer) -> Any:
    """What the app sees when it is not instrumented."""
    callspan.uninstrument()
    seen = both_kinds(program)
    server.requests.clear()
    return seen


def assert_unharmed(
    program: Program, server: ModelServer, telemetry: Telemetry, guard_reports: Any
) -> None:
    """The app sees the same, each call has at most one span, and each place reports at most once."""
    seen = both_kinds(program)
    callspan.uninstrument()
    server.requests.clear()
    assert seen == both_kinds(program)
    assert len(telemetry.spans) <= 2
    assert len(guard_reports.messages) == len(set(guard_reports.messages))


@pytest.mark.guard_acts("our own reading is made to fail")
@pytest.mark.parametrize(
    ("owner", "name"), READERS, ids=[f"{o.__name__.split('.')[-1]}.{n}" for o, n in READERS]
)
def test_telemetry_that_fails(
    telemetry: Telemetry,
    program: Program,
    model_server: ModelServer,
    guard_reports: Any,
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    name: str,
) -> None:
    """Whatever of ours fails while telemetry is made, the app does not see it, and it is said once a place."""
    monkeypatch.setattr(owner, name, fail)
    telemetry.instrument(capture="both", extra_metrics=["active"])
    assert_unharmed(program, model_server, telemetry, guard_reports)


ERROR_READERS = [
    (attributes, "failure"),
    *((content, name) for name in ("message", "trace")),
    *((owner, "on_error") for owner in (spans.Spans, metrics.Metrics, logs.LogEvents)),
    (logs.LogEvents, "_exception"),
]


@pytest.mark.guard_acts("our own reading is made to fail")
@pytest.mark.parametrize(
    ("owner", "name"),
    ERROR_READERS,
    ids=[f"{o.__name__.split('.')[-1]}.{n}" for o, n in ERROR_READERS],
)
def test_faults_while_an_error_is_reported(
    telemetry: Telemetry,
    program: Program,
    model_server: ModelServer,
    guard_reports: Any,
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    name: str,
) -> None:
    """Whatever of ours fails while an error is told, the app sees the provider's own, and it is said once a place."""
    model_server.enqueue(*[Reply(status=429)] * 3)
    callspan.uninstrument()
    _, without = rate_limited(program)
    monkeypatch.setattr(owner, name, fail)
    telemetry.instrument(capture="both")
    assert [rate_limited(program)[1] for _ in range(2)] == [without] * 2
    assert len(telemetry.spans) <= 2
    assert len(guard_reports.messages) == len(set(guard_reports.messages))


@pytest.mark.guard_acts("our own reading is made to fail")
@pytest.mark.parametrize("name", DIALECT_FIELDS)
def test_a_format_that_fails(
    telemetry: Telemetry,
    program: Program,
    model_server: ModelServer,
    guard_reports: Any,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """A dialect that cannot read a request or an answer costs the app nothing."""
    endpoints = {
        endpoint: dataclasses.replace(wire_format, **{name: fail})
        for endpoint, wire_format in OPENAI.endpoints.items()
    }
    monkeypatch.setattr(
        "callspan.setup.registry.TARGETS",
        (listing(dataclasses.replace(OPENAI, endpoints=endpoints)),),
    )
    telemetry.instrument(capture="both")
    assert_unharmed(program, model_server, telemetry, guard_reports)


@pytest.mark.guard_acts("our own reading is made to fail")
def test_a_provider_that_cannot_be_read(
    telemetry: Telemetry,
    program: Program,
    model_server: ModelServer,
    guard_reports: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A rule for the provider's name that fails costs the app nothing."""
    monkeypatch.setattr(
        "callspan.setup.registry.TARGETS", (listing(dataclasses.replace(OPENAI, provider=fail)),)
    )
    telemetry.instrument()
    assert_unharmed(program, model_server, telemetry, guard_reports)


# --- what the app has attached ---------------------------------------------------------------------------------


class FailingExporter(SpanExporter):
    def export(self, spans: Any) -> Any:
        raise Fault("exporter")


class FailingStart(SpanProcessor):
    def on_start(self, span: Any, parent_context: Any = None) -> None:
        raise Fault("processor")


class FailingEnd(SpanProcessor):
    def on_end(self, span: Any) -> None:
        raise Fault("processor")


class FailingHandler:
    on_start = on_token = on_end = on_error = fail


class FailingInstruments:
    """A meter provider whose instruments fail when they record."""

    def __getattr__(self, _name: str) -> Any:
        return lambda *_args, **_kwargs: self

    add = record = fail


class FailingLogs:
    """A logger provider whose loggers fail when they emit."""

    def get_logger(self, *_args: Any, **_kwargs: Any) -> Any:
        return self

    emit = fail


def broken(what: str, telemetry: Telemetry) -> dict[str, Any]:
    """The options of an `instrument()` in which one thing fails, the span's own processors included."""
    processors = {
        "exporter": SimpleSpanProcessor(FailingExporter()),
        "processor_start": FailingStart(),
        "processor_end": FailingEnd(),
    }
    if what in processors:
        telemetry.tracer_provider.add_span_processor(processors[what])
        return {}
    return {
        "meter": {"meter_provider": FailingInstruments()},
        "logger": {"logger_provider": FailingLogs()},
        "handler": {"handlers": [FailingHandler()]},
    }[what]


SINKS = ["exporter", "processor_start", "processor_end", "meter", "logger", "handler"]


def rate_limited(program: Program) -> tuple[openai.RateLimitError, Any]:
    """The error that the app sees when it is sent away, and what hangs on it."""
    with pytest.raises(openai.RateLimitError) as caught:
        program.stream()
    context = caught.value.__context__
    return caught.value, (
        type(context),
        str(caught.value),
        caught.value.__suppress_context__,
        caught.value.code,
    )


@pytest.mark.parametrize("what", SINKS)
def test_the_error_stays_the_providers_own(
    telemetry: Telemetry,
    program: Program,
    model_server: ModelServer,
    what: str,
    request: pytest.FixtureRequest,
    guard_reports: Any,
) -> None:
    """Whatever fails while an error is told, the app sees the provider's own error, and nothing of ours hangs on it."""
    if what != "exporter":  # of which the SDK itself takes care
        request.node.add_marker(pytest.mark.guard_acts("a sink is made to fail"))
    model_server.enqueue(*[Reply(status=429)] * 2)
    callspan.uninstrument()
    _, without = rate_limited(program)
    telemetry.instrument(capture="event", **broken(what, telemetry))
    error, seen = rate_limited(program)
    assert seen == without
    while error is not None:
        assert not isinstance(error, Fault)
        error = error.__context__  # type: ignore[assignment]  # the end of the chain is None
    assert len(guard_reports.messages) == len(set(guard_reports.messages))


def test_the_app_gets_the_very_object(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """A handler hears of the very exception that the app sees."""
    heard = []

    class Listening:
        def on_error(self, call: Any, error: BaseException) -> None:
            heard.append(error)

    telemetry.instrument(handlers=[Listening()])
    model_server.enqueue(Reply(status=429))
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(**CHAT)
    assert heard == [caught.value]
    assert heard[0] is caught.value


@pytest.mark.guard_acts("the metrics are made to fail")
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_metrics_fail_alone(telemetry: Telemetry, program: Program, stream: bool) -> None:
    """When metrics cannot be recorded, the span still has its messages and tokens, and the event is still emitted."""
    telemetry.instrument(capture="both", meter_provider=FailingInstruments())
    assert program.stream(**WITH_USAGE) if stream else program.chat()
    assert {"gen_ai.usage.output_tokens", "gen_ai.input.messages", "gen_ai.output.messages"} <= set(
        telemetry.attributes
    )
    assert [event["name"] for event in telemetry.logs] == [
        "gen_ai.client.inference.operation.details"
    ]


# --- what the app has raised itself ----------------------------------------------------------------------------------


class Mute(Exception):
    """An exception that is not able to say anything."""

    def __str__(self) -> str:
        raise RuntimeError("nothing to say")


def test_exception_that_cannot_speak(telemetry: Telemetry) -> None:
    """It reaches the app as the object that it is, and the call has ended with its class."""
    mute = Mute()
    with (
        openai_client("http://none/v1", http_client=answering([mute])) as client,
        pytest.raises(Mute) as caught,
    ):
        list(client.chat.completions.create(**CHAT, stream=True))
    assert caught.value is mute
    assert telemetry.attributes["error.type"].endswith("test_faults.Mute")


class Held:
    """Something large that the app has at hand when a call fails."""


def kept(program: Program, **more: Any) -> bool:
    """Whether what a function of the app's had at hand is still there when it has handled a failed call."""

    def handled() -> weakref.ref[Held]:
        held = Held()
        with contextlib.suppress(openai.APIStatusError):
            _ = list(program.stream(**more)) if more else program.chat()
        return weakref.ref(held)

    handled()
    gc.collect()
    gc.disable()
    try:
        return handled()() is not None
    finally:
        gc.enable()


@pytest.mark.parametrize("more", [{}, WITH_USAGE], ids=["plain", "stream"])
def test_what_a_failed_call_refers_to_is_let_go_of(
    telemetry: Telemetry, program: Program, model_server: ModelServer, more: dict[str, Any]
) -> None:
    """The frames in which a call has failed wait for the garbage collector only where they would without us."""
    model_server.enqueue(*[Reply(status=400)] * 4)
    seen = kept(program, **more)
    callspan.uninstrument()
    assert seen == kept(program, **more)
    assert [span.status.status_code.name for span in telemetry.spans] == ["ERROR"] * 2
