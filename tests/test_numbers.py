"""Numbers that come from outside: whatever stands where one is expected, telemetry is told and can be sent."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import openai
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

import callspan
from aws import answered, bedrock
from callspan.testing.modelserver import ModelServer, Reply
from clients import google_client, google_http
from formats import CHAT, FORMATS, HELLO, Format
from program import MODEL, Program
from telemetry import Telemetry, counts
from torture.oddities import VALUES

GUARDRAIL = pytest.mark.breaks(
    "span.required", "the conventions want a guardrail's id on each span of Bedrock's"
)
EACH_FORMAT = pytest.mark.parametrize("wire_format", FORMATS, ids=str)


def assert_sendable(telemetry: Telemetry) -> None:
    """The exporter's own encoders take all of it."""
    encode_spans(telemetry.spans).SerializeToString()
    encode_logs(telemetry.log_data).SerializeToString()
    encode_metrics(telemetry.metrics_data).SerializeToString()


def with_floats(value: Any) -> Any:
    """A JSON value with each whole number as a float without a fraction, as some servers write it."""
    if isinstance(value, dict):
        return {name: with_floats(item) for name, item in value.items()}
    if isinstance(value, list):
        return [with_floats(item) for item in value]
    return float(value) if type(value) is int else value


def told(telemetry: Telemetry) -> dict[str, Any]:
    """What a call's span says, without its times."""
    return {
        name: value
        for name, value in telemetry.attributes.items()
        if "time_to" not in name and "port" not in name
    }


@GUARDRAIL
@EACH_FORMAT
def test_whole_floats_are_numbers(wire_format: Format, model_server: ModelServer) -> None:
    """An answer whose counts and indexes are written as `6.0` says the same as with `6`."""
    seen = []
    for change in (lambda document: document, with_floats):
        telemetry = Telemetry()
        telemetry.instrument(capture="span")
        documents = [change(document) for document in wire_format.documents]
        model_server.enqueue(Reply(raw=wire_format.body(documents)))
        wire_format.ask(model_server.url)
        seen.append((told(telemetry), telemetry.tokens))
        callspan.uninstrument()
        telemetry.shutdown()
    assert any("gen_ai.usage" in name or "dimension" in name for name in seen[0][0])
    assert seen[0] == seen[1]


Place = tuple[Any, Any]


def numeric_places(value: Any) -> Iterator[Place]:
    """Each place in a JSON value where a number stands: the container and the key."""
    for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
        if isinstance(item, (dict, list)):
            yield from numeric_places(item)
        elif isinstance(item, (int, float)) and not isinstance(item, bool):
            yield value, key


FEW = settings(
    max_examples=5,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
NUMBERS = some.one_of(
    some.sampled_from(
        [
            1e19,
            2**31,
            2**53,
            2**63 - 1,
            2**63,
            2**64,
            10**40,
            -1,
            0.5,
            1e308,
            "6",
            True,
            None,
            [7],
            {},
        ]
    ),
    VALUES,
)


@GUARDRAIL
@pytest.mark.breaks("event.required", "the same is wanted on its events")
@pytest.mark.breaks("span.subset", "parts that are more than their whole")
@pytest.mark.breaks("content.part", "content of odd types")
@pytest.mark.breaks("content.schema", "content of odd types")
@EACH_FORMAT
def test_anything_in_the_place_of_a_number(
    telemetry: Telemetry, model_server: ModelServer, wire_format: Format
) -> None:
    """One call has one span, and all metrics of the process can go on being exported after any answer."""
    telemetry.instrument(capture="both", extra_metrics=["calls", "output_rate", "modality_tokens"])

    @FEW
    @given(data=some.data())
    def play(data: some.DataObject) -> None:
        documents = copy.deepcopy(wire_format.documents)
        places = list(numeric_places(documents))
        for container, key in data.draw(
            some.lists(some.sampled_from(places), min_size=1, max_size=3)
        ):
            container[key] = data.draw(NUMBERS)
        model_server.enqueue(Reply(raw=wire_format.body(documents)))
        telemetry.clear()
        with contextlib.suppress(Exception):  # the client's own, of an answer that it cannot read
            wire_format.ask(model_server.url)
        assert len(telemetry.spans) == 1
        assert_sendable(telemetry)

    play()


COUNTS: dict[str, Any] = {
    "whole float": (6.0, 6),
    "fraction": (6.5, None),
    "text": ("6", None),
    "boolean": (True, None),
    "negative": (-1, None),
    "beyond 64 bits": (1e19, None),
    "beyond all belief": (2**31, None),
    "list": ([6], None),
}


@pytest.mark.parametrize("name", COUNTS)
def test_what_a_count_is(
    telemetry: Telemetry, program: Program, model_server: ModelServer, name: str
) -> None:
    """A whole number that a model can have read; text is none, for no provider's format has text here."""
    stated, count = COUNTS[name]
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "Roses."},
        "finish_reason": "stop",
    }
    usage = {"prompt_tokens": stated, "completion_tokens": 2}
    model_server.enqueue(
        Reply(raw=json.dumps({"id": "c", "model": MODEL, "choices": [choice], "usage": usage}))
    )
    program.chat()
    assert counts(telemetry).get("input_tokens") == count
    assert counts(telemetry)["output_tokens"] == 2
    assert_sendable(telemetry)


@GUARDRAIL
@pytest.mark.parametrize(
    ("header", "count"),
    [("6", 6), ("\u00b2", None), ("1e19", None), ("9" * 20, None), ("-1", None), ("6.5", None)],
)
def test_counts_in_headers(telemetry: Telemetry, header: str, count: int | None) -> None:
    """Bedrock's headers are text by nature: digits are a count, and nothing else is."""
    client = answered(
        bedrock("http://model.test"),
        b'{"outputs": [{"text": "Roses.", "stop_reason": "stop"}]}',
        x_amzn_bedrock_input_token_count=header,
    )
    client.invoke_model(modelId="m", body='{"prompt": "Which?"}')["body"].read()
    assert counts(telemetry).get("input_tokens") == count
    assert_sendable(telemetry)


@pytest.mark.breaks("span.finish", "a number of choices that is none is not told")
@pytest.mark.parametrize(
    "value", [10**30, 2**63, -(2**70), 1e19, float("inf"), float("nan"), 10**400, True, [7], "7"]
)
def test_settings_beyond_all_range(
    telemetry: Telemetry, program: Program, model_server: ModelServer, payload: Any, value: Any
) -> None:
    """A setting of a request that no exporter takes is left out, and what else is known is told."""
    names = ("temperature", "top_p", "max_tokens", "seed", "n", "frequency_penalty", "top_k")
    for name in names:
        model_server.enqueue(Reply(raw=payload("openai/chat_basic.json")))
        with contextlib.suppress(Exception):  # the client's own: it cannot write some of these
            program.chat(**({"extra_body": {name: value}} if name == "top_k" else {name: value}))
    assert len(telemetry.spans) == len(names)
    assert_sendable(telemetry)


@GUARDRAIL
def test_a_decimal_is_a_number(telemetry: Telemetry) -> None:
    """boto3 takes decimals, as other services of AWS give them."""
    client = answered(
        bedrock("http://model.test"), b'{"outputs": [{"text": "Roses.", "stop_reason": "stop"}]}'
    )
    with contextlib.suppress(Exception):
        client.converse(
            modelId="m",
            messages=[{"role": "user", "content": [{"text": "Which?"}]}],
            inferenceConfig={"temperature": Decimal("0.5"), "maxTokens": 64},
        )
    assert telemetry.attributes["gen_ai.request.temperature"] == 0.5


@pytest.mark.breaks("name.unknown", "an attribute of the app's own is in nobody's registry")
@pytest.mark.breaks("metric.attribute", "the dimension was asked for")
@pytest.mark.instrument(metric_dimensions=["order"])
@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (10**30, "1" + "0" * 30),
        (float("inf"), "inf"),
        (Decimal("0.5"), 0.5),
        (Fraction(6), 6),
        ("\ud800", "?"),
        (7, 7),
    ],
)
def test_attributes_of_the_app(
    telemetry: Telemetry, program: Program, value: Any, shown: Any
) -> None:
    """A number that no exporter takes is told as text, on spans and on metrics."""
    with callspan.attributes(order=value):
        program.chat()
    assert telemetry.attributes["order"] == shown
    assert_sendable(telemetry)


# -- counts that come in several events --------------------------------------------------------------------------------


def gemini(*stated: dict[str, int]) -> dict[str, Any]:
    """The counts on the span of a Gemini stream in whose chunks these stand."""
    head = {"responseId": "r", "modelVersion": "gemini-flowers"}
    said = {
        "candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": "Roses."}]}}]
    }
    events = [{**head, **said, "usageMetadata": usage} for usage in stated]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events)

    def respond(_request: Any) -> Any:
        return google_http.Response(
            200, headers={"content-type": "text/event-stream"}, content=body.encode()
        )

    telemetry = Telemetry()
    telemetry.instrument()
    models = google_client("http://model.test/v1", respond).models
    list(models.generate_content_stream(model="gemini-flowers", contents="Which?"))
    token_counts = counts(telemetry)
    callspan.uninstrument()
    telemetry.shutdown()
    return token_counts


WHOLE = {
    "promptTokenCount": 100,
    "toolUsePromptTokenCount": 20,
    "cachedContentTokenCount": 80,
    "candidatesTokenCount": 5,
    "thoughtsTokenCount": 30,
}
"""What a Gemini stream comes to, in the order in which its chunks may state it."""
SUMS = {
    "input_tokens": 120,
    "cache_read.input_tokens": 80,
    "output_tokens": 35,
    "reasoning.output_tokens": 30,
}


@pytest.mark.parametrize("first", WHOLE)
def test_a_count_that_one_chunk_states_alone(first: str) -> None:
    """What one chunk of a stream states, and no other repeats, is part of the sums, whichever count and wherever."""
    alone, rest = (
        {first: WHOLE[first]},
        {name: value for name, value in WHOLE.items() if name != first},
    )
    assert (
        gemini(alone, rest) == gemini(rest, alone) == gemini(WHOLE, alone) == gemini(WHOLE) == SUMS
    )


def test_counts_that_each_stand_in_a_chunk_of_their_own() -> None:
    """Five chunks, five counts."""
    assert gemini(*({name: value} for name, value in WHOLE.items())) == SUMS


@pytest.mark.parametrize("first", ["details", "totals"])
def test_details_in_an_event_of_their_own(
    client: openai.OpenAI, model_server: ModelServer, first: str
) -> None:
    """A server of OpenAI's format may state what was cached and what was reasoned apart from the totals."""
    usage = {
        "totals": {"prompt_tokens": 100, "completion_tokens": 35},
        "details": {
            "prompt_tokens_details": {"cached_tokens": 80},
            "completion_tokens_details": {"reasoning_tokens": 30},
        },
    }
    order = sorted(usage, reverse=first == "totals")
    events = [{"id": "c", "model": MODEL, "choices": [], "usage": usage[name]} for name in order]
    model_server.enqueue(Reply(raw="".join(f"data: {json.dumps(event)}\n\n" for event in events)))
    telemetry = Telemetry()
    telemetry.instrument()
    with callspan.count_tokens() as count:
        list(client.chat.completions.create(model=MODEL, messages=HELLO, stream=True))
    token_counts = counts(telemetry)
    callspan.uninstrument()
    telemetry.shutdown()
    assert token_counts == {
        name: 100 if name == "input_tokens" else value for name, value in SUMS.items()
    }
    assert (count.input, count.output, count.cached, count.unknown_calls) == (100, 35, 80, 0)


def test_parts_without_a_whole_are_no_total(
    client: openai.OpenAI, model_server: ModelServer
) -> None:
    """A call of which only the cached part is stated counts as one whose tokens are unknown."""
    usage = {"prompt_tokens_details": {"cached_tokens": 80}}
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "Roses."},
        "finish_reason": "stop",
    }
    model_server.enqueue(
        Reply(raw=json.dumps({"id": "c", "model": MODEL, "choices": [choice], "usage": usage}))
    )
    telemetry = Telemetry()
    telemetry.instrument()
    with callspan.count_tokens() as count:
        client.chat.completions.create(**CHAT)
    callspan.uninstrument()
    telemetry.shutdown()
    assert (count.input, count.cached, count.unknown_calls) == (0, 80, 1)
