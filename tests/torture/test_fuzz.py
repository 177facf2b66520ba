"""Whatever is asked and answered, the program gets just what it would get without us, and there is one valid span.

Requests and recorded answers are edited at random: fields missing, null or of wrong types, unknown events, events out
of order or repeated, bodies cut short. `CALLSPAN_FUZZ=5000` plays so many new examples of each kind, for runs by hand;
without it they are few, and the same each time.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

import anthropic
import groq
import openai
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

import callspan
from callspan.lifecycle.observation import open_observations
from callspan.runtime import guard
from clients import Gemini, google_client, google_http, has, library
from conftest import PAYLOADS
from table.kinds import KINDS, Kind
from table.modes import PLAIN, STREAMED, Mode
from telemetry import Telemetry
from torture.oddities import damaged, edited, frames, pieces, written

EXAMPLES = int(os.environ.get("CALLSPAN_FUZZ", "0"))
FUZZ = settings(
    max_examples=EXAMPLES or 25,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink] if EXAMPLES else [Phase.generate],
)
URL = "http://model.test/v1"
EMBEDDINGS = replace(
    KINDS[0],
    name="openai-embeddings",
    path="embeddings",
    request={"model": "e-small", "input": ["Roses", "Lilies"]},
)
FUZZED = (*KINDS, EMBEDDINGS)
SOURCES = {
    "openai-chat": (openai, "openai/chat_*"),
    "openai-responses": (openai, "openai/responses_*"),
    "openai-completions": (openai, "openai/completion*"),
    "openai-embeddings": (openai, "openai/embeddings*"),
    "anthropic-messages": (anthropic, "anthropic/*"),
    "google-generate-content": (None, "google_genai/*[!d]_content*|google_genai/stream*"),
    "groq": (groq, "groq/chat*"),
}
"""The client's module and the recorded answers by kind of call."""
EVERYTHING: dict[str, Any] = {
    "capture": "both",
    "token_events": "all",
    "chunk_metrics": True,
    "extra_metrics": ["calls", "active", "retries", "output_rate"],
    "estimate": "missing",
    "cost": True,
    "semconv": "both",
}

pytestmark = pytest.mark.guard_may_act(
    "models that are made up have no price; `complaints` has all the rest"
)


@dataclass
class Seen:
    """What the program saw, and what the provider was sent."""

    items: list[str] = field(default_factory=list)
    error: tuple[type, str] | None = None
    warned: list[tuple[type, str]] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)


def described(item: Any) -> str:
    """What an item says; one that cannot say it is told by its class."""
    try:
        return f"{type(item).__qualname__}: {item!r}"
    except Exception as error:  # noqa: BLE001  to be compared
        return f"{type(item).__qualname__}: {type(error).__qualname__}"


class Line:
    """A client of some kind; the provider at the other end gives the same answer to each request."""

    def __init__(self, kind: Kind, asynchronous: bool) -> None:
        self.kind, self.asynchronous = kind, asynchronous
        self.seen = Seen()
        self._content_type, self._answer = "", [b""]
        module = SOURCES[kind.name][0]
        self._speaker = google_http if module is None else library(module)
        self._body = _body(self._speaker)
        self.client = self._google() if module is None else self._stainless()

    def _google(self) -> Any:
        google = google_client(URL, self._respond)
        return Gemini(google.aio.models if self.asynchronous else google.models)

    def _stainless(self) -> Any:
        transport = self._speaker.MockTransport(self._respond)
        speaker = (self._speaker.AsyncClient if self.asynchronous else self._speaker.Client)(
            transport=transport
        )
        return (self.kind.amake if self.asynchronous else self.kind.make)(URL, http_client=speaker)

    def _respond(self, request: Any) -> Any:
        self.seen.sent.append(request.content)
        return self._speaker.Response(
            200, headers={"content-type": self._content_type}, stream=self._body(self._answer)
        )

    def play(self, kind: Kind, mode: Mode, answer: list[bytes], take: int) -> Seen:
        """Read the answer, or some items of a stream: what the program sees, exceptions and warnings included."""
        seen, self.kind = Seen(), kind
        self.seen = seen
        self._answer, self._content_type = (
            answer,
            "text/event-stream" if mode in STREAMED else "application/json",
        )
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                asyncio.run(self._aread(mode, take)) if self.asynchronous else self._read(
                    mode, take
                )
            except Exception as error:  # noqa: BLE001  to be compared
                seen.error = type(error), str(error)
        seen.warned = [(warning.category, str(warning.message)) for warning in warned]
        return seen

    def _read(self, mode: Mode, take: int) -> None:
        with ExitStack() as stack:
            found = mode.open(self.kind, self.client, stack)
            for item in [found] if mode in PLAIN else found:
                self.seen.items.append(described(item))
                if len(self.seen.items) == take:
                    break

    async def _aread(self, mode: Mode, take: int) -> None:
        async with AsyncExitStack() as stack:
            found = await mode.aopen(self.kind, self.client, stack)
            if mode in PLAIN:
                self.seen.items.append(described(found))
                return
            async for item in found:
                self.seen.items.append(described(item))
                if len(self.seen.items) == take:
                    break


@cache
def line(name: str, asynchronous: bool) -> Line:
    """The one client of a kind: making one takes longer than many answers do."""
    return Line(next(kind for kind in FUZZED if kind.name == name), asynchronous)


def _body(speaker: Any) -> type:
    class Body(speaker.SyncByteStream, speaker.AsyncByteStream):  # type: ignore[misc, name-defined]
        def __init__(self, pieces: list[bytes]) -> None:
            self._pieces = pieces

        def __iter__(self) -> Iterator[bytes]:
            yield from self._pieces

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for piece in self._pieces:
                yield piece

    return Body


# -- examples ----------------------------------------------------------------------------------------------------------


def recorded(kind: Kind, ending: str) -> list[bytes]:
    """The answers that are recorded for a kind, whole or streamed."""
    paths = sorted(
        path
        for pattern in SOURCES[kind.name][1].split("|")
        for path in PAYLOADS.glob(pattern + ending)
    )
    return [path.read_bytes() for path in paths]


def cases() -> Iterator[Any]:
    """Each kind in each way of asking."""
    for kind in FUZZED:
        for modes, ending in ((STREAMED, ".sse"), (PLAIN, ".json")):
            for mode in modes:
                known = kind.name in SOURCES and recorded(kind, ending)
                if (
                    known
                    and has(f"{kind.path}.{mode.needs}", kind.make)
                    and (kind.thorough or not mode.raw)
                ):
                    yield pytest.param(kind, mode, id=f"{kind}-{ending[1:]}-{mode}")


@some.composite
def answers(draw: Any, kind: Kind, streamed: bool) -> list[bytes]:
    """The body of an answer, as it comes in pieces."""
    original = draw(some.sampled_from(recorded(kind, ".sse" if streamed else ".json")))
    if streamed:
        body = written(draw(edited(frames(original))))
    else:
        body = json.dumps(draw(edited([json.loads(original)]))[0]).encode()
    return draw(pieces(draw(damaged(body))))


# -- what must hold ----------------------------------------------------------------------------------------------------


class Complaints(logging.Handler):
    """What OpenTelemetry has to say of what it is given, such as that a value is of a wrong type."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        if "nobody knows the price" not in said:  # which is so of models that are made up
            self.said.append(said)


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """The warnings of OpenTelemetry's, and of ours, in one test."""
    handler = Complaints()
    loggers = [logging.getLogger(name) for name in ("opentelemetry", "callspan")]
    for logger in loggers:
        logger.addHandler(handler)
    yield handler.said
    for logger in loggers:
        logger.removeHandler(handler)


JSON = (
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.definitions",
)


def assert_valid(telemetry: Telemetry) -> None:
    """All of it can be sent: the content parses, and the exporter's own encoders take spans, logs and metrics."""
    for span in telemetry.spans:
        assert span.end_time is not None
        for name in JSON:
            if name in (span.attributes or {}):
                json.loads(str(span.attributes[name]), parse_constant=pytest.fail)
    encode_spans(telemetry.spans).SerializeToString()
    encode_logs(telemetry.log_data).SerializeToString()
    if telemetry.metrics_data is not None:
        encode_metrics(telemetry.metrics_data).SerializeToString()


def assert_unnoticed(
    kind: Kind, mode: Mode, answer: list[bytes], complaints: list[str], data: some.DataObject
) -> None:
    """The program sees and sends the same, each request has one valid span, and nothing of ours had to be guarded."""
    take, asynchronous = (
        data.draw(some.sampled_from([0, 0, 0, 1, 2]), "take"),
        data.draw(some.booleans(), "async"),
    )
    options = data.draw(some.sampled_from([{}, {"capture": "span"}, EVERYTHING]), "options")
    play = partial(line(kind.name, asynchronous).play, kind, mode, answer, take)
    without = play()
    complaints.clear()
    guard.forget()
    telemetry = Telemetry()
    telemetry.instrument(**options)
    try:
        seen = play()
        for generation in (1, 2):
            if open_observations:
                gc.collect(generation)
        callspan.flush()
    finally:
        callspan.uninstrument()
    assert not complaints
    assert seen == without
    assert (
        len(seen.sent) <= len(telemetry.spans) <= 1
    )  # the client may refuse what it has been given
    assert not open_observations
    assert_valid(telemetry)
    telemetry.shutdown()


@FUZZ
@given(data=some.data())
@pytest.mark.parametrize(("kind", "mode"), list(cases()))
def test_answers(kind: Kind, mode: Mode, complaints: list[str], data: some.DataObject) -> None:
    """Whatever the provider answers."""
    assert_unnoticed(
        kind, mode, data.draw(answers(kind, mode in STREAMED), "answer"), complaints, data
    )


# -- requests ----------------------------------------------------------------------------------------------------------

SCHEMA = {"type": "object", "properties": {"of": {"type": "string"}}}
IMAGE = "data:image/png;base64,iVBORw0KGgo="
REQUESTS: dict[str, dict[str, Any]] = {
    "openai-chat": {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "This?"},
                    {"type": "image_url", "image_url": {"url": IMAGE}},
                ],
            },
            {
                "role": "assistant",
                "tool_calls": [
                    {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
                ],
            },
            {"role": "tool", "tool_call_id": "c", "content": "42"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}],
        "temperature": 0.5,
        "n": 2,
        "stop": ["end"],
        "response_format": {"type": "json_object"},
    },
    "openai-responses": {
        "instructions": "Be brief.",
        "input": [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "This?"},
                    {"type": "input_image", "image_url": IMAGE},
                ],
            },
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "42"},
        ],
        "tools": [{"type": "function", "name": "f", "parameters": SCHEMA}],
        "reasoning": {"effort": "low"},
        "max_output_tokens": 5,
    },
    "openai-completions": {"prompt": ["Roses", "Lilies"], "n": 2, "seed": 7},
    "openai-embeddings": {"input": ["Roses", "Lilies"], "dimensions": 3},
    "anthropic-messages": {
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": "aa"},
                    }
                ],
            },
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"of": "roses"}}],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "t", "content": "42"}],
            },
        ],
        "tools": [{"name": "f", "input_schema": SCHEMA}],
        "top_k": 4,
    },
    "google-generate-content": {
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "This?"},
                    {"inline_data": {"mime_type": "image/png", "data": "aa"}},
                ],
            },
            {"role": "model", "parts": [{"function_call": {"name": "f", "args": {"of": "roses"}}}]},
            {
                "role": "user",
                "parts": [{"function_response": {"name": "f", "response": {"found": 42}}}],
            },
        ],
        "config": {
            "temperature": 0.5,
            "system_instruction": "Be brief.",
            "candidate_count": 2,
            "stop_sequences": ["end"],
        },
    },
}


def asked() -> Iterator[Any]:
    """Each kind that has a request here, plain and streamed."""
    for kind in FUZZED:
        for mode, ending in ((STREAMED[0], ".sse"), (PLAIN[0], ".json")):
            if kind.name in REQUESTS and recorded(kind, ending):
                whole = replace(kind, request={**kind.request, **REQUESTS[kind.name]})
                yield pytest.param(whole, mode, recorded(kind, ending)[0], id=f"{kind}-{mode}")


@FUZZ
@given(data=some.data())
@pytest.mark.parametrize(("kind", "mode", "answer"), list(asked()))
def test_requests(
    kind: Kind, mode: Mode, answer: bytes, complaints: list[str], data: some.DataObject
) -> None:
    """Whatever the program asks for: it is sent as it is, or refused by the client in its own words."""
    odd = data.draw(edited([kind.request]), "request")[0]
    assert_unnoticed(
        replace(kind, request=odd if isinstance(odd, dict) else {}),
        mode,
        [answer],
        complaints,
        data,
    )
