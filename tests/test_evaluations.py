"""Results of evaluations: the event, what it belongs to, and what of it is content."""

from __future__ import annotations

from typing import Any

import openai
import pytest

import callspan
from program import CHAT, Program
from telemetry import Telemetry

EVENT = "gen_ai.evaluation.result"
LATER = "the span that was judged is not among those of this process"


class Keep:
    """A handler that keeps the latest call."""

    call: callspan.Call

    def on_end(self, call: callspan.Call, response: callspan.Response) -> None:
        self.call = call


def results(telemetry: Telemetry) -> list[dict[str, Any]]:
    """The events with results of evaluations."""
    return [event for event in telemetry.logs if event["name"] == EVENT]


def test_of_a_call(telemetry: Telemetry, program: Program) -> None:
    """The event belongs to the call's span, names its answer, and has the score as a number."""
    keep = Keep()
    with callspan.use_handlers(keep):
        program.chat()
    callspan.evaluation("relevance", score=0.5, label="so-so", call=keep.call)
    [event] = results(telemetry)
    assert event["attributes"] == {
        "gen_ai.evaluation.name": "relevance",
        "gen_ai.evaluation.score.value": 0.5,
        "gen_ai.evaluation.score.label": "so-so",
        "gen_ai.response.id": telemetry.attributes["gen_ai.response.id"],
    }
    context = telemetry.span.context
    assert context is not None
    assert (event["trace_id"], event["span_id"]) == (context.trace_id, context.span_id)


def test_of_the_operation_around(telemetry: Telemetry) -> None:
    """Without a call it belongs to the span in force, such as that of a workflow."""
    with callspan.workflow("answer"):
        callspan.evaluation("tone", score=1)
    [event] = results(telemetry)
    assert telemetry.span.context is not None
    assert event["span_id"] == telemetry.span.context.span_id


@pytest.mark.breaks("event.span", LATER)
@pytest.mark.parametrize("as_text", [False, True], ids=["numbers", "digits"])
def test_of_a_trace_long_ago(telemetry: Telemetry, as_text: bool) -> None:
    """By its ids a span of another process is judged, whatever span is in force here."""
    trace_id, span_id = 0x0AF7651916CD43DD8448EB211C80319C, 0x00F067AA0BA902B7
    ids: dict[str, Any] = {"trace_id": trace_id, "span_id": span_id}
    if as_text:
        ids = {"trace_id": f"{trace_id:032x}", "span_id": f"{span_id:016x}"}
    with telemetry.tracer.start_as_current_span("judging"):
        callspan.evaluation("helpful", label="yes", response_id="chatcmpl-1", **ids)
    [event] = results(telemetry)
    assert (event["trace_id"], event["span_id"]) == (trace_id, span_id)
    assert event["attributes"]["gen_ai.response.id"] == "chatcmpl-1"


@pytest.mark.parametrize("mode", ["off", "span", "event"])
def test_the_explanation_is_content(telemetry: Telemetry, mode: Any) -> None:
    """It may quote the answer: it leaves the process only where answers are captured, redacted."""
    telemetry.instrument(capture=mode, redact=lambda text, _field: text.replace("rose", "…"))
    with callspan.workflow("answer"):
        callspan.evaluation("tone", score=1, explanation="It says: a rose.")
        with callspan.capture(fields=["input"]):
            callspan.evaluation("tone", score=1, explanation="It says: a rose.")
    explanations = [
        event["attributes"].get("gen_ai.evaluation.explanation") for event in results(telemetry)
    ]
    assert explanations == [None if mode == "off" else "It says: a ….", None]


def test_a_call_that_was_not_captured(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """The choice that held for the call holds for what is said of it."""
    telemetry.instrument(capture="span")
    keep = Keep()
    with callspan.use_handlers(keep), callspan.capture("off"):
        client.chat.completions.create(**CHAT)
    callspan.evaluation("tone", score=1, explanation="It says: a rose.", call=keep.call)
    [event] = results(telemetry)
    assert "gen_ai.evaluation.explanation" not in event["attributes"]


def test_a_judge_that_failed(telemetry: Telemetry) -> None:
    """There is no score then, and the kind of error says why."""
    with callspan.workflow("answer"):
        callspan.evaluation("tone", error=TimeoutError("the judge"))
    [event] = results(telemetry)
    assert event["attributes"] == {
        "gen_ai.evaluation.name": "tone",
        "error.type": "TimeoutError",
    }


@pytest.mark.instrument(semconv="latest")
def test_in_the_latest_version_of_the_conventions(telemetry: Telemetry) -> None:
    """The event is the same, under the schema of that version."""
    with callspan.workflow("answer"):
        callspan.evaluation("tone", score=1)
    assert len(results(telemetry)) == 1


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("", {"score": 1}, "needs a name"),
        ("tone", {}, "needs a score, a label or an error"),
        ("tone", {"score": "good"}, "give a finite number"),
        ("tone", {"score": float("nan")}, "give a finite number"),
        ("tone", {"label": 3}, "give a text"),
        ("tone", {"score": 1, "trace_id": 3}, "both trace_id and span_id"),
        ("tone", {"score": 1, "trace_id": 3, "span_id": "x"}, "16 hexadecimal digits"),
        ("tone", {"score": 1, "trace_id": 0, "span_id": 1}, "32 hexadecimal digits"),
        ("tone", {"score": 1, "call": "chatcmpl-1"}, "give a call as handlers get it"),
    ],
)
def test_wrong_arguments(name: str, options: dict[str, Any], message: str) -> None:
    """A mistake of the app's is an error of one line where it is made."""
    with pytest.raises(callspan.SettingsError, match=message):
        callspan.evaluation(name, **options)


@pytest.mark.guard_acts("it says that nothing is recorded")
def test_before_instrument() -> None:
    """Nothing is recorded, and a line says why."""
    callspan.evaluation("tone", score=1)
