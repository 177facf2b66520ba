"""OpenAI's Realtime sessions: a call for each response, with its sound, its counts and its end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import callspan
from clients import async_openai_client, openai_client
from sockets import (
    DROP,
    SESSION,
    Event,
    SocketServer,
    created,
    done,
    memory_growth,
    running,
    sound,
    spoken,
    whole,
)
from telemetry import Telemetry

pytestmark = [pytest.mark.needs("realtime.connect"), pytest.mark.usefixtures("telemetry")]
MODEL = "gpt-realtime"
SPEECH = {"type": "input_audio_buffer.append", "audio": sound(48_000)}


def answer_requests(server: SocketServer) -> None:
    """Let a server answer each request by a response, and ignore all other events."""

    def respond(event: Event) -> list[Event]:
        if event["type"] != "response.create":
            return []
        return whole(sum(each["type"] == "response.create" for each in server.received))

    server.respond = respond


@pytest.fixture
def server() -> Iterator[SocketServer]:
    """Run a server of Realtime sessions."""
    server = SocketServer(lambda _event: [], SESSION)
    answer_requests(server)
    with running(server):
        yield server


def connect(server: SocketServer) -> Any:
    """Return a manager of an asynchronous connection."""
    # older clients expect TLS unless this address says otherwise
    client = async_openai_client(server.url, websocket_base_url=server.socket_url)
    return client.realtime.connect(model=MODEL)


async def read_until(connection: Any, kind: str = "response.done", times: int = 1) -> None:
    """Read events until one of a type has come so many times."""
    while times:
        if (await connection.recv()).type == kind:
            times -= 1


async def test_a_spoken_response(server: SocketServer, telemetry: Telemetry) -> None:
    """A response has the session's settings, the counts by modality, and the times of both kinds."""
    async with connect(server) as connection:
        await read_until(connection, "session.created")
        await connection.response.create()
        await read_until(connection)
    assert telemetry.span.name == f"chat {MODEL}"
    expected = {
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.max_tokens": 200,
        "gen_ai.output.type": "speech",
        "gen_ai.response.id": "resp_1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 60,
        "gen_ai.usage.output_tokens": 30,
        "gen_ai.usage.cache_read.input_tokens": 16,
        "gen_ai.usage.audio.input_tokens": 35,
        "gen_ai.usage.audio.output_tokens": 22,
        "openai.api.type": "realtime",
        "callspan.outcome": "completed",
        # the transcript, the sound and the end; the begin is no part of the answer
        "callspan.stream.chunks": 3,
    }
    attributes = telemetry.attributes
    assert {name: attributes.get(name) for name in expected} == expected
    first_text = attributes["callspan.stream.time_to_first_text"]
    first_sound = attributes["callspan.stream.time_to_first_sound"]
    assert attributes["gen_ai.response.time_to_first_chunk"] == first_text < first_sound


def test_synchronous_sessions(server: SocketServer, telemetry: Telemetry) -> None:
    """A synchronous connection is followed as well, by a typed sender or a plain event."""
    client = openai_client(server.url, websocket_base_url=server.socket_url)
    with client.realtime.connect(model=MODEL) as connection:
        for send in (
            connection.response.create,
            lambda: connection.send({"type": "response.create"}),
        ):
            send()
            for event in connection:
                if event.type == "response.done":
                    break
    ids = [(span.attributes or {})["gen_ai.response.id"] for span in telemetry.spans]
    assert ids == ["resp_1", "resp_2"]


async def test_speech_asks_by_itself(server: SocketServer, telemetry: Telemetry) -> None:
    """Where the server hears that the user has stopped, a response begins without a request."""
    server.respond = lambda _event: whole(1)
    async with connect(server) as connection:
        with telemetry.tracer.start_as_current_span("sending"):
            await connection.send(SPEECH)
        with telemetry.tracer.start_as_current_span("listening") as listening:
            await read_until(connection)
    assert telemetry.attributes["callspan.outcome"] == "completed"
    assert telemetry.attributes["gen_ai.usage.audio.input_tokens"] == 35
    assert telemetry.span.parent is not None
    assert telemetry.span.parent.span_id == listening.get_span_context().span_id


async def test_budgets_count_speech(server: SocketServer) -> None:
    """A response that nobody asked for cannot be refused, but its tokens count."""
    server.respond = lambda _event: whole(1)
    async with connect(server) as connection:
        with callspan.budget(tokens=50) as budget:
            await connection.send(SPEECH)
            await read_until(connection)
            assert budget.spent["tokens"] == 90
            with pytest.raises(callspan.BudgetExceeded):
                await connection.response.create()


@pytest.mark.parametrize("reason", ["turn_detected", "client_cancelled"])
async def test_an_interruption_is_no_error(
    reason: str, server: SocketServer, telemetry: Telemetry
) -> None:
    """A response that the user's speech or the app cuts off is interrupted; its tokens count."""

    def respond(event: Event) -> list[Event]:
        if event["type"] == "response.create":
            return [created(1), *spoken(1, "Ro", 480)]
        return [done(1, "Ro", "cancelled", reason)]

    server.respond = respond
    async with connect(server) as connection:
        await connection.response.create()
        await read_until(connection, "response.output_audio.delta")
        await (connection.response.cancel() if "client" in reason else connection.send(SPEECH))
        await read_until(connection)
    assert telemetry.attributes["callspan.outcome"] == "interrupted"
    assert telemetry.attributes["gen_ai.response.finish_reasons"] == (reason,)
    assert telemetry.span.status.is_ok or telemetry.span.status.status_code.name == "UNSET"
    assert "error.type" not in telemetry.attributes
    assert telemetry.tokens == {"input": 60, "output": 30}


async def test_failed_and_incomplete(server: SocketServer, telemetry: Telemetry) -> None:
    """A response that failed is an error; one that was cut at its limit has that as its reason."""
    failed = done(1, "", "failed")
    failed["response"]["status_details"]["error"] = {"type": "server_error", "code": "overloaded"}
    cut = done(2, "Ro", "incomplete", "max_output_tokens")
    server.respond = lambda _event: [created(1), failed, created(2), cut]
    async with connect(server) as connection:
        await connection.response.create()
        await connection.response.create()
        await read_until(connection, times=2)
    first, second = [span.attributes or {} for span in telemetry.spans]
    assert (first["error.type"], first["callspan.outcome"]) == ("overloaded", "error")
    assert second["gen_ai.response.finish_reasons"] == ("length",)


async def test_a_refusal_by_its_event(server: SocketServer, telemetry: Telemetry) -> None:
    """An error names the event that it refuses; other errors of a session concern no response."""

    def respond(event: Event) -> list[Event]:
        if event["type"] == "response.create":
            return []
        error = {"type": "invalid_request_error", "message": "no", "code": "bad_value"}
        empty = {**error, "code": "input_audio_buffer_commit_empty"}
        return [
            {"type": "error", "error": {**error, "event_id": "other"}},
            {"type": "error", "error": empty},
            {"type": "error", "error": {**error, "event_id": "second"}},
            *whole(1),
        ]

    server.respond = respond
    async with connect(server) as connection:
        await connection.response.create(event_id="first")
        await connection.response.create(event_id="second")
        await connection.input_audio_buffer.commit()
        await read_until(connection)
    refused, answered = [span.attributes or {} for span in telemetry.spans]
    assert refused["error.type"] == "bad_value"
    assert answered["gen_ai.response.id"] == "resp_1"


async def test_several_open_at_once(server: SocketServer, telemetry: Telemetry) -> None:
    """Two responses of a session may run at once; a break of the connection fails both."""
    texts = [spoken(1, "a", 10)[0], spoken(2, "b", 10)[0], spoken(2, "c", 10)[0]]
    waiting = iter([[], [created(1), created(2), *texts, done(2, "bc"), DROP]])
    server.respond = lambda _event: next(waiting)
    async with connect(server) as connection:
        await connection.response.create()
        await connection.response.create(response={"conversation": "none"})
        with pytest.raises(Exception, match="close frame"):
            await read_until(connection, "never")
    second, first = [span.attributes or {} for span in telemetry.spans]
    assert (second["gen_ai.response.id"], second["callspan.stream.chunks"]) == ("resp_2", 3)
    assert (first["gen_ai.response.id"], first["callspan.outcome"]) == ("resp_1", "error")


async def test_events_of_the_session_are_no_chunks(
    server: SocketServer, telemetry: Telemetry
) -> None:
    """Settings and transcripts that arrive within a response are no part of it."""
    begin, text, speech, end = whole(1)
    settings = {"type": "session.updated", "session": {"max_output_tokens": 50}}
    limits = {"type": "rate_limits.updated", "rate_limits": []}
    server.respond = lambda _event: [begin, settings, text, limits, speech, end]
    async with connect(server) as connection:
        await connection.response.create()
        await read_until(connection)
        await connection.response.create()
        await read_until(connection)
    first, second = [span.attributes or {} for span in telemetry.spans]
    assert first["callspan.stream.chunks"] == 3
    # they hold for the next request
    assert "gen_ai.request.max_tokens" not in first
    assert second["gen_ai.request.max_tokens"] == 50


async def test_a_budget_stops_a_response(server: SocketServer, telemetry: Telemetry) -> None:
    """A budget may stop a response within; the app gets its error, and the session goes on."""
    pieces = [spoken(1, "Rose ", 480)[0] for _ in range(400)]
    long = [created(1), *pieces, done(1, "Rose "), *whole(2)]
    server.respond = lambda event: long if event["type"] == "response.create" else []
    async with connect(server) as connection:
        with callspan.budget(tokens=200, in_stream="raise"):
            await connection.response.create()
        with pytest.raises(callspan.BudgetExceeded):
            await read_until(connection)
        # the rest of the first response, and another one that the server begins by itself
        await read_until(connection, times=2)
    stopped, other = [span.attributes or {} for span in telemetry.spans]
    assert stopped["callspan.outcome"] == "error"
    assert stopped["error.type"] == "callspan.BudgetExceeded"
    assert (other["gen_ai.response.id"], other["callspan.outcome"]) == ("resp_2", "completed")


async def test_inline_handlers_are_awaited(server: SocketServer, telemetry: Telemetry) -> None:
    """Handlers that the call itself has to await are done when the event is handed out."""
    steps: list[str] = []

    class Steps:
        inline = True

        async def on_start(self, _call: Any) -> None:
            steps.append("start")

        async def on_end(self, call: Any, _response: Any) -> None:
            steps.append(call.outcome)

    telemetry.instrument(handlers=[Steps()])
    async with connect(server) as connection:
        await connection.response.create()
        assert steps == ["start"]
        await read_until(connection)
        assert steps == ["start", "completed"]
        server.respond = lambda _event: []
        await connection.response.create()
    assert steps[2:] == ["start", "abandoned"]


@pytest.mark.instrument(capture="both")
async def test_content(server: SocketServer, telemetry: Telemetry) -> None:
    """Content has transcripts as text, and of sound its type, its bytes and its seconds."""
    server.greeting = (
        SESSION,
        {
            "type": "conversation.item.input_audio_transcription.completed",
            "item_id": "item_0",
            "content_index": 0,
            "transcript": "Which flowers?",
        },
    )
    said = {"type": "input_audio", "audio": sound(96_000)}
    async with connect(server) as connection:
        await read_until(connection, "conversation.item.input_audio_transcription.completed")
        await connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [said]}
        )
        await connection.send(SPEECH)
        await connection.response.create()
        await read_until(connection)
        await connection.response.create()
        await read_until(connection)
    first, second = [span.attributes or {} for span in telemetry.spans]
    medium = {"type": "blob", "modality": "audio", "mime_type": "audio/pcm", "content": ""}
    inputs = json.loads(str(first["gen_ai.input.messages"]))
    assert [message["parts"] for message in inputs] == [
        [{"type": "text", "content": "Which flowers?"}],
        [{**medium, "size": 96_000}],
        [{**medium, "size": 48_000, "seconds": 1.0}],
    ]
    assert json.loads(str(first["gen_ai.output.messages"])) == [
        {
            "role": "assistant",
            "parts": [
                {"type": "text", "content": "Roses."},
                {**medium, "size": 4800, "seconds": 0.1},
            ],
            "finish_reason": "stop",
        }
    ]
    assert json.loads(str(first["gen_ai.system_instructions"]))[0]["content"] == "Speak softly."
    assert json.loads(str(first["gen_ai.tool.definitions"]))[0]["name"] == "find_flowers"
    # what was sent before belongs to the request before
    assert "gen_ai.input.messages" not in second
    assert sound(48_000)[:40] not in telemetry.everything()


async def test_nothing_private_by_default(server: SocketServer, telemetry: Telemetry) -> None:
    """Without capture neither transcripts nor instructions are recorded."""
    async with connect(server) as connection:
        await read_until(connection, "session.created")
        await connection.response.create()
        await read_until(connection)
    everything = telemetry.everything()
    assert "Roses" not in everything
    assert "softly" not in everything


async def test_tokens_for_handlers(server: SocketServer, telemetry: Telemetry) -> None:
    """Handlers get the pieces of a transcript as tokens."""
    pieces: list[str] = []

    class Pieces:
        def on_token(self, _call: Any, token: Any) -> None:
            pieces.append(token.text)

    telemetry.instrument(handlers=[Pieces()])
    async with connect(server) as connection:
        await connection.response.create()
        await read_until(connection)
    assert pieces == ["Roses."]


async def test_names_of_the_beta(server: SocketServer, telemetry: Telemetry) -> None:
    """Older clients and servers have other names for the same events and settings."""
    place = {"response_id": "resp_1", "item_id": "item", "output_index": 0, "content_index": 0}
    item = {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "audio", "transcript": "Hi"}],
    }
    end = done(1, "Hi")
    end["response"]["output"] = [item]
    settings = {"model": "gpt-4o-realtime-preview", "modalities": ["text", "audio"]}
    settings["max_response_output_tokens"] = "inf"
    settings["output_audio_format"] = "g711_ulaw"
    begin = {"id": "resp_1", "status": "in_progress", "output_audio_format": "g711_ulaw"}
    server.greeting = ({"type": "session.created", "session": settings},)
    server.respond = lambda _event: [
        {"type": "response.created", "response": begin},
        {"type": "response.audio_transcript.delta", "delta": "Hi", **place},
        {"type": "response.audio.delta", "delta": sound(4000), **place},
        {"type": "response.text.delta", "delta": "!", **place},
        end,
    ]
    telemetry.instrument(capture="span")
    client = async_openai_client(server.url, websocket_base_url=server.socket_url)
    # gone from the newest clients, which speak with old servers all the same
    resource = getattr(client.beta, "realtime", client.realtime)
    async with resource.connect(model=MODEL) as connection:
        await read_until(connection, "session.created")
        await connection.response.create()
        await read_until(connection)
    assert telemetry.attributes["gen_ai.output.type"] == "speech"
    assert telemetry.attributes["gen_ai.request.model"] == "gpt-4o-realtime-preview"
    parts = json.loads(telemetry.attributes["gen_ai.output.messages"])[0]["parts"]
    assert parts[0] == {"type": "text", "content": "Hi"}
    assert (parts[1]["mime_type"], parts[1]["seconds"]) == ("audio/pcmu", 0.5)


async def test_hours_of_sound_leave_memory_flat(telemetry: Telemetry) -> None:
    """Neither what is sent nor what is received is kept: memory does not grow with a session."""
    from callspan.formats.openai.realtime import REALTIME_SESSION
    from callspan.hooks.sessions import Session

    # by the session itself, as sockets and the client take memory of their own
    session = Session(REALTIME_SESSION, lambda _body: None, {})
    text = json.dumps(SPEECH)
    events = [json.dumps(event) for event in whole(1, size=48_000)]
    said = {"type": "input_audio", "audio": sound(48_000)}
    item = json.dumps(
        {"type": "conversation.item.create", "item": {"type": "message", "content": [said]}}
    )

    def speak(seconds: int) -> None:
        for _ in range(seconds):
            session.send(text)
            session.send(item)
            for event in events:
                session.receive(event)

    growth = memory_growth(speak, 200, 2000)
    assert growth < 50_000


async def test_one_long_answer_leaves_memory_flat(
    server: SocketServer, telemetry: Telemetry
) -> None:
    """An answer of many chunks of sound is kept as one number, also where content is captured."""
    opened: list[Any] = []

    class Opened:
        def on_start(self, call: Any) -> None:
            opened.append(call)

    telemetry.instrument(capture="both", handlers=[Opened()])
    async with connect(server) as connection:
        server.respond = lambda _event: [created(1)]
        await connection.response.create()
        await read_until(connection, "response.created")
        session = connection._connection._callspan
        chunk = json.dumps(spoken(1, "", 9600)[1])

        def listen(chunks: int) -> None:
            for _ in range(chunks):
                session.receive(chunk)

        growth = memory_growth(listen, 200, 5000)
        assert opened[0].response.sound.size == 5200 * 9600
        assert growth < 50_000
