"""A reader that leaves a stream at the finish reason and loops over it once more for the counts that it asked for."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import openai
import pytest

import callspan
from aws import GUARDED, bedrock
from callspan.testing.modelserver import ModelServer, Reply
from callspan.testing.modelserver.eventstream import event
from clients import async_openai_client, litellm_at, openai_client, stainless_at
from program import CHAT, HELLO, WITH_USAGE
from telemetry import Telemetry

SAID = "Roses last longest."
FLOWERS: dict[str, Any] = {"model": "flowers-8b", "messages": HELLO}
CEREBRAS: dict[str, Any] = {"warm_tcp_connection": False}
CLIENTS: dict[str, tuple[Callable[[str], Any], Callable[[str], Any]]] = {
    "openai": (openai_client, async_openai_client),
    "groq": (stainless_at("groq", "Groq"), stainless_at("groq", "AsyncGroq")),
    "together": (stainless_at("together", "Together"), stainless_at("together", "AsyncTogether")),
    "fireworks": (
        stainless_at("fireworks", "Fireworks"),
        stainless_at("fireworks", "AsyncFireworks"),
    ),
    "cerebras": (
        stainless_at("cerebras.cloud.sdk", "Cerebras", **CEREBRAS),
        stainless_at("cerebras.cloud.sdk", "AsyncCerebras", **CEREBRAS),
    ),
}


@pytest.fixture(params=CLIENTS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each client that speaks chat completions and has one function for all requests."""
    return request.param


@pytest.fixture
def asked(client: openai.OpenAI, model_server: ModelServer) -> openai.Stream[Any]:
    """A chat stream for which the counts were asked for."""
    model_server.enqueue(Reply(text=SAID))
    return client.chat.completions.create(**CHAT, **WITH_USAGE)


def finished(chunk: Any) -> bool:
    """Whether a chunk says why the model stopped."""
    return bool(chunk.choices) and chunk.choices[0].finish_reason is not None


def read_until_finished(stream: Any) -> None:
    """Loop until the finish reason, and leave the loop there."""
    for chunk in stream:
        if finished(chunk):
            break


async def aread_until_finished(stream: Any) -> None:
    """The same in asynchronous code."""
    async for chunk in stream:
        if finished(chunk):
            break


def assert_counted(telemetry: Telemetry, server: ModelServer) -> None:
    """One span, completed, with the counts that the server stated."""
    counts = server.ledger.total_told
    attributes = telemetry.attributes
    assert attributes["callspan.outcome"] == "completed"
    assert attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert (attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]) == (
        counts.input,
        counts.output,
    )
    assert telemetry.tokens == {"input": counts.input, "output": counts.output}


def test_a_second_loop_brings_the_counts(
    telemetry: Telemetry, model_server: ModelServer, kind: str
) -> None:
    """The call goes on at the finish reason, and ends with the loop that reads the counts."""
    with CLIENTS[kind][0](model_server.url) as client:
        stream = client.chat.completions.create(**FLOWERS, **WITH_USAGE)
        read_until_finished(stream)
        assert telemetry.spans == []
        for _ in stream:
            pass
        assert_counted(telemetry, model_server)


async def test_a_second_loop_in_asynchronous_code(
    telemetry: Telemetry, model_server: ModelServer, kind: str
) -> None:
    """The call goes on at the finish reason, and ends with the loop that reads the counts."""
    async with CLIENTS[kind][1](model_server.url) as client:
        stream = await client.chat.completions.create(**FLOWERS, **WITH_USAGE)
        await aread_until_finished(stream)
        assert telemetry.spans == []
        async for _ in stream:
            pass
        assert_counted(telemetry, model_server)


@pytest.mark.instrument(request_usage=True)
@pytest.mark.parametrize("path", ["chat.completions", "completions"])
def test_counts_that_callspan_asked_for(
    telemetry: Telemetry, model_server: ModelServer, path: str
) -> None:
    """They are read by a second loop too, which gives the app nothing, for their chunk is hidden."""
    request = FLOWERS if path == "chat.completions" else {"model": "flowers-8b", "prompt": "Roses"}
    with openai_client(model_server.url) as client:
        resource = client.chat.completions if path == "chat.completions" else client.completions
        stream: Any = resource.create(**request, stream=True)
        read_until_finished(stream)
        assert list(stream) == []
    assert_counted(telemetry, model_server)


def test_steps_by_next(telemetry: Telemetry, asked: Any, model_server: ModelServer) -> None:
    """A reader that takes one item after the other, of the stream or of its iterator, ends the call by the last."""
    items = iter(asked)
    while not finished(next(items)):
        pass
    del items
    assert telemetry.spans == []
    while next(asked, None) is not None:
        pass
    assert_counted(telemetry, model_server)


def test_a_second_loop_that_breaks_at_the_counts(
    telemetry: Telemetry, asked: Any, model_server: ModelServer
) -> None:
    """`break` at the chunk with the counts ends the call at once, though the stream is still held."""
    read_until_finished(asked)
    for chunk in asked:
        if chunk.usage is not None:
            break
    assert_counted(telemetry, model_server)


async def test_the_iterator_is_closed(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A loop whose iterator is closed by hand, as `aclosing` does, is left like any other."""
    async with async_openai_client(model_server.url) as client:
        stream = await client.chat.completions.create(**CHAT, **WITH_USAGE)
        steps: Any = aiter(stream)
        await aread_until_finished(steps)
        await steps.aclose()
        assert telemetry.spans == []
        async for _ in stream:
            pass
    assert_counted(telemetry, model_server)


def close(stream: Any) -> None:
    """Close a stream."""
    stream.close()


def drop(stream: Any) -> None:
    """Nothing: who calls this lets go of the stream by it."""


@pytest.mark.parametrize("end", [close, drop], ids=["closed", "dropped"])
def test_no_second_loop(
    telemetry: Telemetry,
    client: openai.OpenAI,
    model_server: ModelServer,
    end: Callable[[Any], None],
) -> None:
    """A reader that does not come back has had the whole answer: the call is completed, without counts."""

    def read() -> None:
        stream = client.chat.completions.create(**CHAT, **WITH_USAGE)
        read_until_finished(stream)
        assert telemetry.spans == []
        end(stream)

    with callspan.count_tokens() as count:
        read()
    gc.collect()
    assert callspan.flush()
    attributes = telemetry.attributes
    assert (attributes["callspan.outcome"], attributes["gen_ai.response.finish_reasons"]) == (
        "completed",
        ("stop",),
    )
    assert not [name for name in attributes if name.startswith("gen_ai.usage.")]
    assert (count.calls, count.unknown_calls) == (1, 1)


def test_the_call_has_lasted_until_it_was_left(telemetry: Telemetry, asked: Any) -> None:
    """A stream that is held for long after its last reader makes no call that takes as long."""
    read_until_finished(asked)
    left = time.time_ns()
    asked.close()
    end = telemetry.span.end_time
    assert end is not None
    assert end <= left


def test_the_call_has_lasted_until_it_was_read(telemetry: Telemetry, asked: Any) -> None:
    """The end of a call whose reader came back is that of the second loop."""
    read_until_finished(asked)
    left = time.time_ns()
    list(asked)
    end = telemetry.span.end_time
    assert end is not None
    assert end >= left


@pytest.mark.instrument(capture="span")
def test_the_answer_is_captured_once(telemetry: Telemetry, asked: Any) -> None:
    """What was said is exported whole, whether or not a second loop follows."""
    with callspan.count_tokens():
        read_until_finished(asked)
        list(asked)
    assert telemetry.attributes["gen_ai.output.messages"].count(SAID) == 1


def test_break_ends_at_once_where_no_counts_are_awaited(
    telemetry: Telemetry, client: openai.OpenAI
) -> None:
    """Without a question for counts nothing is to come after the finish reason, and the stream may be held."""
    stream = client.chat.completions.create(**CHAT, stream=True)
    read_until_finished(stream)
    assert telemetry.attributes["callspan.outcome"] == "completed"


def test_break_before_the_finish_reason(telemetry: Telemetry, asked: Any) -> None:
    """Who leaves in the middle of the answer has abandoned it, at once, whatever was asked for."""
    next(iter(asked))
    assert telemetry.attributes["callspan.outcome"] == "abandoned"


def test_break_before_the_last_choice_has_finished(
    telemetry: Telemetry, client: openai.OpenAI
) -> None:
    """Of two answers one has its finish reason and the other goes on: the model had not said all that it would."""
    stream = client.chat.completions.create(**CHAT, **WITH_USAGE, n=2)
    read_until_finished(stream)
    assert telemetry.attributes["callspan.outcome"] == "abandoned"


def test_break_between_two_choices_without_counts(
    telemetry: Telemetry, client: openai.OpenAI
) -> None:
    """The same where no counts were asked for."""
    stream = client.chat.completions.create(**CHAT, stream=True, n=2)
    read_until_finished(stream)
    assert telemetry.attributes["callspan.outcome"] == "abandoned"


def test_a_cancelled_reader(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A task that is cancelled at the finish reason ends its call: it will not loop again."""

    async def read(stream: Any) -> None:
        async for chunk in stream:
            if finished(chunk):
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
                await asyncio.sleep(0)

    async def main() -> None:
        async with async_openai_client(model_server.url) as client:
            stream = await client.chat.completions.create(**CHAT, **WITH_USAGE)
            with pytest.raises(asyncio.CancelledError):
                await asyncio.create_task(read(stream))
            if sys.version_info < (3, 11):
                await stream.close()

    asyncio.run(main())
    # before Python 3.11 it cannot be told that a task is being cancelled
    expected = "cancelled" if sys.version_info >= (3, 11) else "completed"
    assert telemetry.attributes["callspan.outcome"] == expected


def test_a_second_loop_over_the_events_of_bedrock(
    telemetry: Telemetry, model_server: ModelServer
) -> None:
    """A model in OpenAI's format, asked for its counts through InvokeModel, states them in an event of their own."""
    head = {"object": "chat.completion.chunk", "id": "c-1", "model": "flowers"}
    delta = {"role": "assistant", "content": "A rose."}
    chunks = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {**head, "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}},
    ]
    asked = json.dumps({"messages": HELLO, "stream_options": {"include_usage": True}})
    packed = [
        json.dumps({"bytes": base64.b64encode(json.dumps(chunk).encode()).decode()})
        for chunk in chunks
    ]
    model_server.enqueue(
        Reply(raw=b"".join(event("chunk", payload.encode()) for payload in packed))
    )
    client = bedrock(model_server.url)
    stream = client.invoke_model_with_response_stream(
        modelId="openai.flowers", body=asked, **GUARDED
    )["body"]
    for item in stream:
        if b'"stop"' in item["chunk"]["bytes"]:
            break
    assert telemetry.spans == []
    assert len(list(stream)) == 1
    attributes = telemetry.attributes
    assert (attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]) == (
        5,
        2,
    )


@pytest.mark.parametrize("provider", ["openai", "hosted_vllm"])
def test_a_second_loop_over_litellm(
    telemetry: Telemetry, model_server: ModelServer, provider: str
) -> None:
    """The same through LiteLLM, over a client that is watched and over its own HTTP."""
    pytest.importorskip("litellm", reason="LiteLLM is not installed")
    with litellm_at(provider)(model_server.url) as client:
        stream = client.chat.create(**FLOWERS, stream=True, stream_options={"include_usage": True})
        read_until_finished(stream)
        list(stream)
        stream.close()
    assert callspan.flush()
    assert_counted(telemetry, model_server)
