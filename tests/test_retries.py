"""Retries inside the client: one call, and each attempt that was given up with its cause and its wait."""

from __future__ import annotations

import re
from typing import Any

import openai
import pytest

from callspan.testing.modelserver import ModelServer, Reply
from program import WITH_USAGE, Program
from telemetry import Telemetry

BUSY = Reply(status=429, retry_after=0.001)


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def patient(request: pytest.FixtureRequest, model_server: ModelServer) -> Program:
    """A program whose client tries three times."""
    return Program(model_server.url, request.param, max_retries=2)


def retries(telemetry: Telemetry) -> list[tuple[int, str, float]]:
    """Number, cause and wait of each attempt that was given up."""
    fields = ("attempt", "cause", "wait")
    return [
        tuple(event[f"callspan.retry.{name}"] for name in fields)  # type: ignore[misc]  # three of them
        for event in telemetry.events("callspan.retry")
    ]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_status(
    telemetry: Telemetry, patient: Program, model_server: ModelServer, stream: bool
) -> None:
    """Each attempt that a status ended is an event with that status, and the wait that the server asked for."""
    model_server.enqueue(BUSY, Reply(status=500, retry_after=0.002))
    patient.stream(**WITH_USAGE) if stream else patient.chat()
    assert retries(telemetry) == [(1, "429", 0.001), (2, "500", 0.002)]
    assert telemetry.attributes["callspan.request.attempts"] == 3
    assert telemetry.attributes["callspan.outcome"] == "completed"
    assert len(model_server.requests) == 3


def test_events_have_times_of_their_own(
    telemetry: Telemetry, patient: Program, model_server: ModelServer
) -> None:
    """The events stand between the start and the end of the span, in order."""
    model_server.enqueue(BUSY, BUSY)
    patient.chat()
    times = [event.timestamp for event in telemetry.span.events if event.name == "callspan.retry"]
    assert sorted(times) == times
    assert telemetry.span.start_time <= times[0] < times[1] <= telemetry.span.end_time  # type: ignore[operator]


def test_connection(telemetry: Telemetry, patient: Program, model_server: ModelServer) -> None:
    """A connection that breaks is a cause too, by the name of the error."""
    model_server.enqueue(Reply(cut_after=0))
    patient.chat()
    [(attempt, cause, wait)] = retries(telemetry)
    assert attempt == 1
    assert re.fullmatch(r"[\w.]+Error", cause), cause
    assert 0 < wait < 10
    assert telemetry.attributes["callspan.request.attempts"] == 2


def test_given_up(telemetry: Telemetry, patient: Program, model_server: ModelServer) -> None:
    """A client that gives up leaves one failed call: two retries, three attempts, and the last error."""
    model_server.enqueue(BUSY, BUSY, BUSY)
    with pytest.raises(openai.RateLimitError):
        patient.chat()
    assert [cause for _, cause, _ in retries(telemetry)] == ["429", "429"]
    assert telemetry.attributes["callspan.request.attempts"] == 3
    assert telemetry.attributes["error.type"] == "rate_limit_exceeded"
    assert telemetry.attributes["http.response.header.retry-after"] == ("0.001",)
    assert telemetry.attributes["http.response.status_code"] == 429
    assert telemetry.attributes["http.response.header.x-request-id"] == ("req_000003",)


def test_none(telemetry: Telemetry, patient: Program) -> None:
    """A call that succeeds at once says nothing of attempts."""
    patient.chat()
    assert retries(telemetry) == []
    assert "callspan.request.attempts" not in telemetry.attributes


def test_handlers_see_them(
    telemetry: Telemetry, patient: Program, model_server: ModelServer
) -> None:
    """A handler finds the retries on the call."""
    seen: list[Any] = []

    class Listening:
        def on_end(self, call: Any, response: Any) -> None:
            seen.extend(call.retries)

    telemetry.instrument(handlers=[Listening()])
    model_server.enqueue(BUSY)
    patient.chat()
    assert [(retry.attempt, retry.cause, retry.wait) for retry in seen] == [(1, "429", 0.001)]


def test_metric(telemetry: Telemetry, patient: Program, model_server: ModelServer) -> None:
    """Retries are counted where that was asked for; the duration is that of the whole call."""
    telemetry.instrument(extra_metrics=["retries", "calls"])
    model_server.enqueue(BUSY, BUSY)
    patient.chat()
    assert [point["value"] for point in telemetry.points("callspan.client.retries")] == [2]
    [calls] = telemetry.points("callspan.client.calls")
    assert (calls["value"], calls["attributes"]["callspan.outcome"]) == (1, "completed")
    [duration] = telemetry.points("gen_ai.client.operation.duration")
    assert duration["count"] == 1
    assert duration["sum"] >= 0.002


def test_content_stays_out(
    telemetry: Telemetry, patient: Program, model_server: ModelServer
) -> None:
    """What a refused attempt said is content, and not in the telemetry."""
    model_server.enqueue(Reply(status=429, retry_after=0.001, error_message="you said: my secret"))
    patient.chat()
    assert "my secret" not in telemetry.everything()
