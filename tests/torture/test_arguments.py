"""What the app passes reaches the provider as it was, and is told as it was meant; section A of the list."""

from __future__ import annotations

import logging
import threading
from collections import UserDict
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy
import openai
import pydantic
import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

import callspan
from callspan.testing.modelserver import ModelServer
from program import HELLO, Program
from telemetry import Telemetry

SENTINELS = {
    name: getattr(openai, name, None) or getattr(openai._types, name, None)
    for name in ("NOT_GIVEN", "not_given", "omit")
}
if hasattr(openai, "omit"):  # older ones know it in headers alone
    SENTINELS["Omit()"] = openai._types.Omit()
PASSED = [
    "temperature",
    "top_p",
    "max_tokens",
    "stop",
    "seed",
    "n",
    "frequency_penalty",
    "presence_penalty",
]


VALUES = {name: value for name, value in SENTINELS.items() if value is not None}


@pytest.mark.parametrize("sentinel", [*VALUES.values(), None], ids=[*VALUES, "None"])
def test_sentinels_are_no_values(
    telemetry: Telemetry,
    capture: str,
    program: Program,
    caplog: pytest.LogCaptureFixture,
    sentinel: Any,
) -> None:
    """What is not given is not on the span, and nothing is invented in its place or said about it."""
    caplog.set_level(logging.DEBUG, "opentelemetry")
    program.chat(**dict.fromkeys(PASSED, sentinel))
    invented = [
        name
        for name in telemetry.attributes
        if name.startswith("gen_ai.request.") and "model" not in name
    ]
    assert invented == []
    assert not [record for record in caplog.records if "Invalid type" in record.getMessage()]


def test_zeros_are_values(
    telemetry: Telemetry, capture: str, program: Program, caplog: pytest.LogCaptureFixture
) -> None:
    """Zeros were given, so they are recorded, as numbers; empty texts and False say nothing that has a name."""
    caplog.set_level(logging.DEBUG, "opentelemetry")
    program.chat(
        temperature=0,
        top_p=0.0,
        seed=0,
        frequency_penalty=0,
        max_tokens=0,
        logprobs=False,
        user="",
        stop="",
    )
    found = {
        name: value
        for name, value in telemetry.attributes.items()
        if name.startswith("gen_ai.request.")
    }
    stops = found.pop("gen_ai.request.stop_sequences", None)
    assert stops in (None, ("",))
    assert found == {
        "gen_ai.request.model": "gpt-4.1-mini",
        "gen_ai.request.temperature": 0.0,
        "gen_ai.request.top_p": 0.0,
        "gen_ai.request.seed": 0,
        "gen_ai.request.frequency_penalty": 0.0,
        "gen_ai.request.max_tokens": 0,
    }
    assert not [record for record in caplog.records if "Invalid type" in record.getMessage()]


class Message(pydantic.BaseModel):
    role: str
    content: str


class Typed(dict):  # type: ignore[type-arg]
    """A message of a subclass of dict."""


def generated() -> Iterator[Any]:
    yield from HELLO


MESSAGES = {
    "generator": generated,
    "iterator": lambda: iter(HELLO),
    "tuple": lambda: tuple(HELLO),
    "pydantic": lambda: [Message(**HELLO[0])],
    "dict_subclass": lambda: [Typed(HELLO[0])],
    "mapping": lambda: [UserDict(HELLO[0])],
    "none_content": lambda: [*HELLO, {"role": "assistant", "content": None}],
    "no_content": lambda: [*HELLO, {"role": "assistant"}],
    "numpy_text": lambda: [{"role": "user", "content": numpy.str_("Roses?")}],
    "numpy_content": lambda: [{"role": "user", "content": numpy.arange(3)}],
    "numpy_messages": lambda: numpy.array(HELLO, dtype=object),
    "odd_content": lambda: [*HELLO, {"role": "user", "content": 5}],
    "generator_content": lambda: [
        {"role": "user", "content": (part for part in [{"type": "text", "text": "Hi"}])}
    ],
}


@pytest.mark.parametrize("make", MESSAGES.values(), ids=MESSAGES)
def test_messages_of_any_form(
    telemetry: Telemetry, capture: str, program: Program, model_server: ModelServer, make: Any
) -> None:
    """Messages of any kind reach the server as they would without us; an iterator is not used up by us."""
    sent = []
    for instrumented in (True, False):
        if not instrumented:
            callspan.uninstrument()
        try:
            program.chat(messages=make())
        except (TypeError, openai.OpenAIError) as error:
            sent.append((type(error), str(error)))
        else:
            sent.append(model_server.requests[-1].raw)
    assert sent[0] == sent[1]
    if isinstance(sent[0], bytes):
        assert ("gen_ai.input.messages" in telemetry.attributes) == (capture != "off")


class Live:
    """An object of the app's from which its whole program can be reached, and which cannot describe itself."""

    def __init__(self) -> None:
        self.program = [self] * 20
        self.lock = threading.RLock()

    def __repr__(self) -> str:
        raise RuntimeError("no words")


ODD_SETTINGS: dict[str, dict[str, Any]] = {
    "number_of_choices_as_text": {"n": "3"},
    "huge": {"seed": 10**40, "temperature": 10**400, "max_tokens": 2**63},
    "not_a_number": {"temperature": float("nan"), "top_p": float("inf"), "seed": float("nan")},
    "no_unicode": {"model": "gpt-\ud800", "stop": ["\udfff"]},
    "wrong_types": {
        "temperature": [1],
        "stop": {"a": 1},
        "model": 7,
        "seed": "x",
        "response_format": 5,
    },
    "live_object": {
        "tools": [{"type": "function", "function": {"name": "f", "parameters": Live()}}]
    },
    "live_message": {"messages": [{"role": "user", "content": Live()}, Live()]},
}


@pytest.mark.breaks("span.required", "a model that is none has no name")
@pytest.mark.breaks("event.required", "a model that is none has no name")
@pytest.mark.breaks("content.part", "definitions that are none are shown as what they are")
@pytest.mark.breaks("span.finish", "a number of choices that is none is not told")
@pytest.mark.parametrize("request_", ODD_SETTINGS.values(), ids=ODD_SETTINGS)
def test_odd_settings(
    telemetry: Telemetry,
    capture: str,
    program: Program,
    model_server: ModelServer,
    request_: dict[str, Any],
) -> None:
    """Settings that mean nothing are sent, or refused by the client, as without us; what is left early ends quietly."""

    def seen() -> Any:
        model_server.requests.clear()
        found: list[Any] = []
        for ask in (program.chat, partial(program.stream, take=2)):
            try:
                found.append(repr(ask(**request_)))
            except Exception as error:  # noqa: BLE001  to be compared
                found.append((type(error), str(error)))
        return found, [request.raw for request in model_server.requests]

    with_us = seen()
    encode_spans(telemetry.spans).SerializeToString()
    assert len(telemetry.spans) == 2
    callspan.uninstrument()
    assert seen() == with_us
