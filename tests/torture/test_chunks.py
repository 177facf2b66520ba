"""Chunks of odd shape, and what a stream costs; section B of the list of what the package must survive."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from typing import Any

import openai
import pytest

import callspan
from callspan.testing.modelserver import ModelServer, Reply
from clients import async_openai_client, openai_client
from program import CHAT, WITH_USAGE, Program, answering
from telemetry import Telemetry
from wire import chunk, says, sse

PACKAGE = os.path.dirname(callspan.__file__)
USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}


def output(telemetry: Telemetry) -> list[dict[str, Any]]:
    """The captured answer: one message a choice."""
    return json.loads(str(telemetry.attributes["gen_ai.output.messages"]))


def test_chunks_without_choices_of_azure(
    telemetry: Telemetry, capture: str, program: Program, model_server: ModelServer
) -> None:
    """No choices at first, a choice without a delta, and no choices again beside the usage: the tokens are taken."""
    model_server.enqueue(
        sse(
            {
                **chunk(prompt_filter_results=[{"prompt_index": 0}]),
                "id": "",
                "model": "",
                "object": "",
            },
            chunk(says({"role": "assistant", "content": ""})),
            chunk(says({"content": "Roses"})),
            chunk(says(None, content_filter_offsets={"check_offset": 5})),
            chunk(says({}, finish="stop")),
            chunk(usage=USAGE),
        )
    )
    assert len(program.stream(**WITH_USAGE)) == 6
    attributes = telemetry.attributes
    assert (attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]) == (
        9,
        4,
    )
    assert (attributes["gen_ai.response.id"], attributes["gen_ai.response.model"]) == (
        "chatcmpl-1",
        "gpt-4.1-mini-2026",
    )
    assert attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert telemetry.tokens == {"input": 9, "output": 4}


def call(
    index: Any, identity: str | None = None, name: str | None = None, arguments: Any = ""
) -> dict[str, Any]:
    """One fragment of a tool call; an index of `...` leaves the field out."""
    found: dict[str, Any] = {
        "function": {"arguments": arguments, **({"name": name} if name else {})}
    }
    return {
        **found,
        **({} if index is ... else {"index": index}),
        **({"id": identity} if identity else {}),
    }


FRAGMENTS = {
    "index_none": [
        call(None, "a", "weather", '{"city":'),
        call(None, arguments=' "Oslo"}'),
        call(None, "b", "time", '{"zone":'),
        call(None, arguments=" 1}"),
    ],
    "index_missing": [
        call(..., "a", "weather", '{"city":'),
        call(..., arguments=' "Oslo"}'),
        call(..., "b", "time", '{"zone":'),
        call(..., arguments=" 1}"),
    ],
    "out_of_order": [
        call(1, "b", "time", '{"zone":'),
        call(0, "a", "weather", '{"city":'),
        call(1, arguments=" 1}"),
        call(0, arguments=' "Oslo"}'),
    ],
    "interleaved": [
        call(0, "a", "weather"),
        call(1, "b", "time"),
        call(0, arguments='{"city":'),
        call(1, arguments='{"zone":'),
        call(0, arguments=' "Oslo"}'),
        call(1, arguments=" 1}"),
    ],
    "arguments_none": [
        call(0, "a", "weather", None),
        call(0, arguments='{"city": "Oslo"}'),
        call(1, "b", "time", None),
        call(1, arguments='{"zone": 1}'),
        call(1, arguments=None),
    ],
    "same_index": [
        call(0, "a", "weather", '{"city":'),
        call(0, arguments=' "Oslo"}'),
        call(0, "b", "time", '{"zone":'),
        call(0, arguments=" 1}"),
    ],
    "id_in_every_fragment": [
        call(0, "a", "weather", '{"city":'),
        call(0, "a", arguments=' "Oslo"}'),
        call(1, "b", "time", '{"zone":'),
        call(1, "b", arguments=" 1}"),
    ],
}


@pytest.mark.parametrize("fragments", FRAGMENTS.values(), ids=FRAGMENTS)
def test_deltas_of_tool_calls(
    telemetry: Telemetry,
    capture: str,
    program: Program,
    model_server: ModelServer,
    fragments: list[Any],
) -> None:
    """However servers number the fragments, two tool calls stay two, and their arguments become whole again."""
    chunks = [chunk(says({"tool_calls": [fragment]})) for fragment in fragments]
    model_server.enqueue(sse(*chunks, chunk(says({}, finish="tool_calls"))))
    assert len(program.stream()) == len(fragments) + 1
    assert telemetry.attributes["gen_ai.response.finish_reasons"] == ("tool_calls",)
    if capture != "off":
        calls = {
            part["id"]: (part["name"], part["arguments"]) for part in output(telemetry)[0]["parts"]
        }
        assert calls == {"a": ("weather", {"city": "Oslo"}), "b": ("time", {"zone": 1})}


def test_several_choices(
    telemetry: Telemetry, capture: str, program: Program, model_server: ModelServer
) -> None:
    """Two choices, one of them a refusal, with logprobs: each has its own output and reason, in order."""
    model_server.enqueue(
        sse(
            chunk(says({"role": "assistant", "content": "Ro"}, 0, logprobs={"content": []})),
            chunk(says({"role": "assistant", "refusal": "I can"}, 1)),
            chunk(says({"content": "ses"}, 0)),
            chunk(says({"refusal": "not."}, 1)),
            chunk(says({}, 1, "content_filter")),
            chunk(says({}, 0, "stop")),
        )
    )
    program.stream(n=2)
    assert telemetry.attributes["gen_ai.request.choice.count"] == 2
    assert telemetry.attributes["gen_ai.response.finish_reasons"] == ("stop", "content_filter")
    if capture != "off":
        said = [[part["content"] for part in message["parts"]] for message in output(telemetry)]
        assert said == [["Roses"], ["I cannot."]]


@pytest.mark.needs("chat.completions.create:modalities")
def test_chunks_of_audio(
    telemetry: Telemetry, capture: str, program: Program, model_server: ModelServer
) -> None:
    """Spoken answers come with a transcript, which is kept as text; the sound is not."""
    sound = [
        {"id": "audio_1", "transcript": "Ro"},
        {"data": "U09VTkQ="},
        {"transcript": "ses"},
        {"expires_at": 1},
    ]
    model_server.enqueue(
        sse(*[chunk(says({"audio": piece})) for piece in sound], chunk(says({}, finish="stop")))
    )
    program.stream(modalities=["text", "audio"], audio={"voice": "alloy", "format": "wav"})
    assert telemetry.attributes["gen_ai.output.type"] == "speech"
    if capture != "off":
        assert [
            part["content"] for part in output(telemetry)[0]["parts"] if part["type"] == "text"
        ] == ["Roses"]
    assert "U09VTkQ=" not in telemetry.everything()


def test_a_stream_without_a_finish_reason(
    telemetry: Telemetry, capture: str, program: Program, model_server: ModelServer
) -> None:
    """A stream that just stops raises nothing in the client; its choice has the reason `error`."""
    model_server.enqueue(
        sse(chunk(says({"content": "Ro"})), chunk(says({"content": "ses"})), done=False)
    )
    assert len(program.stream()) == 2
    assert telemetry.attributes["gen_ai.response.finish_reasons"] == ("error",)
    assert telemetry.attributes["callspan.outcome"] == "completed"


def test_a_stream_without_usage(telemetry: Telemetry, capture: str, program: Program) -> None:
    """Where the provider states no usage, none is reported, on the span or as a metric."""
    program.stream()
    assert not [name for name in telemetry.attributes if name.startswith("gen_ai.usage")]
    assert telemetry.points("gen_ai.client.token.usage") == []


@pytest.mark.parametrize("reply", [Reply(), Reply(error_after=2)], ids=["whole", "failed"])
def test_events_belong_to_the_span(
    telemetry: Telemetry, program: Program, model_server: ModelServer, reply: Reply
) -> None:
    """Events emitted at the end of a stream carry the ids of the call's own span."""
    telemetry.instrument(capture="event")
    model_server.enqueue(reply)
    try:
        program.stream()
    except openai.APIError:
        assert reply.error_after
    context = telemetry.span.get_span_context()
    assert {(event["trace_id"], event["span_id"]) for event in telemetry.logs} == {
        (context.trace_id, context.span_id)
    }
    wanted = {"gen_ai.client.inference.operation.details"}
    wanted |= {"gen_ai.client.operation.exception"} if reply.error_after else set()
    assert {event["name"] for event in telemetry.logs} == wanted


BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


def read(pieces: Any, asynchronous: bool, watch: contextlib.AbstractContextManager[Any]) -> int:
    """The number of chunks in a stream of these pieces; reading them is watched, asking for them is not."""
    given = {"http_client": answering(pieces, asynchronous)}
    if not asynchronous:
        with openai_client("http://model.test/v1", **given) as client:
            stream = client.chat.completions.create(**CHAT, stream=True)
            with watch:
                return sum(1 for _ in stream)

    async def main() -> int:
        async with async_openai_client("http://model.test/v1", **given) as client:
            stream: Any = await client.chat.completions.create(**CHAT, stream=True)
            with watch:
                return sum([1 async for _ in stream])

    return asyncio.run(main())


def frames_run(chunks: int, asynchronous: bool) -> int:
    """How many function calls of ours a stream of so many chunks takes; a step of a generator is one."""
    body = b"".join(
        b"data: " + json.dumps(chunk(says({"content": "rose "}))).encode() + b"\n\n"
        for _ in range(chunks)
    )
    calls = 0

    def count(frame: Any, event: str, _arg: object) -> None:
        nonlocal calls
        calls += event == "call" and frame.f_code.co_filename.startswith(PACKAGE)

    @contextlib.contextmanager
    def counting() -> Iterator[None]:
        sys.setprofile(count)
        try:
            yield
        finally:
            sys.setprofile(None)

    assert read(lambda: [body], asynchronous, counting()) == chunks
    return calls


@BOTH
def test_work_per_chunk_stays_the_same(telemetry: Telemetry, asynchronous: bool) -> None:
    """A chunk that nobody listens to costs a few function calls of ours, always the same number."""
    few, many = frames_run(100, asynchronous), frames_run(1100, asynchronous)
    assert (many - few) / 1000 <= 8


def test_no_chunk_is_held_back(
    telemetry: Telemetry, model_server: ModelServer, client: openai.OpenAI
) -> None:
    """The reader has each chunk as soon as it is there, while the server still holds the next one."""
    gate = threading.Event()
    model_server.enqueue(Reply(text="Roses are red.", gate=gate, gate_after=2))
    stream = client.chat.completions.create(**CHAT, stream=True)
    assert [next(stream).choices[0].delta.content for _ in range(2)] == ["", "Roses"]
    gate.set()
    assert len(list(stream)) == 3


MEGABYTE = 1024 * 1024


def read_long_stream(megabytes: int, asynchronous: bool) -> int:
    """Read a stream of one chunk a megabyte; the most memory that was in use, in bytes."""
    event = b"data: " + json.dumps(chunk(says({"content": "x" * MEGABYTE}))).encode() + b"\n\n"
    tracemalloc.start()
    try:
        assert (
            read(lambda: (event for _ in range(megabytes)), asynchronous, contextlib.nullcontext())
            == megabytes
        )
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@BOTH
def test_a_long_stream_without_content(telemetry: Telemetry, asynchronous: bool) -> None:
    """Without content a long stream needs no more memory than a short one."""
    callspan.uninstrument()
    without = read_long_stream(100, asynchronous)
    telemetry.instrument()
    assert read_long_stream(100, asynchronous) < without + 2 * MEGABYTE


@BOTH
def test_a_long_stream_with_content(telemetry: Telemetry, asynchronous: bool) -> None:
    """With content no more of a long stream is kept than the limit allows."""
    callspan.uninstrument()
    without = read_long_stream(100, asynchronous)
    telemetry.instrument(capture="both")
    assert read_long_stream(100, asynchronous) < without + 12 * MEGABYTE
    assert len(str(telemetry.attributes["gen_ai.output.messages"])) < 4 * MEGABYTE
