"""Anthropic's client: what it is answered stands on one span, whatever way it is asked and however the call ends."""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import pytest
from opentelemetry import trace

import callspan
from anthropic_program import HELLO, STREAM, Server, Way, ask, at, both, frames, play
from callspan.events import Response
from callspan.formats.anthropic.messages import MESSAGES
from clients import anthropic_http
from telemetry import Telemetry

ANSWER = "Hello! How can I help?"
PROPERTY = "_tracer"
BASE: Any = anthropic._base_client.BaseClient  # type: ignore[attr-defined]
TRACES = pytest.mark.skipif(not hasattr(BASE, PROPERTY), reason="an old version of the client")


def by_iteration(path: str) -> tuple[Way, Way]:
    """The stream that `create` gives, read to its end."""

    def read(client: Any) -> None:
        list(at(client, path).create(**STREAM))

    async def aread(client: Any) -> None:
        _ = [event async for event in await at(client, path).create(**STREAM)]

    return read, aread


def by_raw(path: str) -> tuple[Way, Way]:
    """The same over the raw response."""

    def read(client: Any) -> None:
        list(at(client, path).with_raw_response.create(**STREAM).parse())

    async def aread(client: Any) -> None:
        raw = await at(client, path).with_raw_response.create(**STREAM)
        parsed = raw.parse()
        _ = [event async for event in (await parsed if asyncio.iscoroutine(parsed) else parsed)]

    return read, aread


def by_helper(path: str, use: str) -> tuple[Way, Way]:
    """The helper: its text, or one of its methods that read to the end."""

    def read(client: Any) -> None:
        with at(client, path).stream(**HELLO) as stream:
            if use == "text_stream":
                assert "".join(stream.text_stream) == ANSWER
            else:
                getattr(stream, use)()

    async def aread(client: Any) -> None:
        async with at(client, path).stream(**HELLO) as stream:
            if use == "text_stream":
                assert "".join([text async for text in stream.text_stream]) == ANSWER
            else:
                await getattr(stream, use)()

    return read, aread


WAYS = {
    f"{path}-{name}": ways(path)
    for path in ("messages", "beta.messages")
    for name, ways in {
        "iterated": by_iteration,
        "raw": by_raw,
        "text_stream": lambda path: by_helper(path, "text_stream"),
        "final_message": lambda path: by_helper(path, "get_final_message"),
        "until_done": lambda path: by_helper(path, "until_done"),
    }.items()
}


def counts(telemetry: Telemetry) -> tuple[Any, ...]:
    """Input, output, cache read, cache write and reasoning tokens, as the one span states them."""
    names = (
        "input_tokens",
        "output_tokens",
        "cache_read.input_tokens",
        "cache_creation.input_tokens",
    )
    found = [telemetry.attributes.get(f"gen_ai.usage.{name}") for name in names]
    return (*found, telemetry.attributes.get("gen_ai.usage.reasoning.output_tokens"))


STATED = {
    "message_text.json": ((12, 8, None, None, None), "end_turn"),
    "message_cache.json": ((2009, 39, 1800, 188, None), "end_turn"),
    "message_thinking.json": ((12, 30, None, None, 22), "end_turn"),
    "message_redacted_thinking.json": ((12, 8, None, None, None), "end_turn"),
    "message_tool_use.json": ((12, 8, None, None, None), "tool_use"),
    "message_server_tool.json": ((12, 8, None, None, None), "end_turn"),
    "message_refusal.json": ((12, 8, None, None, None), "refusal"),
    "message_max_tokens.json": ((12, 8, None, None, None), "max_tokens"),
    "message_stop_sequence.json": ((12, 8, None, None, None), "stop_sequence"),
    "stream_text.sse": ((12, 8, None, None, None), "end_turn"),
    "stream_cache.sse": ((2009, 39, 1800, 188, None), "end_turn"),
    "stream_thinking.sse": ((12, 40, None, None, 30), "end_turn"),
    "stream_tool_use.sse": ((12, 89, None, None, None), "tool_use"),
}


@both
@pytest.mark.parametrize("name", STATED)
def test_what_an_answer_states(telemetry: Telemetry, name: str, asynchronous: bool) -> None:
    """Tokens and finish reason stand on the span; input tokens include what was read from or written to a cache."""
    if name.endswith(".sse"):
        play(Server(name), by_iteration("messages"), asynchronous)
    else:
        ask(Server(name), asynchronous)
    attributes, (stated, reason) = telemetry.attributes, STATED[name]
    assert telemetry.span.name == "chat claude-flowers"
    assert counts(telemetry) == stated
    assert telemetry.tokens == {"input": stated[0], "output": stated[1]}
    assert attributes["gen_ai.response.finish_reasons"] == (reason,)
    assert attributes["gen_ai.response.id"] == "msg_013Zva2CMHLNnXjNJJKqJ2EF"
    assert attributes["gen_ai.response.model"] == "claude-sonnet-4-5-20250929"
    assert attributes["gen_ai.provider.name"] == "anthropic"
    assert attributes["gen_ai.request.max_tokens"] == 64
    assert attributes["server.address"] == "api.anthropic.com"
    assert attributes["callspan.outcome"] == "completed"
    assert "whisper" not in telemetry.everything()
    assert "sk-test-secret" not in telemetry.everything()


INPUT = {"input_tokens": 10, "cache_read_input_tokens": 1000, "cache_creation_input_tokens": 200}
NOTHING = dict.fromkeys([*INPUT, "output_tokens"], 0)
USAGES: dict[str, tuple[Any, ...]] = {
    "start and delta": ({**INPUT, "output_tokens": 1}, {"output_tokens": 5}),
    "delta repeats all": ({**INPUT, "output_tokens": 1}, {**INPUT, "output_tokens": 5}),
    "delta alone": (NOTHING, {**INPUT, "output_tokens": 5}),
    "nothing at the start": (None, {**INPUT, "output_tokens": 5}),
    "all at the start": ({**INPUT, "output_tokens": 5}, None),
    "many deltas": (
        {**INPUT, "output_tokens": 1},
        {"output_tokens": 2},
        {**INPUT, "output_tokens": 4},
        None,
        {"output_tokens": 5},
    ),
    "the same delta twice": (
        {**INPUT, "output_tokens": 1},
        {"output_tokens": 5},
        {"output_tokens": 5},
    ),
    "zeros later": ({**INPUT, "output_tokens": 1}, {**NOTHING, "output_tokens": 5}, NOTHING),
    "nulls later": (
        {**INPUT, "output_tokens": 1},
        {**dict.fromkeys(INPUT), "output_tokens": 5},
        dict.fromkeys(NOTHING),
    ),
    "nulls at the start": (dict.fromkeys(NOTHING), {**INPUT, "output_tokens": 5}),
    "in parts": (
        {"input_tokens": 10},
        {"cache_read_input_tokens": 1000},
        {"cache_creation_input_tokens": 200},
        {"output_tokens": 5},
    ),
    "cache known at the end": (
        {"input_tokens": 1210, "output_tokens": 0},
        {**INPUT, "output_tokens": 5},
    ),
}
"""What events of a stream state: the first of the message's start, the others of deltas."""


@both
@pytest.mark.parametrize("name", USAGES)
def test_usage_of_a_stream(telemetry: Telemetry, name: str, asynchronous: bool) -> None:
    """Counts are running totals, wherever they stand and however often they are repeated; nothing takes one back."""
    first, *later = USAGES[name]
    start, *between, last = [
        json.loads(frame.partition(b"data: ")[2]) for frame in frames("stream_text.sse")
    ]
    [delta] = [event for event in between if event["type"] == "message_delta"]
    between.remove(delta)
    start["message"]["usage"] = first
    events = [start, *between, *({**delta, "usage": usage} for usage in later), last]
    sent = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]
    with callspan.count_tokens() as count:
        play(Server(sent), by_iteration("messages"), asynchronous)
    assert counts(telemetry) == (1210, 5, 1000, 200, None)
    assert telemetry.tokens == {"input": 1210, "output": 5}
    assert (count.input, count.output, count.total, count.cached) == (1210, 5, 1215, 1000)


@both
@pytest.mark.parametrize(
    "way", [way for way in WAYS if not way.startswith("beta") or hasattr(BASE, PROPERTY)]
)
def test_ways_to_read_a_stream(telemetry: Telemetry, way: str, asynchronous: bool) -> None:
    """However a stream is read, there is one span with all that it says."""
    play(Server("stream_text.sse"), WAYS[way], asynchronous)
    assert telemetry.attributes["callspan.outcome"] == "completed"
    assert counts(telemetry)[:2] == (12, 8)
    assert telemetry.attributes["callspan.stream.chunks"] == 8
    assert len(telemetry.events("callspan.first_token")) == 1


def leave_helper(client: Any) -> None:
    """Leave a helper after its first piece of text."""
    with client.messages.stream(**HELLO) as stream:
        next(iter(stream.text_stream))


async def aleave_helper(client: Any) -> None:
    """The same in async code."""
    async with client.messages.stream(**HELLO) as stream:
        await stream.text_stream.__anext__()


def close(client: Any) -> None:
    """Close a stream after its first event."""
    stream = client.messages.create(**STREAM)
    next(stream)
    stream.close()


async def aclose(client: Any) -> None:
    """The same in async code."""
    stream = await client.messages.create(**STREAM)
    await stream.__anext__()
    await stream.close()


def leave_loop(client: Any) -> None:
    """Leave the loop over a stream, which is still held."""
    stream = client.messages.create(**STREAM)
    for _ in stream:
        break


async def aleave_loop(client: Any) -> None:
    """The same in async code."""
    stream = await client.messages.create(**STREAM)
    async for _ in stream:
        break


def never_read(client: Any) -> None:
    """Ask for a stream and forget it."""
    client.messages.create(**STREAM)


async def anever_read(client: Any) -> None:
    """The same in async code."""
    await client.messages.create(**STREAM)


STOPS = [
    (leave_helper, aleave_helper),
    (close, aclose),
    (leave_loop, aleave_loop),
    (never_read, anever_read),
]


@both
@pytest.mark.parametrize("ways", STOPS, ids=lambda ways: ways[0].__name__)
def test_reader_that_stops(telemetry: Telemetry, ways: tuple[Way, Way], asynchronous: bool) -> None:
    """A reader that stops early has abandoned the call."""
    play(Server("stream_text.sse"), ways, asynchronous)
    gc.collect()
    callspan.flush()
    assert telemetry.attributes["callspan.outcome"] == "abandoned"
    assert telemetry.span.status.status_code.name == "UNSET"


def test_cancelled(telemetry: Telemetry) -> None:
    """A task that is cancelled while it waits for the next event has cancelled the call."""
    begun = frames("stream_text.sse")[:4]

    async def aread(client: Any) -> None:
        first = asyncio.Event()

        async def events() -> None:
            async for _ in await client.messages.create(**STREAM):
                first.set()

        task = asyncio.create_task(events())
        await first.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    play(Server([*begun, None]), (aread, aread), True)
    assert telemetry.attributes["callspan.outcome"] == "cancelled"


FAILURES = {
    "error_400.json": (anthropic.BadRequestError, "invalid_request_error", 400),
    "error_401.json": (anthropic.AuthenticationError, "authentication_error", 401),
    "error_403.json": (anthropic.PermissionDeniedError, "permission_error", 403),
    "error_404.json": (anthropic.NotFoundError, "not_found_error", 404),
    "error_413.json": (anthropic.APIStatusError, "request_too_large", 413),
    "error_429.json": (anthropic.RateLimitError, "rate_limit_error", 429),
    "error_500.json": (anthropic.InternalServerError, "api_error", 500),
    "error_529.json": (anthropic.APIStatusError, "overloaded_error", 529),
    "stream_error.sse": (anthropic.APIStatusError, "overloaded_error", 200),
}


@both
@pytest.mark.parametrize("name", FAILURES)
def test_failures(telemetry: Telemetry, name: str, asynchronous: bool) -> None:
    """The app gets the client's exception; the span has the provider's code, the status and the request's id."""
    kind, code, status = FAILURES[name]
    ways = (
        by_iteration("messages") if name.endswith(".sse") else by_helper("messages", "until_done")
    )
    with pytest.raises(kind):
        play(Server(name), ways, asynchronous)
    attributes = telemetry.attributes
    assert (attributes["callspan.outcome"], attributes["error.type"]) == ("error", code)
    assert attributes["http.response.status_code"] == status
    assert attributes["http.response.header.x-request-id"] == ("req_7",)
    assert attributes.get("http.response.header.retry-after") == (("3",) if status == 429 else None)
    assert telemetry.span.status.description is None


@both
def test_error_in_lines(telemetry: Telemetry, asynchronous: bool) -> None:
    """An error in a stream whose lines the app reads by itself is one too, though no exception is raised."""

    def read(client: Any) -> None:
        with client.messages.with_streaming_response.create(**STREAM) as response:
            list(response.iter_lines())

    async def aread(client: Any) -> None:
        async with client.messages.with_streaming_response.create(**STREAM) as response:
            _ = [line async for line in response.iter_lines()]

    play(Server("stream_error.sse"), (read, aread), asynchronous)
    assert telemetry.attributes["error.type"] == "overloaded_error"


@both
def test_every_event_arrives(telemetry: Telemetry, asynchronous: bool) -> None:
    """The app gets the events that it would get without us, in their order, to the last."""
    seen: list[list[str]] = []

    async def aread(client: Any) -> None:
        seen.append([repr(event) async for event in await client.messages.create(**STREAM)])

    def read(client: Any) -> None:
        seen.append([repr(event) for event in client.messages.create(**STREAM)])

    play(Server("stream_tool_use.sse"), (read, aread), asynchronous)
    callspan.uninstrument()
    play(Server("stream_tool_use.sse"), (read, aread), asynchronous)
    assert seen[0] == seen[1]
    assert "message_stop" in seen[0][-1]


@both
def test_network_cut(telemetry: Telemetry, asynchronous: bool) -> None:
    """A connection that breaks in the middle is an error by the name of its class."""
    cut = anthropic_http.ReadError("cut")
    with pytest.raises(anthropic_http.ReadError) as raised:
        play(Server([*frames("stream_text.sse")[:4], cut]), by_iteration("messages"), asynchronous)
    assert raised.value is cut
    assert telemetry.attributes["error.type"].endswith(".ReadError")


@both
def test_stream_without_an_end(telemetry: Telemetry, asynchronous: bool) -> None:
    """The client takes a stream that just stops for a whole one; the finish reason tells that it was none."""
    play(Server("stream_truncated.sse"), by_iteration("messages"), asynchronous)
    assert telemetry.attributes["gen_ai.response.finish_reasons"] == ("error",)


@both
def test_retries(telemetry: Telemetry, asynchronous: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts stay inside one call."""
    callspan.uninstrument()
    monkeypatch.setattr(BASE, "_calculate_retry_timeout", lambda *_args, **_kwargs: 0.001)
    telemetry.instrument()

    async def aread(client: Any) -> None:
        await client.messages.create(**HELLO)

    server = Server("error_529.json", "message_text.json")
    play(
        server, (lambda client: client.messages.create(**HELLO), aread), asynchronous, max_retries=1
    )
    assert telemetry.attributes["callspan.request.attempts"] == 2
    assert [event["callspan.retry.attempt"] for event in telemetry.events("callspan.retry")] == [1]


@both
def test_messages_of_a_generator(telemetry: Telemetry, asynchronous: bool) -> None:
    """A generator of messages reaches the server whole, and its messages are captured."""
    telemetry.instrument(capture="span")
    server = Server("message_text.json")
    said = [{"role": "user", "content": word} for word in ("one", "two")]
    ask(server, asynchronous, messages=(message for message in said))
    assert server.bodies[0]["messages"] == said
    told = json.loads(telemetry.attributes["gen_ai.input.messages"])
    assert [message["parts"][0]["content"] for message in told] == ["one", "two"]


class Boom(Exception):
    """The app's own."""


@TRACES
@both
def test_messages_of_a_generator_that_raises(telemetry: Telemetry, asynchronous: bool) -> None:
    """What the app's own generator raises reaches the app as the same object, and nothing is sent."""
    boom, server = Boom(), Server("message_text.json")

    def messages() -> Iterator[Any]:
        yield HELLO["messages"][0]
        raise boom

    with pytest.raises(Boom) as raised:
        ask(server, asynchronous, messages=messages())
    assert raised.value is boom
    assert server.bodies == []
    assert telemetry.attributes["callspan.outcome"] == "error"


@both
def test_content(telemetry: Telemetry, asynchronous: bool) -> None:
    """With content on, what was asked and answered is there, in the conventions' words and without bytes."""
    telemetry.instrument(capture="span")
    image = {"type": "base64", "media_type": "image/png", "data": "aGVsbG8="}
    asked = [
        {
            "role": "user",
            "content": [{"type": "image", "source": image}, {"type": "text", "text": "Weather?"}],
        },
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "1", "name": "sky", "input": {"at": "Paris"}}],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "1", "content": "Rain."}],
        },
    ]
    tools = [{"name": "sky", "description": "Looks up.", "input_schema": {"type": "object"}}]
    ask(
        Server("message_tool_use.json"),
        asynchronous,
        system="Be brief.",
        messages=asked,
        tools=tools,
    )
    told = {
        name: json.loads(text)
        for name, text in telemetry.attributes.items()
        if text and str(text)[0] in "[{"
    }
    assert told["gen_ai.system_instructions"] == [{"type": "text", "content": "Be brief."}]
    assert [message["parts"] for message in told["gen_ai.input.messages"]] == [
        [
            {
                "type": "blob",
                "modality": "image",
                "mime_type": "image/png",
                "content": "",
                "size": 8,
            },
            {"type": "text", "content": "Weather?"},
        ],
        [{"type": "tool_call", "id": "1", "name": "sky", "arguments": {"at": "Paris"}}],
        [{"type": "tool_call_response", "id": "1", "response": "Rain."}],
    ]
    assert told["gen_ai.tool.definitions"] == [
        {
            "type": "function",
            "name": "sky",
            "description": "Looks up.",
            "parameters": {"type": "object"},
        }
    ]
    assert told["gen_ai.output.messages"][0]["parts"] == [
        {"type": "text", "content": "Let me check."},
        {
            "type": "tool_call",
            "id": "toolu_01A09q90qw90",
            "name": "get_weather",
            "arguments": {"city": "Paris"},
        },
    ]


STREAMED = {
    "stream_thinking.sse": [
        {"type": "reasoning", "content": "The user greets me."},
        {"type": "text", "content": ANSWER},
    ],
    "stream_tool_use.sse": [
        {"type": "text", "content": ANSWER},
        {
            "type": "tool_call",
            "id": "toolu_01A09q90qw90",
            "name": "get_weather",
            "arguments": {"city": "Paris"},
        },
    ],
}


@both
@pytest.mark.parametrize("name", STREAMED)
def test_content_of_a_stream(telemetry: Telemetry, name: str, asynchronous: bool) -> None:
    """Streamed thoughts, text and tool arguments come to the same parts as whole ones."""
    telemetry.instrument(capture="span")
    play(Server(name), by_iteration("messages"), asynchronous)
    [told] = json.loads(telemetry.attributes["gen_ai.output.messages"])
    assert told["parts"] == STREAMED[name]


@pytest.mark.instrument(capture="span")
def test_settings(telemetry: Telemetry) -> None:
    """The request's settings, also those that newer clients take only as extra parts of the body."""
    config = {"effort": "high", "format": {"type": "json_schema", "schema": {"type": "object"}}}
    extra = {"temperature": 0.5, "top_k": 7, "output_config": config}
    ask(Server("message_text.json"), stop_sequences=["END"], extra_body=extra)
    names = ("temperature", "top_k", "stop_sequences", "reasoning.level", "max_tokens")
    attributes = telemetry.attributes
    assert tuple(attributes[f"gen_ai.request.{name}"] for name in names) == (
        0.5,
        7,
        ("END",),
        "high",
        64,
    )
    assert attributes["gen_ai.output.type"] == "json"


def test_values_not_given(telemetry: Telemetry) -> None:
    """What the app leaves out with the client's own sentinel is not among the settings."""
    heard: list[Any] = []

    class Listener:
        def on_start(self, call: Any) -> None:
            heard.append(dict(call.parameters))

    with callspan.use_handlers(Listener()):
        ask(Server("message_text.json"))
    assert heard == [{"max_tokens": 64}]


# --- the client's own spans ---------------------------------------------------------------------------------------


@pytest.fixture
def global_tracer(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The telemetry's tracer provider as the global one, which the client uses by itself."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", telemetry.tracer_provider)


@TRACES
@both
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_own_span_is_replaced(
    telemetry: Telemetry, global_tracer: None, streamed: bool, asynchronous: bool
) -> None:
    """While instrumented there is one span of a call, ours; before and after, the client's own."""

    def call() -> list[str]:
        telemetry.clear()
        if streamed:
            play(Server("stream_text.sse"), by_iteration("messages"), asynchronous)
        else:
            ask(Server("message_text.json"), asynchronous)
        return [span.name for span in telemetry.all_spans]

    assert call() == ["chat claude-flowers"]
    callspan.uninstrument()
    assert call() == ["anthropic.messages.create"]


@TRACES
def test_property_is_restored(telemetry: Telemetry) -> None:
    """Undoing leaves the very object that was there."""
    callspan.uninstrument()
    before = vars(BASE)[PROPERTY]
    callspan.instrument(**telemetry.providers)
    assert vars(BASE)[PROPERTY] is not before
    callspan.uninstrument()
    assert vars(BASE)[PROPERTY] is before


@TRACES
def test_own_span_without_ours(
    telemetry: Telemetry, global_tracer: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where we make no span, the client's own stays."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    telemetry.instrument()
    ask(Server("message_text.json"))
    assert [span.name for span in telemetry.all_spans] == ["anthropic.messages.create"]


OPTION = pytest.mark.skipif(
    "open_telemetry" not in inspect.signature(anthropic.Anthropic.__init__).parameters,
    reason="a version of the client without the option",
)
VARIANTS: dict[str, Callable[[Any], Any]] = {
    "itself": lambda client: client,
    "with_options": lambda client: client.with_options(timeout=5),
    "copy": lambda client: client.copy(),
}


@OPTION
@both
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_own_span_that_the_app_asked_for_stays(
    telemetry: Telemetry, global_tracer: None, variant: str, streamed: bool, asynchronous: bool
) -> None:
    """An app that gives the client a tracer provider gets all that it got before, such as the id of the request."""
    own = Telemetry()
    vary = VARIANTS[variant]

    def call(client: Any) -> None:
        answer = vary(client).messages.create(**HELLO, stream=streamed)
        if streamed:
            list(answer)

    async def acall(client: Any) -> None:
        answer = await vary(client).messages.create(**HELLO, stream=streamed)
        if streamed:
            assert [event async for event in answer]

    answer = "stream_text.sse" if streamed else "message_text.json"
    options = {"open_telemetry": {"tracer_provider": own.tracer_provider}}
    play(Server(answer), (call, acall), asynchronous, **options)
    assert [span.name for span in telemetry.all_spans] == ["chat claude-flowers"]
    assert [span.name for span in own.all_spans] == ["anthropic.messages.create"]
    assert own.all_spans[0].attributes["anthropic.request.id"] == "req_7"
    own.shutdown()


def _create(client: Any) -> None:
    client.messages.create(**HELLO)


@OPTION
@pytest.mark.parametrize(
    ("traces", "names"),
    [
        ({"content_mode": "content"}, ["anthropic.messages.create", "chat claude-flowers"]),
        ({}, ["chat claude-flowers"]),
        (True, ["chat claude-flowers"]),
        (False, ["chat claude-flowers"]),
    ],
    ids=str,
)
def test_own_span_with_other_options(
    telemetry: Telemetry, global_tracer: None, traces: Any, names: list[str]
) -> None:
    """Content that the app switched on for the client's spans would be lost with them, for ours has none."""
    play(Server("message_text.json"), (_create, _create), False, open_telemetry={"traces": traces})
    assert [span.name for span in telemetry.all_spans] == names


@TRACES
@both
@pytest.mark.instrument(on_native="keep")
def test_own_span_is_kept_beside_ours(
    telemetry: Telemetry, global_tracer: None, asynchronous: bool
) -> None:
    ask(Server("message_text.json"), asynchronous)
    assert [span.name for span in telemetry.all_spans] == [
        "anthropic.messages.create",
        "chat claude-flowers",
    ]


# --- as plain data ------------------------------------------------------------------------------------------------


def read(*answers: Any) -> Response:
    """What events come to."""
    response = Response()
    for answer in answers:
        delta = MESSAGES.read(answer, True)
        if delta is not None:
            response.add(delta)
    return response


def test_arguments_of_a_server_tool_in_pieces() -> None:
    """Fragments belong to the call that began in their block, also where the provider runs the tool."""
    start = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}
    found = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []}
    pieces = [{"type": "input_json_delta", "partial_json": text} for text in ('{"query"', ': "x"}')]
    response = read(
        {"type": "content_block_start", "index": 0, "content_block": start},
        *({"type": "content_block_delta", "index": 0, "delta": piece} for piece in pieces),
        {"type": "content_block_start", "index": 1, "content_block": found},
    )
    assert response.messages[0]["parts"] == [
        {
            "type": "server_tool_call",
            "id": "s1",
            "name": "web_search",
            "server_tool_call": {"type": "web_search", "arguments": {"query": "x"}},
        },
        {
            "type": "server_tool_call_response",
            "id": "s1",
            "server_tool_call_response": {"type": "web_search", "content": []},
        },
    ]


ODD = [
    None,
    [],
    "text",
    7,
    {},
    {"type": "of the future"},
    {"type": None, "content": 3, "usage": "many"},
    {"type": "content_block_delta"},
    {"type": "content_block_delta", "index": 0, "delta": {"type": ["list"], "text": 3}},
    {"type": "content_block_start", "index": [1], "content_block": "text"},
    {"type": "message_start", "message": None},
    {"type": "message_delta", "delta": None, "usage": []},
    {
        "type": "message_delta",
        "delta": 5,
        "usage": {"output_tokens": "9", "output_tokens_details": 3},
    },
    {"type": "error", "error": "sentence"},
    {"type": "message", "content": [None, 3, {"type": 4}, {"type": "tool_use", "input": object()}]},
]


@pytest.mark.parametrize("answer", ODD, ids=range(len(ODD)))
def test_odd_shapes(answer: Any) -> None:
    """Nothing that arrives makes the reading raise."""
    for full in (False, True):
        delta = MESSAGES.read(answer, full)
        if delta is not None and full and not isinstance(answer, dict):
            assert not delta.parts


@pytest.mark.parametrize(
    "body", [{"messages": 3, "system": {}, "tools": "x"}, {"messages": [None, {"content": [3]}]}]
)
def test_odd_requests(body: Any) -> None:
    """Nothing that is sent makes the reading raise."""
    MESSAGES.parameters({**body, "output_config": 3, "stop_sequences": object()})
    assert MESSAGES.content(body).system == []


def test_mere_text_is_not_looked_at() -> None:
    """Where nobody reads text, events of the content come to nothing."""
    delta = {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": "x"},
    }
    assert MESSAGES.read(delta, False) is None
    assert MESSAGES.read({"type": "content_block_stop", "index": 0}, False) is None
