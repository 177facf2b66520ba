"""Gemini's live sessions: a call for each turn, at Gemini and at Vertex.

The messages are written from the types of google-genai 3.6; none is a recording.
"""

from __future__ import annotations

import contextlib
import inspect
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from google import genai
from google.genai import live, types

import callspan
from callspan.formats.gemini.live import LIVE_SESSION
from callspan.hooks.sessions import Session
from clients import google_client
from sockets import DROP, Event, SocketServer, memory_growth, running, sound
from telemetry import Telemetry

MODEL = "gemini-live-2.5-flash-preview"
CONFIG: dict[str, Any] = {
    "response_modalities": ["AUDIO"],
    "temperature": 0.5,
    "generation_config": {"max_output_tokens": 200},
    "system_instruction": "Speak softly.",
    "tools": [{"function_declarations": [{"name": "find_flowers"}]}],
}
USAGE: Event = {
    "promptTokenCount": 20,
    "responseTokenCount": 7,
    "thoughtsTokenCount": 3,
    "cachedContentTokenCount": 4,
    "totalTokenCount": 30,
    "promptTokensDetails": [
        {"modality": "TEXT", "tokenCount": 5},
        {"modality": "AUDIO", "tokenCount": 15},
    ],
    "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 7}],
}
HELLO: dict[str, Any] = {"turns": {"role": "user", "parts": [{"text": "Which flowers?"}]}}


def speech(size: int) -> Event:
    """Return a message with so many bytes of the model's speech."""
    blob = {"mimeType": "audio/pcm;rate=24000", "data": sound(size)}
    return {"serverContent": {"modelTurn": {"role": "model", "parts": [{"inlineData": blob}]}}}


def transcript(text: str) -> Event:
    """Return a message with a piece of what the model says."""
    return {"serverContent": {"outputTranscription": {"text": text}}}


def end(**more: Any) -> Event:
    """Return the message that ends a turn."""
    return {"serverContent": {"turnComplete": True, **more}, "usageMetadata": USAGE}


ANSWER = [transcript("Ro"), speech(4800), transcript("ses."), speech(4800)]
ANSWER += [{"serverContent": {"generationComplete": True}}, end()]


_NAMES = inspect.signature(live.AsyncSession.send_realtime_input).parameters
needs_names = pytest.mark.skipif("text" not in _NAMES, reason="older clients send media alone")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SocketServer]:
    """Run a server of live sessions, which answers what asks for an answer."""
    from websockets.asyncio.client import connect

    def plain_connect(uri: str, **options: Any) -> Any:
        options.pop("ssl", None)
        return connect(uri.replace("wss:", "ws:"), **options)

    # the older name is `connect`
    name = "ws_connect" if hasattr(live, "ws_connect") else "connect"
    monkeypatch.setattr(live, name, plain_connect)
    server = SocketServer(lambda _event: ANSWER)
    with running(server):
        yield server


def script(server: SocketServer, *answers: list[Event]) -> None:
    """Let a server give these answers one after another to what follows the setup."""
    rest = iter(answers)
    server.respond = lambda event: setup_or(event, next(rest) if "setup" not in event else [])


def setup_or(event: Event, answer: list[Event]) -> list[Event]:
    """Return the answer to a setup, or another one."""
    if "setup" in event:
        return [{"setupComplete": {"sessionId": "live-1"}}]
    return answer


@contextlib.asynccontextmanager
async def session_at(server: SocketServer, client: Any = None) -> AsyncIterator[Any]:
    """Open a session of Google's client at a server."""
    client = client or google_client(server.url)
    async with client.aio.live.connect(model=MODEL, config=CONFIG) as session:
        yield session


async def read_turn(session: Any) -> list[Any]:
    """Read one turn to its end."""
    return [message async for message in session.receive()]


async def test_each_turn_is_a_call(server: SocketServer, telemetry: Telemetry) -> None:
    """Two turns are two calls, with settings, counts by modality and the times of both kinds."""
    script(server, ANSWER, ANSWER)
    async with session_at(server) as session:
        for _ in range(2):
            await session.send_client_content(**HELLO)
            await read_turn(session)
    assert [span.name for span in telemetry.spans] == [f"generate_content {MODEL}"] * 2
    attributes: dict[str, Any] = dict(telemetry.spans[0].attributes or {})
    expected = {
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 200,
        "gen_ai.output.type": "speech",
        "gen_ai.response.finish_reasons": ("STOP",),
        "gen_ai.usage.input_tokens": 20,
        "gen_ai.usage.output_tokens": 10,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.reasoning.output_tokens": 3,
        "gen_ai.usage.audio.input_tokens": 15,
        "gen_ai.usage.audio.output_tokens": 7,
        "server.address": "127.0.0.1",
        "callspan.outcome": "completed",
    }
    assert {name: attributes.get(name) for name in expected} == expected
    first_text = attributes["callspan.stream.time_to_first_text"]
    assert first_text < attributes["callspan.stream.time_to_first_sound"]
    assert telemetry.tokens == {"input": 40, "output": 20}


# the same versions ask for the machine's own credentials there
@needs_names
async def test_vertex(server: SocketServer, telemetry: Telemetry) -> None:
    """At Vertex the messages are the same, and the provider is another."""
    from google.auth.credentials import AnonymousCredentials

    credentials: Any = AnonymousCredentials()
    credentials.token = "none"
    client = genai.Client(
        vertexai=True,
        project="flowers",
        location="us-central1",
        credentials=credentials,
        http_options=types.HttpOptions(base_url=server.url),
    )
    script(server, ANSWER)
    async with session_at(server, client) as session:
        await session.send_client_content(**HELLO)
        await read_turn(session)
    assert telemetry.attributes["gen_ai.provider.name"] == "gcp.vertex_ai"
    assert telemetry.attributes["gen_ai.usage.output_tokens"] == 10


@needs_names
async def test_speech_asks_by_itself(server: SocketServer, telemetry: Telemetry) -> None:
    """A turn that follows the user's speech begins with the first answer of the server."""
    heard = {"serverContent": {"inputTranscription": {"text": "Which flowers?"}}}
    script(server, [], [heard, *ANSWER])
    telemetry.instrument(capture="span")
    blob = types.Blob(data=bytes(32_000), mime_type="audio/pcm;rate=16000")
    async with session_at(server) as session:
        await session.send_realtime_input(audio=blob)
        await session.send_realtime_input(audio=blob)
        with telemetry.tracer.start_as_current_span("listening") as listening:
            await read_turn(session)
    assert telemetry.span.parent is not None
    assert telemetry.span.parent.span_id == listening.get_span_context().span_id
    inputs = json.loads(telemetry.attributes["gen_ai.input.messages"])
    medium = {"type": "blob", "modality": "audio", "mime_type": "audio/pcm", "content": ""}
    assert [message["parts"] for message in inputs] == [
        [{"type": "text", "content": "Which flowers?"}],
        [{**medium, "size": 64_000, "seconds": 2.0}],
    ]


@pytest.mark.instrument(capture="both")
async def test_content(server: SocketServer, telemetry: Telemetry) -> None:
    """Content has transcripts as text, and of sound its type, its bytes and its seconds."""
    script(server, ANSWER)
    async with session_at(server) as session:
        await session.send_client_content(**HELLO)
        await read_turn(session)
    attributes = telemetry.attributes
    assert json.loads(attributes["gen_ai.input.messages"])[0]["parts"] == [
        {"type": "text", "content": "Which flowers?"}
    ]
    medium = {"type": "blob", "modality": "audio", "mime_type": "audio/pcm", "content": ""}
    assert json.loads(attributes["gen_ai.output.messages"])[0]["parts"] == [
        {"type": "text", "content": "Roses."},
        {**medium, "size": 9600, "seconds": 0.2},
    ]
    assert json.loads(attributes["gen_ai.system_instructions"])[0]["content"] == "Speak softly."
    assert json.loads(attributes["gen_ai.tool.definitions"])[0]["name"] == "find_flowers"


async def test_an_interruption_is_no_error(server: SocketServer, telemetry: Telemetry) -> None:
    """A turn into which the user speaks is interrupted; the next one is another call."""
    cut = {"serverContent": {"interrupted": True}}
    script(server, [transcript("Ro"), speech(480)], [cut, end(), *ANSWER])
    async with session_at(server) as session:
        await session.send_client_content(**HELLO)
        await session._receive()
        await session.send_client_content(**HELLO)
        await read_turn(session)
        await read_turn(session)
    first, second = [span.attributes or {} for span in telemetry.spans]
    assert first["callspan.outcome"] == "interrupted"
    assert first["gen_ai.usage.output_tokens"] == 10
    assert "error.type" not in first
    assert second["callspan.outcome"] == "completed"


async def test_a_tool_within_a_turn(server: SocketServer, telemetry: Telemetry) -> None:
    """A call of a tool and its result stand in one turn, which the model then goes on with."""
    call = {"id": "call_1", "name": "find_flowers", "args": {"colour": "red"}}
    script(server, [{"toolCall": {"functionCalls": [call]}}], ANSWER)
    telemetry.instrument(capture="span")
    async with session_at(server) as session:
        await session.send_client_content(**HELLO)
        await session._receive()
        await session.send_tool_response(
            function_responses=types.FunctionResponse(
                id="call_1", name="find_flowers", response={"result": "roses"}
            )
        )
        await read_turn(session)
    parts = json.loads(telemetry.attributes["gen_ai.output.messages"])[0]["parts"]
    assert parts[0] == {
        "type": "tool_call",
        "id": "call_1",
        "name": "find_flowers",
        "arguments": {"colour": "red"},
    }


async def test_a_connection_that_breaks(server: SocketServer, telemetry: Telemetry) -> None:
    """A connection that breaks within a turn is an error of that turn."""
    script(server, [transcript("Ro"), DROP])
    async with session_at(server) as session:
        await session.send_client_content(**HELLO)
        with pytest.raises(Exception, match="clos"):
            await read_turn(session)
    assert telemetry.attributes["callspan.outcome"] == "error"
    assert telemetry.attributes["error.type"] == "websockets.exceptions.ConnectionClosedError"


async def test_closing_abandons(server: SocketServer, telemetry: Telemetry) -> None:
    """A session that the app leaves abandons the turn that is open."""
    script(server, [transcript("Ro")])
    async with session_at(server) as session:
        await session.send_client_content(**HELLO)
        await session._receive()
    assert telemetry.attributes["callspan.outcome"] == "abandoned"


@needs_names
async def test_content_that_asks_for_nothing(server: SocketServer, telemetry: Telemetry) -> None:
    """Content that is no whole turn asks for nothing; typed text does, and has it as its input."""
    script(server, [], ANSWER)
    telemetry.instrument(capture="span")
    async with session_at(server) as session:
        await session.send_client_content(**HELLO, turn_complete=False)
        await session.send_realtime_input(text="Red ones?")
        await read_turn(session)
    inputs = json.loads(telemetry.attributes["gen_ai.input.messages"])
    assert [message["parts"][0]["content"] for message in inputs] == ["Which flowers?", "Red ones?"]


async def test_budgets_refuse_a_turn(server: SocketServer, telemetry: Telemetry) -> None:
    """A turn that a budget does not admit is never asked for."""
    script(server, ANSWER)
    async with session_at(server) as session:
        with callspan.budget(calls=1):
            await session.send_client_content(**HELLO)
            await read_turn(session)
            with pytest.raises(callspan.BudgetExceeded):
                await session.send_client_content(**HELLO)
    assert [next(iter(event)) for event in server.received] == ["setup", "client_content"]
    assert len(telemetry.spans) == 1


def test_hours_of_sound_leave_memory_flat() -> None:
    """Neither what is sent nor what is received is kept: memory does not grow with a session."""
    # by the session itself, as sockets and the client take memory of their own
    session = Session(LIVE_SESSION, lambda _body: None, {})
    blob = {"mimeType": "audio/pcm;rate=16000", "data": sound(32_000)}
    text = json.dumps({"realtime_input": {"audio": blob}})
    messages = [json.dumps(message) for message in [speech(48_000), *ANSWER]]

    def speak(seconds: int) -> None:
        for _ in range(seconds):
            session.send(text)
            for message in messages:
                session.receive(message)

    growth = memory_growth(speak, 100, 1000)
    assert growth < 50_000
