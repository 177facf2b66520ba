"""Whatever a provider answers, the reader gets just what it would get without us, and there is one valid span.

Recorded answers are edited at random: fields missing, null or of wrong types, unknown events, events out of order or
repeated, bodies cut short. `CALLSPAN_FUZZ=5000` plays so many new examples of each kind, for runs by hand; without it
they are few, and the same each time.
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
from callspan import guard
from callspan.observation import open_observations
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
    KINDS[0], name="openai-embeddings", path="embeddings", request={"model": "e-small", "input": ["Roses", "Lilies"]}
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


@dataclass
class Seen:
    """What the program saw, and how often the provider was asked."""

    items: list[str] = field(default_factory=list)
    error: tuple[type, str] | None = None
    warned: list[tuple[type, str]] = field(default_factory=list)
    requests: int = 0


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
        speaker = (self._speaker.AsyncClient if self.asynchronous else self._speaker.Client)(transport=transport)
        return (self.kind.amake if self.asynchronous else self.kind.make)(URL, http_client=speaker)

    def _respond(self, _request: Any) -> Any:
        self.seen.requests += 1
        return self._speaker.Response(
            200, headers={"content-type": self._content_type}, stream=self._body(self._answer)
        )

    def play(self, mode: Mode, answer: list[bytes], take: int) -> Seen:
        """Read the answer, or some items of a stream: what the program sees, exceptions and warnings included."""
        seen = self.seen = Seen()
        self._answer, self._content_type = answer, "text/event-stream" if mode in STREAMED else "application/json"
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                asyncio.run(self._aread(mode, take)) if self.asynchronous else self._read(mode, take)
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
    paths = sorted(path for pattern in SOURCES[kind.name][1].split("|") for path in PAYLOADS.glob(pattern + ending))
    return [path.read_bytes() for path in paths]


def cases() -> Iterator[Any]:
    """Each kind in each way of asking."""
    for kind in FUZZED:
        for modes, ending in ((STREAMED, ".sse"), (PLAIN, ".json")):
            for mode in modes:
                known = kind.name in SOURCES and recorded(kind, ending)
                if known and has(f"{kind.path}.{mode.needs}", kind.make) and (kind.thorough or not mode.raw):
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
        self.said.append(record.getMessage())


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


JSON = ("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.tool.definitions")


def assert_valid(telemetry: Telemetry) -> None:
    """All of it can be sent: the content parses, and the exporter's own encoders take spans, logs and metrics."""
    for span in telemetry.spans:
        assert span.end_time is not None
        for name in JSON:
            if name in (span.attributes or {}):
                json.loads(str(span.attributes[name]), parse_constant=pytest.fail)
    encode_spans(telemetry.spans).SerializeToString()
    encode_logs(telemetry.log_data).SerializeToString()
    encode_metrics(telemetry.metrics_data).SerializeToString()


@FUZZ
@given(data=some.data())
@pytest.mark.parametrize(("kind", "mode"), list(cases()))
def test_the_reader_gets_what_it_would_without_us(
    kind: Kind, mode: Mode, complaints: list[str], data: some.DataObject
) -> None:
    """Items and exceptions are the same, each request has one span, and nothing of ours had to be guarded."""
    answer = data.draw(answers(kind, mode in STREAMED), "answer")
    take, asynchronous = data.draw(some.sampled_from([0, 0, 0, 1, 2]), "take"), data.draw(some.booleans(), "async")
    options = data.draw(some.sampled_from([{}, {"capture": "span"}, EVERYTHING]), "options")
    play = partial(line(kind.name, asynchronous).play, mode, answer, take)
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
    assert len(telemetry.spans) == seen.requests
    assert not open_observations
    assert_valid(telemetry)
    telemetry.shutdown()
