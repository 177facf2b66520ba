"""The checker rejects what is wrong: for every rule one call that breaks it, and right ones that break none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanKind, Status, StatusCode

from .checker import Checker
from .finding import EXPECTED, VIOLATION, Finding
from .handmade import ANSWERS, CONTENT, FAILED, STRUCTURED, Told
from .request import check_request
from .rules import EXCEPTION, INFERENCE_EXCEPTION, RULES

RIGHT = Told()
DURATION = "gen_ai.client.inference.duration"
INPUT = "gen_ai.client.inference.usage.input_tokens"
SPOKEN = RIGHT.but(attributes=CONTENT, events=())
EMBEDDED: dict[str, Any] = dict.fromkeys(
    (
        "gen_ai.response.finish_reasons",
        "gen_ai.request.stream",
        "gen_ai.response.id",
        "gen_ai.usage.output_tokens",
    )
)
EMBEDDED |= {"gen_ai.response.time_to_first_chunk": None, "gen_ai.request.temperature": None}


def having(**attributes: Any) -> Told:
    """The right call with these attributes on span and event; two underscores stand for a dot."""
    return RIGHT.but(
        attributes={key.replace("__", "."): value for key, value in attributes.items()}
    )


def metered(name: str = DURATION, **changes: Any) -> Told:
    """The right call with one metric changed."""
    return RIGHT.but(points={name: changes})


def saying(parts: list[Any], role: Any = "user") -> Told:
    """The right call with these parts as its one input message."""
    return RIGHT.but(
        attributes={"gen_ai.input.messages": json.dumps([{"role": role, "parts": parts}])},
        events=(),
    )


def recorded(**changes: Any) -> Told:
    """The right call with its one log event changed."""
    return RIGHT.but(events=(changes,))


WRONG: dict[str, list[Told]] = {
    "name.unknown": [
        having(gen_ai__made_up="x"),
        having(callspan__made_up="x"),
        RIGHT.but(span_events=(("callspan.made_up", {}, 0.1),)),
        metered("callspan.client.made_up"),
        recorded(name="gen_ai.made_up"),
        having(**{"http.response.header": ["x"]}),
    ],
    "name.dialect": [
        having(**{"gen_ai.usage.cache_creation.input_tokens": 2}),
        having(**{"gen_ai.usage.cache_write.input_tokens": 2}).but(semconv="released"),
    ],
    "name.place": [
        having(**{"gen_ai.tool.name": "x"}),
        having(**{"callspan.retry.wait": 1.0}),
        RIGHT.but(
            attributes={
                **EMBEDDED,
                "gen_ai.operation.name": "embeddings",
                "gen_ai.response.id": "x",
            }
        ),
        RIGHT.but(span_events=(("callspan.first_token", {"callspan.token.time": 0.1}, 0.1),)),
    ],
    "value.type": [
        having(**{"gen_ai.request.temperature": 1}),
        having(**{"gen_ai.request.seed": 1.0}),
        having(**{"gen_ai.request.seed": True}),
        having(**{"gen_ai.request.stop_sequences": "END"}),
        having(**{"gen_ai.response.finish_reasons": (1,)}),
        having(**{"gen_ai.request.stream": "true"}),
        having(**{"http.response.header.x-request-id": "req_1"}),
    ],
    "value.enum": [
        having(**{"gen_ai.provider.name": "nobody"}),
        having(**{"gen_ai.output.type": "smell"}),
    ],
    "scope.name": [RIGHT.but(scope=InstrumentationScope("other"))],
    "scope.schema": [
        RIGHT.but(scope=InstrumentationScope("callspan")),
        RIGHT.but(semconv="both"),
    ],
    "operation.unknown": [
        having(**{"gen_ai.operation.name": "ponder"}),
        having(**{"gen_ai.operation.name": None}),
    ],
    "span.name": [
        RIGHT.but(name="chat"),
        RIGHT.but(name="chat gpt-4.1 "),
        RIGHT.but(name="openai.chat"),
    ],
    "span.kind": [
        RIGHT.but(kind=SpanKind.SERVER),
        having(**{"gen_ai.operation.name": "execute_tool"}),
    ],
    "span.required": [
        having(**{"gen_ai.provider.name": None}),
        having(**{"gen_ai.request.model": None}),
    ],
    "span.expected": [
        having(**{"gen_ai.response.id": None}),
        having(**{"gen_ai.usage.input_tokens": None}),
    ],
    "span.port": [having(**{"server.port": None}), having(**{"server.address": None})],
    "span.ok": [RIGHT.but(status=Status(StatusCode.OK))],
    "span.error": [FAILED.but(attributes={"callspan.outcome": "error"})],
    "span.unfailed": [having(**{"error.type": "500"})],
    "span.outcome": [
        having(**{"callspan.outcome": "error"}),
        FAILED.but(attributes={"error.type": "timeout"}),
    ],
    "span.description": [
        FAILED.but(status=Status(StatusCode.ERROR, "a timeout, as error.type says"))
    ],
    "span.default": [
        having(**{"gen_ai.request.stream": False}),
        having(**{"gen_ai.request.choice.count": 1}),
        having(**{"openai.request.service_tier": "auto"}),
        having(**{"gen_ai.conversation.compacted": False}),
    ],
    "span.flavour": [
        having(**{"gen_ai.provider.name": "groq", "openai.api.type": "chat_completions"})
    ],
    "span.finish": [
        having(**{"gen_ai.request.choice.count": 2}),
        having(**{"gen_ai.response.finish_reasons": ("stop", "stop")}),
    ],
    "span.finish_error": [
        having(
            **{
                "gen_ai.response.finish_reasons": ("error",),
                "gen_ai.request.stream": None,
                "gen_ai.response.time_to_first_chunk": None,
            }
        )
    ],
    "span.first_chunk": [having(**{"gen_ai.request.stream": None})],
    "span.subset": [having(**{"gen_ai.usage.cache_read.input_tokens": 31})],
    "span.exception": [RIGHT.but(span_events=(("exception", {"exception.type": "E"}, 0.1),))],
    "span.time": [
        RIGHT.but(seconds=-1),
        RIGHT.but(span_events=(("callspan.first_token", {}, 2.0),)),
    ],
    "event.required": [
        RIGHT.but(span_events=(("callspan.retry", {"callspan.retry.attempt": 1}, 0.1),)),
        FAILED.but(events=({"name": INFERENCE_EXCEPTION},)),
        recorded(attributes={"gen_ai.provider.name": None}),
    ],
    "content.off": [
        SPOKEN.but(capture="event"),
        recorded(attributes=STRUCTURED).but(capture="span"),
        FAILED.but(status=Status(StatusCode.ERROR, "Hello is not allowed"), capture="off"),
        FAILED.but(
            events=({"name": INFERENCE_EXCEPTION, "attributes": {"exception.message": "Hello"}},),
            capture="off",
        ),
    ],
    "content.json": [
        having(**{"gen_ai.input.messages": "Hello"}),
        having(**{"gen_ai.input.messages": ("Hello",)}),
    ],
    "content.structured": [recorded(attributes=CONTENT)],
    "content.schema": [
        having(**{"gen_ai.input.messages": json.dumps({"role": "user"})}),
        having(**{"gen_ai.input.messages": json.dumps([{"role": "user"}])}),
        having(
            **{"gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"content": "x"}]}])}
        ),
        having(**{"gen_ai.system_instructions": json.dumps(["Be brief."])}),
        having(**{"gen_ai.tool.definitions": json.dumps([{"type": "function"}])}),
        recorded(attributes={**STRUCTURED, "gen_ai.output.messages": [{"role": "assistant"}]}),
        saying([], role=7),
    ],
    "content.released": [
        RIGHT.but(
            semconv="released",
            attributes={"gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": []}])},
        ),
        RIGHT.but(
            semconv="released",
            attributes={"gen_ai.retrieval.documents": json.dumps([{"id": "1", "score": None}])},
        ),
    ],
    "content.part": [
        saying([{"type": "text"}]),
        saying([{"type": "text", "content": None}]),
        saying([{"type": "tool_call", "id": "1"}]),
        saying([{"type": "tool_call_response", "id": "1", "result": "x"}]),
        saying([{"type": "uri", "modality": "image", "uri": "data:image/png;base64,AA=="}]),
        saying([{"type": "uri", "modality": "image", "uri": ""}]),
        saying([{"type": "blob", "content": ""}]),
        having(**{"gen_ai.system_instructions": json.dumps([{"type": "text"}])}),
        having(
            **{
                "gen_ai.tool.definitions": json.dumps(
                    [{"type": "function", "name": "f", "parameters": {"type": 7}}]
                )
            }
        ),
    ],
    "content.binary": [saying([{"type": "text", "content": "ID3\0\0"}])],
    "content.messages": [having(**{"gen_ai.output.messages": json.dumps(ANSWERS * 2)})],
    "metric.dialect": [
        metered(
            "gen_ai.client.token.usage",
            attributes={"gen_ai.token.type": "input"},
            values=[30],
            unit="{token}",
        ),
        metered("callspan.client.reasoning_tokens", kind="counter", values=[30], unit="{token}"),
        RIGHT.but(semconv="released"),
    ],
    "metric.instrument": [
        metered(kind="counter"),
        metered(INPUT, kind="histogram"),
        metered(INPUT, kind="updown"),
    ],
    "metric.unit": [metered(unit="ms"), metered(INPUT, unit="1")],
    "metric.value": [metered(values=[1]), metered(INPUT, values=[30.0])],
    "metric.buckets": [metered(bounds=(0.0, 5.0, 10.0))],
    "metric.attribute": [
        metered(INPUT, attributes={"error.type": "timeout"}),
        metered(attributes={"gen_ai.response.id": "chatcmpl-1"}),
        metered(attributes={"callspan.outcome": "completed"}),
        metered(
            "gen_ai.client.inference.time_to_first_chunk",
            attributes={"openai.response.service_tier": "default"},
        ),
        metered(
            attributes={"gen_ai.provider.name": "groq", "openai.response.service_tier": "default"}
        ),
    ],
    "metric.required": [
        metered(INPUT, attributes={"gen_ai.token.modality": None}),
        metered(attributes={"gen_ai.provider.name": None}),
    ],
    "metric.port": [metered(attributes={"server.port": None})],
    "metric.inference": [
        metered("gen_ai.client.operation.duration"),
        metered(attributes={"gen_ai.operation.name": "embeddings"}),
    ],
    "event.severity": [
        recorded(severity=SeverityNumber.INFO),
        FAILED.but(
            events=(
                {
                    "name": INFERENCE_EXCEPTION,
                    "attributes": {"exception.type": "E"},
                    "severity": SeverityNumber.ERROR,
                },
            )
        ),
    ],
    "event.body": [recorded(body="Hello")],
    "event.span": [recorded(span_id=3), recorded(span_id=0)],
    "event.differs": [
        recorded(attributes={"gen_ai.usage.input_tokens": 31}),
        recorded(attributes={"gen_ai.response.id": None}),
    ],
    "event.missing": [FAILED.but(events=())],
    "event.name": [
        FAILED.but(events=({"name": EXCEPTION, "attributes": {"exception.type": "E"}},)),
    ],
    "event.twice": [FAILED.but(events=FAILED.events * 2)],
    "event.unfailed": [recorded(name=INFERENCE_EXCEPTION, attributes={"exception.type": "E"})],
    "sum.duration": [
        metered(values=[1.5]),
        metered(values=[0.5, 0.5]),
        metered(missing=True),
        RIGHT.but(seconds=2),
    ],
    "sum.tokens": [
        metered(INPUT, values=[31]),
        metered(INPUT, missing=True),
        metered(INPUT, attributes={"gen_ai.token.modality": "audio"}),
        metered("gen_ai.client.inference.operation.output_tokens", values=[4, 5]),
        metered(
            "gen_ai.client.inference.usage.reasoning.output_tokens",
            kind="counter",
            values=[1],
            unit="{token}",
        ),
    ],
    "sum.first_chunk": [metered("gen_ai.client.inference.time_to_first_chunk", values=[0.5])],
    "sum.chunks": [metered("gen_ai.client.inference.time_per_output_chunk", values=[0.5])],
    "sum.failed": [FAILED.but(points={DURATION: {"attributes": {"error.type": "timeout"}}})],
}
ASKED = {"model": "gpt-4.1", "stream": True, "temperature": 0.5}
WRONG_REQUESTS = {
    "request.unsent": having(**{"openai.api.type": "chat_completions", "gen_ai.request.top_k": 3}),
    "request.missing": having(
        **{"openai.api.type": "chat_completions", "gen_ai.request.temperature": None}
    ),
    "request.differs": having(
        **{"openai.api.type": "chat_completions", "gen_ai.request.temperature": 0.7}
    ),
}


def findings(told: Told) -> list[Finding]:
    """All that the checker says of a call told by hand."""
    checker, spans, metrics, logs = (
        Checker(told.semconv, told.capture),
        [told.span()],
        told.metrics(),
        told.logs(),
    )
    alone = [*checker.spans(spans), *checker.metrics(metrics), *checker.events(logs)]
    return alone + checker.together(spans, metrics, logs)


CASES = [
    pytest.param(rule, told, id=f"{rule}-{at}")
    for rule, all_ in WRONG.items()
    for at, told in enumerate(all_)
]


@pytest.mark.parametrize(("rule", "told"), CASES)
def test_what_is_wrong_is_rejected(rule: str, told: Told) -> None:
    """The rule is named, with its weight and its words."""
    found = [finding for finding in findings(told) if finding.rule == rule]
    assert found
    assert (found[0].level, found[0].says) == RULES[rule]


@pytest.mark.parametrize(
    "told",
    [
        RIGHT,
        FAILED,
        RIGHT.but(kind=SpanKind.INTERNAL),
        RIGHT.but(attributes=CONTENT, events=({"attributes": STRUCTURED},), capture="both"),
        having(**{"callspan.outcome": "abandoned", "gen_ai.response.finish_reasons": ("error",)}),
        having(**{"gen_ai.prompt.variable.name": "Ann", "http.response.header.retry-after": ["1"]}),
        saying(
            [
                {"type": "tool_call", "name": "f", "arguments": {}},
                {"type": "reasoning", "content": ""},
            ]
        ),
        RIGHT.but(span_events=(("callspan.first_token", {}, 0.3),)),
        FAILED.but(status=Status(StatusCode.ERROR, "Hello is not allowed"), capture="both"),
    ],
    ids=range(9),
)
def test_what_is_right_passes(told: Told) -> None:
    """No rule is broken, and nothing recommended is missing."""
    assert [
        str(finding) for finding in findings(told) if finding.level in (VIOLATION, EXPECTED)
    ] == []


@pytest.mark.parametrize("rule", sorted(WRONG_REQUESTS))
def test_a_request_told_wrong_is_rejected(rule: str) -> None:
    """Settings that were not sent, that were left out, or that are others."""
    found = list(check_request(WRONG_REQUESTS[rule].span(), "/v1/chat/completions", ASKED))
    assert [finding.rule for finding in found] == [rule]


def test_a_request_told_right_passes() -> None:
    """All that was sent is told as it was sent, and nothing else; an unknown path is left alone."""
    span = having(**{"openai.api.type": "chat_completions"}).span()
    assert not list(check_request(span, "/v1/chat/completions", ASKED))
    assert not list(check_request(span, "/v1/something", {}))


def test_every_rule_has_something_that_breaks_it() -> None:
    """A rule that nothing can break checks nothing."""
    assert WRONG.keys() | WRONG_REQUESTS.keys() == RULES.keys()


def test_a_message_says_what_where_and_why() -> None:
    """One line with the signal, the name, the rule and the value, however long that is."""
    found = next(
        finding for finding in findings(metered(unit="ms")) if finding.rule == "metric.unit"
    )
    assert str(found) == (
        "violation: metric 'gen_ai.client.inference.duration': gen_ai.client.inference.duration: "
        "has another unit than the registry says [metric.unit]; found 'ms'"
    )
    assert len(str(Finding(VIOLATION, "span", "x", "r", "s", "y" * 9999))) < 250
