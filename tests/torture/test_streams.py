"""Streams, section B of the list of what the package must survive."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from opentelemetry import context as otel
from opentelemetry import trace

import callspan
from callspan.lifecycle.observation import Observation, open_observations
from callspan.testing.modelserver import ModelServer, Reply
from clients import CLOSABLE, async_anthropic_at, async_openai_client, openai_client
from program import CHAT, HELLO, WITH_USAGE, Program, answering
from table.kinds import KINDS
from table.modes import STREAMED
from table.readers import STREAM_READERS
from table.runner import Runner
from telemetry import Telemetry

CLOSING = pytest.mark.skipif(not CLOSABLE, reason="streams of the oldest clients cannot be closed")
ROSES = Reply(text="Roses last longest of all.")


def partial(capture: str, telemetry: Telemetry) -> str | None:
    """The captured answer, as the text of the span's attribute."""
    found = telemetry.attributes.get("gen_ai.output.messages")
    assert (found is not None) == (capture != "off")
    return found


def lasting(telemetry: Telemetry) -> tuple[Any, dict[str, Any]]:
    """Status and attributes of the one span, without ids and times, which differ from run to run."""
    fleeting = ("gen_ai.response.id", "gen_ai.response.time_to_first_chunk")
    return telemetry.span.status.status_code, {
        k: v for k, v in telemetry.attributes.items() if k not in fleeting
    }


def test_a_stream_read_to_its_end(
    telemetry: Telemetry, capture: str, program: Program, model_server: ModelServer
) -> None:
    """A stream read to its end has tokens, a finish reason, the time to the first chunk, and no status."""
    program.stream(**WITH_USAGE)
    attributes, total = telemetry.attributes, model_server.ledger.total_told
    assert telemetry.span.status.status_code.name == "UNSET"
    assert (attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]) == (
        total.input,
        total.output,
    )
    assert attributes["gen_ai.response.finish_reasons"] == ("stop",)
    first = attributes["gen_ai.response.time_to_first_chunk"]
    [point] = telemetry.points("gen_ai.client.operation.time_to_first_chunk")
    assert (point["count"], point["sum"]) == (1, first)
    [duration] = telemetry.points("gen_ai.client.operation.duration")
    assert 0 < first <= duration["sum"]
    assert telemetry.tokens == {"input": total.input, "output": total.output}


def test_a_loop_left_by_break(
    telemetry: Telemetry, capture: str, program: Program, model_server: ModelServer
) -> None:
    """`break` ends the span at once as abandoned, with what was received; no token count is invented."""
    model_server.enqueue(ROSES)
    program.stream(take=3)
    attributes = telemetry.attributes
    assert telemetry.span.status.status_code.name == "UNSET"
    assert attributes["callspan.outcome"] == "abandoned"
    assert not [name for name in attributes if name.startswith("gen_ai.usage.")]
    assert telemetry.tokens == {}
    text = partial(capture, telemetry)
    assert text is None or ("Roses last" in text and "longest" not in text)


@CLOSING
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_a_loop_left_by_break_in_with(
    telemetry: Telemetry, capture: str, asynchronous: bool, model_server: ModelServer
) -> None:
    """`break` inside a `with` leaves the very same span as `break` outside one."""
    found = []
    for reader in ("break_held", "break_in_with"):
        telemetry.clear()
        model_server.requests.clear()
        runner, read = Runner(KINDS[0], STREAMED[0], model_server), STREAM_READERS[reader]
        runner.arun(read.asynchronous) if asynchronous else runner.run(
            read.sync or pytest.fail("no sync form")
        )
        found.append(lasting(telemetry))
    assert found[0] == found[1]


@CLOSING
@pytest.mark.parametrize("reader", ["close_early", "close_first", "close_twice"])
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_a_stream_closed_by_the_app(
    telemetry: Telemetry, capture: str, reader: str, asynchronous: bool, model_server: ModelServer
) -> None:
    """`close()` after one chunk, before any, and twice: one span each time, abandoned."""
    runner, read = Runner(KINDS[0], STREAMED[0], model_server), STREAM_READERS[reader]
    runner.arun(read.asynchronous) if asynchronous else runner.run(
        read.sync or pytest.fail("no sync form")
    )
    assert telemetry.attributes["callspan.outcome"] == "abandoned"


@CLOSING
async def test_a_stream_closed_by_the_app_async(
    telemetry: Telemetry, model_server: ModelServer
) -> None:
    """An asynchronous stream's `aclose()`, where the client has it, and its iterator's end the call too."""
    async with async_openai_client(model_server.url) as client:
        stream = await client.chat.completions.create(**CHAT, stream=True)
        close = getattr(stream, "aclose", stream.close)
        await close()
        assert telemetry.attributes["callspan.outcome"] == "abandoned"
        telemetry.clear()
        steps = (await client.chat.completions.create(**CHAT, stream=True)).__aiter__()
        await steps.__anext__()
        await steps.aclose()  # type: ignore[attr-defined]  # an async generator's own
        assert telemetry.attributes["callspan.outcome"] == "abandoned"


def outcome_after_next(stream: Any, telemetry: Telemetry) -> object:
    """Read one chunk by `next`, close the stream, and return how the call has ended."""
    next(stream)
    stream.close()
    return telemetry.attributes["callspan.outcome"]


def outcome_in_loop(stream: Any, telemetry: Telemetry) -> object:
    """Close the stream in a loop over it, and return how the call has ended before that is left."""
    for _chunk in stream:
        stream.close()
        return telemetry.attributes["callspan.outcome"]
    return None


@CLOSING
@pytest.mark.parametrize("outcome", [outcome_after_next, outcome_in_loop])
def test_a_stream_closed_by_a_function_that_gets_it(
    telemetry: Telemetry, client: openai.OpenAI, outcome: Callable[[Any, Telemetry], object]
) -> None:
    """Only a method of the stream itself may close it without ending the call."""
    stream = client.chat.completions.create(**CHAT, stream=True)
    assert outcome(stream, telemetry) == "abandoned"


@CLOSING
async def test_an_async_stream_closed_by_a_function_that_gets_it(
    telemetry: Telemetry, model_server: ModelServer
) -> None:
    """The same in asynchronous code."""

    async def close(stream: Any) -> None:
        await anext(stream)
        await stream.close()

    async with async_openai_client(model_server.url) as client:
        stream = await client.chat.completions.create(**CHAT, stream=True)
        await close(stream)
        assert telemetry.attributes["callspan.outcome"] == "abandoned"


def test_many_dropped_streams_leave_one_span_each(telemetry: Telemetry, payload: Any) -> None:
    """Streams that nobody reads leave one span each, and nothing of ours or of the client's stays behind."""
    whole = payload("openai/chat_stream.sse")
    alive: list[weakref.ref[Any]] = []
    with openai_client("http://model.test/v1", http_client=answering(lambda: [whole])) as client:
        for _ in range(1000):
            stream = client.chat.completions.create(**CHAT, stream=True)
            alive += [weakref.ref(stream), weakref.ref(stream.response)]
            del stream
    gc.collect()
    callspan.flush()
    assert len(telemetry.spans) == 1000
    assert {span.attributes["callspan.outcome"] for span in telemetry.spans if span.attributes} == {
        "abandoned"
    }
    assert not [reference for reference in alive if reference() is not None]
    assert not open_observations


def test_a_dropped_stream_closes_its_connection(
    telemetry: Telemetry, model_server: ModelServer
) -> None:
    """A stream dropped unread closes its connection as soon as it would without us."""
    states = []
    for instrumented in (False, True):
        if not instrumented:
            callspan.uninstrument()
        with openai_client(model_server.url) as client:
            stream = client.chat.completions.create(**CHAT, stream=True)
            response = weakref.ref(stream.response)
            del stream
            gc.collect()
            states.append(response() is None)
        telemetry.instrument()
    assert states[0] == states[1]


TCP = Path("/proc/self/net/tcp")


def open_to(server: ModelServer) -> int:
    """How many sockets are open to a server, as the system tells it: established, or closed by the server alone."""
    rows = [line.split() for line in TCP.read_text().splitlines()[1:]]
    return sum(row[2].endswith(f":{server.port:04X}") and row[3] in ("01", "08") for row in rows)


@pytest.mark.skipif(not TCP.exists(), reason="only Linux lists its sockets")
def test_dropped_streams_leave_no_socket(telemetry: Telemetry, model_server: ModelServer) -> None:
    """Of many streams dropped unread no more sockets stay open than without us."""
    left = []
    for instrumented in (True, False):
        if not instrumented:
            callspan.uninstrument()
        with openai_client(model_server.url) as client:
            for _ in range(50):
                client.chat.completions.create(**CHAT, stream=True)
            gc.collect()
            callspan.flush()
            left.append(open_to(model_server))
    assert left[0] <= left[1]
    assert len(telemetry.spans) == 50


def test_a_network_error_in_a_stream(
    telemetry: Telemetry, capture: str, program: Program, model_server: ModelServer
) -> None:
    """A connection lost at the third chunk is an error with its type; what had come is kept."""
    model_server.enqueue(Reply(text=ROSES.text, cut_after=3))
    with pytest.raises(Exception, match=r"[Cc]onnection|incomplete") as caught:
        program.stream()
    kind = type(caught.value)
    assert telemetry.span.status.status_code.name == "ERROR"
    assert telemetry.attributes["error.type"] == f"{kind.__module__}.{kind.__qualname__}"
    assert telemetry.attributes["callspan.stream.chunks"] == 3
    text = partial(capture, telemetry)
    assert text is None or "Roses last" in text


@pytest.mark.parametrize("reply", [Reply(cut_after=2), Reply(error_after=2)], ids=["cut", "error"])
def test_failed_streams_are_let_go_of(
    telemetry: Telemetry, program: Program, model_server: ModelServer, reply: Reply
) -> None:
    """An error refers by its traceback to the stream that raised it: neither stays behind, nor does the call."""
    before = len(_observations())
    for _ in range(5):
        model_server.enqueue(reply)
        with contextlib.suppress(Exception):
            program.stream()
    assert [span.status.status_code.name for span in telemetry.spans] == ["ERROR"] * 5
    assert (
        len(_observations()) <= before + 1
    )  # an interpreter may keep the last exception until the next


def _observations() -> list[Observation]:
    for _ in range(2):  # what a stream held may be found only once the stream is gone
        gc.collect()
    return [found for found in gc.get_objects() if type(found) is Observation]


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("kind", [OSError, KeyboardInterrupt, SystemExit])
def test_the_app_gets_the_very_exception(
    telemetry: Telemetry, payload: Any, asynchronous: bool, kind: type
) -> None:
    """What is raised while a chunk is awaited reaches the program as the very object, an interrupt too."""
    error = kind("mine")
    frames = payload("openai/chat_stream.sse").split(b"\n\n")[:2]
    http_client = answering([*(frame + b"\n\n" for frame in frames), error], asynchronous)
    program = Program("http://model.test/v1", asynchronous, http_client=http_client)
    with pytest.raises(kind) as caught:
        program.stream()
    assert caught.value is error
    assert caught.value.__context__ is None
    outcome = "error" if kind is OSError else "cancelled"
    assert telemetry.attributes["callspan.outcome"] == outcome
    assert telemetry.attributes["error.type"] == kind.__name__
    assert telemetry.span.status.status_code.name == "ERROR"


CANCELS = ["cancelled_in_create", "cancelled_between_chunks", "timed_out"]


@pytest.mark.parametrize("reader", CANCELS)
def test_a_cancelled_task(
    telemetry: Telemetry, capture: str, reader: str, model_server: ModelServer
) -> None:
    """A cancelled task sees its own cancellation, and the one span says so."""
    runner = Runner(KINDS[0], STREAMED[0], model_server)
    held_back = reader == "cancelled_in_create"
    model_server.enqueue(
        Reply(status=500 if held_back else 200, gate=runner.gate, gate_after=0 if held_back else 2)
    )
    seen = runner.arun(STREAM_READERS[reader].asynchronous)
    assert seen.error is not None
    assert seen.error[0] is (
        asyncio.TimeoutError if reader == "timed_out" else asyncio.CancelledError
    )
    assert telemetry.attributes["callspan.outcome"] == "cancelled"
    assert telemetry.span.status.status_code.name == "ERROR"


async def test_a_stream_closed_in_another_task(
    telemetry: Telemetry, capture: str, model_server: ModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A generator begun in one task and closed in another leaves the context of both as it was, and logs nothing."""
    caplog.set_level(logging.INFO, "opentelemetry")
    ends = []

    async def lines() -> Any:
        async with async_openai_client(model_server.url) as client:
            async for chunk in await client.chat.completions.create(**CHAT, stream=True):
                yield chunk

    async def watched(step: Any) -> None:
        before = otel.get_current(), trace.get_current_span()
        await step
        ends.append(before == (otel.get_current(), trace.get_current_span()))

    generator = lines()
    await asyncio.create_task(watched(generator.__anext__()))
    await asyncio.create_task(watched(generator.aclose()))
    assert ends == [True, True]
    assert telemetry.attributes["callspan.outcome"] == "abandoned"
    assert not caplog.records


def test_a_stream_read_in_another_thread(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A stream made in one thread and read in another is one span, and a context is left behind in neither."""
    with openai_client(model_server.url) as client:
        stream = client.chat.completions.create(**CHAT, stream=True)
        after: list[Any] = []
        before = otel.get_current()
        asyncio.run(
            asyncio.to_thread(lambda: (list(stream), after.append(trace.get_current_span())))
        )
    assert otel.get_current() == before
    assert after == [trace.INVALID_SPAN]
    assert telemetry.attributes["callspan.outcome"] == "completed"


def test_break_does_not_close(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """After `break` the stream reads on, every remaining chunk, while its span stays ended as abandoned."""
    stream = client.chat.completions.create(**CHAT, stream=True)
    first = next(iter(stream))
    assert telemetry.attributes["callspan.outcome"] == "abandoned"
    rest = list(stream)
    assert first.choices[0].delta.role == "assistant"
    assert rest[-1].choices[0].finish_reason == "stop"
    assert telemetry.attributes["callspan.outcome"] == "abandoned"


def test_break_after_the_last_word(telemetry: Telemetry, program: Program) -> None:
    """A reader that stops at the finish reason has had the whole answer: the call is completed."""
    whole = len(program.stream())
    telemetry.clear()
    program.stream(take=whole)
    assert telemetry.attributes["callspan.outcome"] == "completed"
    assert telemetry.attributes["gen_ai.response.finish_reasons"] == ("stop",)


class Stepwise:
    """Loops over a stream anew for each of its own steps, as LiteLLM's wrapper does."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Stepwise:
        return self

    def __next__(self) -> Any:
        for chunk in self._stream:
            return chunk
        raise StopIteration

    def __aiter__(self) -> Stepwise:
        return self

    async def __anext__(self) -> Any:
        async for chunk in self._stream:
            return chunk
        raise StopAsyncIteration


def test_a_loop_within_a_step(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """A wrapper that leaves its loop after each chunk and comes back for the next has not stopped reading."""
    for _ in Stepwise(client.chat.completions.create(**CHAT, **WITH_USAGE)):
        assert not telemetry.spans
    assert telemetry.attributes["callspan.outcome"] == "completed"
    assert telemetry.attributes["gen_ai.usage.output_tokens"]


async def test_a_loop_within_a_step_async(telemetry: Telemetry, model_server: ModelServer) -> None:
    """The same, asynchronously; and once it is dropped half read, it has stopped."""
    async with async_openai_client(model_server.url) as client:
        async for _ in Stepwise(await client.chat.completions.create(**CHAT, **WITH_USAGE)):
            assert not telemetry.spans
        assert telemetry.attributes["callspan.outcome"] == "completed"
        telemetry.clear()
        async for _ in Stepwise(await client.chat.completions.create(**CHAT, **WITH_USAGE)):
            break
        gc.collect()
        callspan.flush()
        assert telemetry.attributes["callspan.outcome"] == "abandoned"


def public_names(stream: Any) -> set[str]:
    """What a caller can find on a stream."""
    return {name for name in dir(stream) if not name.startswith("_")}


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
async def test_a_stream_has_what_its_class_has(
    telemetry: Telemetry, model_server: ModelServer, asynchronous: bool
) -> None:
    """No method is there that the client's class lacks, and no stream has a class of its own."""

    async def open_stream() -> Any:
        if not asynchronous:
            with openai_client(model_server.url) as client:
                return client.chat.completions.create(**CHAT, stream=True)
        async with async_openai_client(model_server.url) as client:
            return await client.chat.completions.create(**CHAT, stream=True)

    streams = [await open_stream() for _ in range(2)]
    callspan.uninstrument()
    plain = await open_stream()
    assert [public_names(stream) for stream in streams] == [public_names(plain)] * 2
    assert type(streams[0]) is type(streams[1])
    assert isinstance(streams[0], type(plain))


async def test_a_stream_closes_by_the_methods_of_its_class(
    telemetry: Telemetry, model_server: ModelServer
) -> None:
    """Anthropic's asynchronous streams have `close` and no `aclose`, by which callers tell them apart."""
    async with async_anthropic_at(model_server.url) as client:
        stream = await client.messages.create(
            model="claude-9", messages=HELLO, max_tokens=9, stream=True
        )
        assert hasattr(stream, "aclose") == hasattr(anthropic.AsyncStream, "aclose")
        await stream.close()
