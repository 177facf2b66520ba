"""Web servers whose client goes away in the middle of a stream."""

from __future__ import annotations

import contextlib
import gc
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import anyio.to_thread
import pytest
from opentelemetry import trace

from callspan.testing.modelserver import ModelServer
from clients import async_openai_client, openai_client
from program import CHAT
from telemetry import Telemetry


async def respond(body: AsyncIterator[Any], pieces: int) -> None:
    """Send a body until the client, after some pieces, disconnects; in the manner of Starlette."""
    gone = anyio.Event()

    async def send() -> None:
        count = 0
        async for _ in body:
            count += 1
            if count == pieces:
                gone.set()
                await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        group.start_soon(send)
        await gone.wait()
        group.cancel_scope.cancel()


async def in_threads(iterator: Iterator[Any]) -> AsyncIterator[Any]:
    """A plain generator's items, each asked for in a worker thread."""
    while (item := await anyio.to_thread.run_sync(next, iterator, None)) is not None:
        yield item


async def lines(url: str) -> AsyncIterator[Any]:
    async with async_openai_client(url) as client:
        async for chunk in await client.chat.completions.create(**CHAT, stream=True):
            yield chunk


def plain_lines(url: str) -> Iterator[Any]:
    with openai_client(url) as client:
        yield from client.chat.completions.create(**CHAT, stream=True)


async def all_told(telemetry: Telemetry, count: int) -> None:
    """Wait for the spans: a worker thread or a cycle may hold a generator for a moment longer."""
    with anyio.fail_after(20):
        while len(telemetry.spans) < count:
            gc.collect()
            await anyio.sleep(0.002)


def assert_stopped(telemetry: Telemetry, requests: list[trace.SpanContext]) -> None:
    """One span under each request, each in a trace of its own, that says that its reader has gone."""
    assert trace.get_current_span() is trace.INVALID_SPAN
    assert [
        (span.parent.span_id, span.context.trace_id) for span in telemetry.spans if span.parent
    ] == [(context.span_id, context.trace_id) for context in requests]
    assert len({context.trace_id for context in requests}) == len(requests)
    assert {span.attributes["callspan.outcome"] for span in telemetry.spans if span.attributes} <= {
        "abandoned",
        "cancelled",
    }


@pytest.mark.parametrize("body", ["async", "sync"])
async def test_a_web_client_that_disconnects(
    telemetry: Telemetry, model_server: ModelServer, caplog: pytest.LogCaptureFixture, body: str
) -> None:
    """A web client that goes away leaves one span under its request and no error log; the next has its own trace."""
    caplog.set_level(logging.WARNING)
    contexts = []
    for number in range(2):
        generator = (
            lines(model_server.url)
            if body == "async"
            else in_threads(plain_lines(model_server.url))
        )
        with telemetry.tracer.start_as_current_span(f"request {number}") as request:
            await respond(generator, pieces=2)
        contexts.append(request.get_span_context())
        await generator.aclose()  # type: ignore[attr-defined]  # as the server's event loop does
        del generator
    await all_told(telemetry, 2)
    assert_stopped(telemetry, contexts)
    assert not [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("version", ["2.0", "2.4"])
@pytest.mark.parametrize("body", ["async", "sync"])
async def test_a_web_client_of_starlette_that_disconnects(
    telemetry: Telemetry,
    model_server: ModelServer,
    caplog: pytest.LogCaptureFixture,
    body: str,
    version: str,
) -> None:
    """The same with Starlette's, and so FastAPI's, StreamingResponse, told of it by an event or by a failed `send`."""
    responses = pytest.importorskip("starlette.responses", reason="starlette is not installed")
    caplog.set_level(logging.WARNING)
    contexts = []
    for number in range(2):
        with telemetry.tracer.start_as_current_span(f"request {number}") as request:
            said = (
                ("." async for _ in lines(model_server.url))
                if body == "async"
                else dots(model_server.url)
            )
            await disconnected(responses.StreamingResponse(said), version)
            del said
        contexts.append(request.get_span_context())
        await all_told(telemetry, number + 1)
    assert_stopped(telemetry, contexts)
    assert not [record.getMessage() for record in caplog.records]


def dots(url: str) -> Iterator[str]:
    """What a plain generator sends to the web client."""
    for _ in plain_lines(url):
        yield "."


async def disconnected(response: Any, version: str) -> None:
    """Let an ASGI application send until its client has gone after two pieces; the version says how it hears of it."""
    gone, sent = anyio.Event(), 0

    async def receive() -> dict[str, str]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal sent
        sent += bool(message.get("body"))
        if sent < 2:
            return
        gone.set()
        if version == "2.4":
            raise OSError("the client has gone")
        await anyio.sleep_forever()

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": version},
        "method": "GET",
        "headers": [],
    }
    with contextlib.suppress(Exception) if version == "2.4" else contextlib.nullcontext():
        await response(scope, receive, send)
