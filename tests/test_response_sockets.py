"""OpenAI's responses over a socket: a call for each response, whoever reads the events and how."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

import callspan
from clients import async_openai_client, openai_client
from sockets import CLOSE, DROP, Event, SocketServer, response_events, running
from telemetry import Telemetry

pytestmark = [
    pytest.mark.needs("responses.connect"),
    pytest.mark.usefixtures("telemetry"),
]
MODEL = "gpt-4.1-mini"
ASK: dict[str, Any] = {"model": MODEL, "input": "Which flowers?", "temperature": 0.5}


@pytest.fixture
def server() -> Iterator[SocketServer]:
    """Run a server that answers each request by a response."""
    numbers = count(1)
    with running(SocketServer(lambda _event: response_events(next(numbers)))) as server:
        yield server


async def answer(connection: Any) -> str:
    """Read one response to its end, and return its text."""
    async for event in connection:
        if event.type == "response.completed":
            return str(event.response.output_text)
    raise AssertionError("the connection ended before the response")


async def test_each_response_is_a_call(server: SocketServer, telemetry: Telemetry) -> None:
    """Two responses on one connection are two calls, with all that responses over HTTP have."""
    client = async_openai_client(server.url)
    async with client.responses.connect() as connection:
        await connection.response.create(**ASK)
        assert await answer(connection) == "Rose 1."
        await connection.response.create(**ASK)
        assert await answer(connection) == "Rose 2."
    assert [span.name for span in telemetry.spans] == [f"chat {MODEL}"] * 2
    attributes = dict(telemetry.spans[0].attributes or {})
    expected = {
        "gen_ai.request.model": MODEL,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.stream": True,
        "gen_ai.response.id": "resp_1",
        "gen_ai.response.model": "gpt-4.1-mini-2025-04-14",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 20,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 8,
        "gen_ai.usage.reasoning.output_tokens": 2,
        "openai.api.type": "responses",
        "server.address": "127.0.0.1",
        "callspan.outcome": "completed",
        "callspan.stream.chunks": 3,
    }
    assert {name: attributes.get(name) for name in expected} == expected
    assert "callspan.stream.time_to_first_sound" not in attributes
    assert telemetry.tokens == {"input": 40, "output": 14}


def read_by_iteration(connection: Any) -> None:
    """Read a response in a loop."""
    for event in connection:
        if event.type == "response.completed":
            return


def read_by_recv(connection: Any) -> None:
    """Read a response event by event."""
    while connection.recv().type != "response.completed":
        pass


def read_bytes(connection: Any) -> None:
    """Read a response as bytes."""
    while json.loads(connection.recv_bytes())["type"] != "response.completed":
        pass


@pytest.mark.parametrize("read", [read_by_iteration, read_by_recv, read_bytes])
def test_however_it_is_read(read: Any, server: SocketServer, telemetry: Telemetry) -> None:
    """A synchronous connection may be iterated, asked for events, or for bytes."""
    with openai_client(server.url).responses.connect() as connection:
        connection.response.create(**ASK)
        read(connection)
    assert telemetry.attributes["gen_ai.usage.output_tokens"] == 7
    assert telemetry.attributes["callspan.outcome"] == "completed"


@pytest.mark.parametrize("raw", [False, True])
def test_however_it_is_sent(raw: bool, server: SocketServer, telemetry: Telemetry) -> None:
    """A request may be sent as an event, or as its text."""
    with openai_client(server.url).responses.connect() as connection:
        if raw and not hasattr(connection, "send_raw"):
            pytest.skip("this version has no send_raw")
        event: Any = {"type": "response.create", **ASK}
        connection.send_raw(json.dumps(event)) if raw else connection.send(event)
        read_by_iteration(connection)
    assert telemetry.attributes["gen_ai.response.id"] == "resp_1"
    assert server.received == [{"type": "response.create", **ASK}]


async def test_parent_is_where_it_was_asked_for(server: SocketServer, telemetry: Telemetry) -> None:
    """The parent is the span in which a response was asked for, wherever it is read."""
    async with async_openai_client(server.url).responses.connect() as connection:
        with telemetry.tracer.start_as_current_span("asking") as asking:
            await connection.response.create(**ASK)
        with telemetry.tracer.start_as_current_span("reading"):
            await answer(connection)
    assert telemetry.span.parent is not None
    assert telemetry.span.parent.span_id == asking.get_span_context().span_id


async def test_several_at_once(server: SocketServer, telemetry: Telemetry) -> None:
    """Responses in several lanes run at once; each event counts for its own response."""
    lanes: list[Event] = []

    def respond(event: Event) -> list[Event]:
        lanes.append(event)
        if len(lanes) < 2:
            return []
        first = response_events(1, stream_id=lanes[0]["stream_id"])
        second = response_events(2, stream_id=lanes[1]["stream_id"])
        return [second[0], first[0], first[1], first[1], second[1], first[2], second[2]]

    server.respond = respond
    async with async_openai_client(server.url).responses.connect() as connection:
        for lane, model in (("left", "gpt-4.1"), ("right", MODEL)):
            event: Any = {"type": "response.create", **ASK, "model": model, "stream_id": lane}
            await connection.send(event)
        await answer(connection)
        await answer(connection)
    facts = [
        tuple(
            (span.attributes or {})[name]
            for name in ("gen_ai.request.model", "gen_ai.response.id", "callspan.stream.chunks")
        )
        for span in telemetry.spans
    ]
    assert facts == [("gpt-4.1", "resp_1", 4), (MODEL, "resp_2", 3)]


@pytest.mark.instrument(capture="both")
async def test_content(server: SocketServer, telemetry: Telemetry) -> None:
    """With capture, request and answer are content as those of other responses."""
    async with async_openai_client(server.url).responses.connect() as connection:
        await connection.response.create(**ASK, instructions="Be brief.")
        await answer(connection)
    attributes = telemetry.attributes
    assert json.loads(attributes["gen_ai.input.messages"])[0]["parts"] == [
        {"type": "text", "content": "Which flowers?"}
    ]
    assert json.loads(attributes["gen_ai.output.messages"])[0]["parts"] == [
        {"type": "text", "content": "Rose 1."}
    ]
    assert json.loads(attributes["gen_ai.system_instructions"])[0]["content"] == "Be brief."


async def test_error_event(server: SocketServer, telemetry: Telemetry) -> None:
    """An error event ends the response that waits; the connection goes on."""
    refusal = {"code": "previous_response_not_found", "message": "no such response"}
    server.respond = lambda event: (
        [{"type": "error", "status": 400, "error": refusal}]
        if event.get("previous_response_id")
        else response_events(1)
    )
    async with async_openai_client(server.url).responses.connect() as connection:
        await connection.response.create(**ASK, previous_response_id="resp_0")
        assert (await connection.recv()).type == "error"
        await connection.response.create(**ASK)
        await answer(connection)
    failed, completed = telemetry.spans
    assert (failed.attributes or {})["error.type"] == "previous_response_not_found"
    assert (completed.attributes or {})["callspan.outcome"] == "completed"


@pytest.mark.parametrize("ending", [DROP, CLOSE])
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_connection_that_breaks(
    ending: Event, asynchronous: bool, server: SocketServer, telemetry: Telemetry
) -> None:
    """A connection that the server ends within a response is an error of that response."""
    server.respond = lambda _event: [*response_events(1)[:2], ending]

    def use() -> None:
        with openai_client(server.url).responses.connect() as connection:
            connection.response.create(**ASK)
            for _ in range(3):
                connection.recv()

    async def use_async() -> None:
        async with async_openai_client(server.url).responses.connect() as connection:
            await connection.response.create(**ASK)
            for _ in range(3):
                await connection.recv()

    with pytest.raises(ConnectionClosed):
        await (use_async() if asynchronous else asyncio.to_thread(use))
    error = "ConnectionClosedError" if ending is DROP else "ConnectionClosedOK"
    assert telemetry.attributes["error.type"] == f"websockets.exceptions.{error}"
    assert telemetry.attributes["callspan.outcome"] == "error"
    assert telemetry.attributes["gen_ai.response.id"] == "resp_1"


def test_closing_abandons(server: SocketServer, telemetry: Telemetry) -> None:
    """A connection that the app closes abandons the response that is open."""
    server.respond = lambda _event: response_events(1)[:2]
    with openai_client(server.url).responses.connect() as connection:
        connection.response.create(**ASK)
        connection.recv()
    assert telemetry.attributes["callspan.outcome"] == "abandoned"


async def test_closing_abandons_in_asynchronous_code(
    server: SocketServer, telemetry: Telemetry
) -> None:
    """The same holds for an asynchronous connection."""
    server.respond = lambda _event: response_events(1)[:2]
    async with async_openai_client(server.url).responses.connect() as connection:
        await connection.response.create(**ASK)
        await connection.recv()
    assert telemetry.attributes["callspan.outcome"] == "abandoned"


async def test_waiting_with_a_timeout_ends_nothing(
    server: SocketServer, telemetry: Telemetry
) -> None:
    """An app may stop waiting for an event, and receive it later."""
    pending: list[Event] = []

    def respond(event: Event) -> list[Event]:
        if event["type"] == "response.create":
            pending.extend(response_events(1))
            return []
        return pending

    server.respond = respond
    async with async_openai_client(server.url).responses.connect() as connection:
        await connection.response.create(**ASK)
        waiting = asyncio.ensure_future(connection.recv())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert not telemetry.spans
        go_on: Any = {"type": "go on"}
        await connection.send(go_on)
        await answer(connection)
    assert telemetry.attributes["callspan.outcome"] == "completed"


async def test_a_budget_refuses(server: SocketServer, telemetry: Telemetry) -> None:
    """A request that a budget does not admit is never sent, and the connection goes on."""
    async with async_openai_client(server.url).responses.connect() as connection:
        with callspan.budget(calls=1):
            await connection.response.create(**ASK)
            await answer(connection)
            with pytest.raises(callspan.BudgetExceeded):
                await connection.response.create(**ASK)
        await connection.response.create(**ASK)
        await answer(connection)
    assert len(server.received) == 2
    assert len(telemetry.spans) == 2


async def test_counters_and_suppression(server: SocketServer, telemetry: Telemetry) -> None:
    """A block counts the tokens; where telemetry is suppressed, a response is no call at all."""
    from opentelemetry.instrumentation.utils import suppress_instrumentation

    async with async_openai_client(server.url).responses.connect() as connection:
        with callspan.count_tokens() as tokens:
            await connection.response.create(**ASK)
            await answer(connection)
        with suppress_instrumentation():
            await connection.response.create(**ASK)
        await answer(connection)
    assert (tokens.input, tokens.output, tokens.calls) == (20, 7, 1)
    assert len(telemetry.spans) == 1


async def test_options_of_a_client_object(server: SocketServer, telemetry: Telemetry) -> None:
    """What `attach` gives to a client object holds for its connections."""
    client = async_openai_client(server.url)
    callspan.attach(client, capture="span")
    async with client.responses.connect() as connection:
        await connection.response.create(**ASK)
        await answer(connection)
    assert "gen_ai.output.messages" in telemetry.attributes


async def test_objects_are_the_clients_own(server: SocketServer, telemetry: Telemetry) -> None:
    """The connection is what it is without us; after `uninstrument` new ones are left alone."""
    client = async_openai_client(server.url)
    async with client.responses.connect() as connection:
        kind = type(connection._connection)
        assert (kind.__name__, kind.__module__) == ("ClientConnection", "websockets.asyncio.client")
        callspan.uninstrument()
    async with client.responses.connect() as connection:
        assert type(connection._connection).__mro__[0] is kind.__mro__[1]
        await connection.response.create(**ASK)
        await answer(connection)
    assert not telemetry.spans


async def test_a_connection_that_is_made_anew(server: SocketServer, telemetry: Telemetry) -> None:
    """A client that connects anew after a break goes on being followed."""
    server.respond = lambda event: (
        [DROP] if event["input"] == "break" else response_events(len(server.received))
    )
    client = async_openai_client(server.url)
    try:
        manager = client.responses.connect(on_reconnecting=lambda _event: None, initial_delay=0.001)
    except TypeError:
        pytest.skip("this version does not connect anew")
    async with manager as connection:
        await connection.response.create(**{**ASK, "input": "break"})
        reading = asyncio.ensure_future(answer(connection))
        while len(server.paths) < 2:
            await asyncio.sleep(0.001)
        await connection.response.create(**ASK)
        assert await reading == "Rose 2."
    broken, completed = telemetry.spans
    assert (broken.attributes or {})["callspan.outcome"] == "error"
    assert (completed.attributes or {})["gen_ai.usage.output_tokens"] == 7
