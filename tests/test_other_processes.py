"""A function given to `carry` and sent to another process has its calls in the trace of its sender."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest
from opentelemetry import baggage, propagate, trace

import callspan
from callspan.runtime import scope
from callspan.testing.modelserver import ModelServer
from clients import openai_client
from program import CHAT
from telemetry import Telemetry


def ask(url: str) -> dict[str, Any]:
    """Make one call in a process of a pool, and return the facts of its span."""
    telemetry = Telemetry()
    telemetry.instrument(capture="span")
    with openai_client(url) as client:
        client.chat.completions.create(**CHAT)
    span = telemetry.span
    attributes = dict(span.attributes or {})
    return {
        "trace": span.context and span.context.trace_id,
        "parent": span.parent and span.parent.span_id,
        "session": attributes.get("session.id"),
        "content": "gen_ai.input.messages" in attributes,
        "baggage": dict(baggage.get_all()),
    }


def context_here() -> tuple[int, str | None, bool]:
    """Return the trace, the user and whether telemetry is suppressed, where this runs."""
    trace_id = trace.get_current_span().get_span_context().trace_id
    return trace_id, scope.current().attributes.get("user.id"), scope.suppressed()


@pytest.fixture(params=["spawn", "forkserver"])
def pool(request: pytest.FixtureRequest) -> Iterator[ProcessPoolExecutor]:
    """Return a pool whose one process inherits nothing of this one's memory."""
    if request.param not in multiprocessing.get_all_start_methods():
        pytest.skip("this system cannot start processes so")
    with ProcessPoolExecutor(1, multiprocessing.get_context(request.param)) as pool:
        yield pool


def test_in_a_pool_of_processes(
    telemetry: Telemetry, model_server: ModelServer, pool: ProcessPoolExecutor
) -> None:
    """The call has the trace, the parent, the attributes, the baggage and the choice of capture."""
    with telemetry.tracer.start_as_current_span("flowers") as span:
        with callspan.attributes(session_id="s-1", baggage=True), callspan.capture("off"):
            inside = pool.submit(callspan.carry(ask), model_server.url).result()
        plain = pool.submit(ask, model_server.url).result()
    context = span.get_span_context()
    assert inside == {
        "trace": context.trace_id,
        "parent": context.span_id,
        "session": "s-1",
        "content": False,
        "baggage": {"session.id": "s-1"},
    }
    assert plain["trace"] != context.trace_id
    del plain["trace"]
    assert plain == {"parent": None, "session": None, "content": True, "baggage": {}}


def test_the_context_of_the_other_process_has_no_part_in_it(telemetry: Telemetry) -> None:
    """Blocks around the place where a function is read from a pickle do not hold in it."""
    data = pickle.dumps(callspan.carry(context_here))
    with telemetry.tracer.start_as_current_span("other"), callspan.attributes(user_id="u-2"):
        assert pickle.loads(data)() == (0, None, False)


def test_sent_on(telemetry: Telemetry) -> None:
    """A function that was read from a pickle can be pickled again, and keeps its context."""
    with (
        telemetry.tracer.start_as_current_span("flowers") as span,
        callspan.attributes(user_id="u-1"),
    ):
        function = callspan.carry(context_here)
    for _ in range(2):
        function = pickle.loads(pickle.dumps(function))
    assert function() == (span.get_span_context().trace_id, "u-1", False)


def test_where_telemetry_is_suppressed() -> None:
    """It is in the other process too."""
    with scope.without_instrumentation():
        data = pickle.dumps(callspan.carry(context_here))
    assert pickle.loads(data)() == (0, None, True)


@pytest.mark.guard_acts("the propagators raise")
def test_a_propagator_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """The function arrives and runs without its context."""

    def fail(*_: object, **__: object) -> Any:
        raise RuntimeError("broken propagator")

    data = pickle.dumps(callspan.carry(context_here))
    monkeypatch.setattr(propagate, "inject", fail)
    monkeypatch.setattr(propagate, "extract", fail)
    unwritten = pickle.dumps(callspan.carry(context_here))
    assert pickle.loads(data)() == pickle.loads(unwritten)() == (0, None, False)


def test_copies_and_methods() -> None:
    """It is copied, and bound as an attribute of a class, as the function itself would be."""

    def describe(self: object, word: str) -> str:
        return f"{type(self).__name__} {word}"

    function = callspan.carry(describe)
    assert copy.copy(function) is copy.deepcopy(function) is function
    flower: Any = type("Flower", (), {"describe": function})
    assert (flower().describe("red"), flower.describe) == ("Flower red", function)
