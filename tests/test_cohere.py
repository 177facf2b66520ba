"""Cohere's client, of its first and second API: chats, embeddings and reranking, whole and streamed."""

from __future__ import annotations

import asyncio
import inspect
import json
from typing import Any

import cohere
import cohere.core
import httpx
import pytest
from opentelemetry import trace

import callspan
from callspan.events import Response
from callspan.formats.cohere.chat import CHAT
from callspan.formats.cohere.chat_v1 import CHAT_V1
from callspan.formats.cohere.embeddings import EMBEDDINGS
from callspan.testing.modelserver import Counts, ModelServer, Reply, ToolCall
from creating import ONCE, cohere_client
from telemetry import Telemetry, counts

MODEL = "flowers-8b"
CHATTED: dict[str, Any] = {
    "model": MODEL,
    "messages": [{"role": "user", "content": "whisper-asked"}],
    **ONCE,
}
CHATTED_V1: dict[str, Any] = {"model": MODEL, "message": "whisper-asked", **ONCE}
RANKED: dict[str, Any] = {"model": MODEL, "query": "whisper", "documents": ["a rose", "whisper on"]}
BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
AN_ID = pytest.mark.breaks(
    "name.place", "answers of embeddings have an id, for which the conventions have no place"
)
VERSIONS = pytest.mark.parametrize("version", [1, 2], ids=["v1", "v2"])


def kind_of(version: int, asynchronous: bool) -> str:
    """The class of a client."""
    return f"{'Async' if asynchronous else ''}Client{'V2' if version == 2 else ''}"


def ask(url: str, asynchronous: bool, version: int = 2, name: str = "chat", **request: Any) -> Any:
    """One call of a client's method; the chunks if it streams."""
    client = cohere_client(url, kind_of(version, asynchronous), request.pop("respond", None))
    if name.startswith("chat"):
        request = {**(CHATTED if version == 2 else CHATTED_V1), **request}
    if not asynchronous:
        given = getattr(client, name)(**request)
        return list(given) if name == "chat_stream" else given

    async def aask() -> Any:
        given = getattr(client, name)(**request)
        return [chunk async for chunk in given] if name == "chat_stream" else await given

    return asyncio.run(aask())


CACHED = {"input_tokens": 71, "output_tokens": 14, "cache_read.input_tokens": 64}


@BOTH
@pytest.mark.parametrize(
    ("name", "version", "identity", "reason", "usage"),
    [
        ("v2_chat.json", 2, "c14c80c3-18eb-4519-9460-6c92edd8cfb4", "COMPLETE", CACHED),
        ("v2_chat_tools.json", 2, "c1", "TOOL_CALL", CACHED),
        ("v2_chat_stream.sse", 2, "29f14a5a", "COMPLETE", CACHED),
        ("v2_chat_stream_tools.sse", 2, "m2", "TOOL_CALL", CACHED),
        ("v1_chat.json", 1, "r1", "COMPLETE", {"input_tokens": 71, "output_tokens": 14}),
    ],
)
def test_what_an_answer_states(
    telemetry: Telemetry,
    model_server: ModelServer,
    payload: Any,
    name: str,
    version: int,
    identity: str,
    reason: str,
    usage: dict[str, int],
    asynchronous: bool,
) -> None:
    """Id, reason, and the tokens that the model has read and written, of which some were cached."""
    model_server.enqueue(Reply(raw=payload(f"cohere/{name}")))
    ask(model_server.url, asynchronous, version, "chat_stream" if name.endswith("sse") else "chat")
    attributes = telemetry.attributes
    assert (telemetry.span.name, attributes["gen_ai.provider.name"]) == (f"chat {MODEL}", "cohere")
    assert (attributes["server.address"], attributes["server.port"]) == (
        "127.0.0.1",
        model_server.port,
    )
    assert (attributes["gen_ai.response.id"], attributes["gen_ai.response.finish_reasons"]) == (
        identity,
        (reason,),
    )
    assert attributes["callspan.outcome"] == "completed"
    assert counts(telemetry) == usage
    assert telemetry.tokens == {"input": 71, "output": 14}
    assert not [
        word for word in ("whisper", "Hel", "I will", "Paris") if word in telemetry.everything()
    ]


@pytest.mark.instrument(
    cost=True, prices={"currency": "USD", "models": {MODEL: {"input": 2, "output": 10}}}
)
@pytest.mark.parametrize("name", ["v2_chat.json", "v2_chat_stream.sse"])
def test_cost_is_that_of_what_is_billed(
    telemetry: Telemetry, model_server: ModelServer, payload: Any, name: str
) -> None:
    """The price is for the tokens that Cohere bills, which are fewer than its model reads."""
    model_server.enqueue(Reply(raw=payload(f"cohere/{name}")))
    with callspan.count_tokens() as count:
        ask(model_server.url, False, name="chat_stream" if name.endswith("sse") else "chat")
    assert callspan.flush()
    assert telemetry.attributes["callspan.cost.usd"] == pytest.approx((5 * 2 + 12 * 10) / 1e6)
    assert (count.input, count.cost) == (71, pytest.approx((5 * 2 + 12 * 10) / 1e6))


@BOTH
@VERSIONS
@pytest.mark.parametrize("name", ["chat", "chat_stream"])
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "bad_request_error.BadRequestError"),
        (401, "unauthorized_error.UnauthorizedError"),
        (429, "too_many_requests_error.TooManyRequestsError"),
        (500, "internal_server_error.InternalServerError"),
    ],
)
def test_failures(
    telemetry: Telemetry,
    model_server: ModelServer,
    payload: Any,
    status: int,
    kind: str,
    name: str,
    version: int,
    asynchronous: bool,
) -> None:
    """A refused call has the client's error, which has no code, the status, and what finds it in Cohere's logs."""
    model_server.enqueue(
        Reply(
            raw=payload(f"cohere/error_{status}.json"), status=status, headers={"retry-after": "3"}
        )
    )
    with pytest.raises(cohere.core.ApiError) as raised:
        ask(model_server.url, asynchronous, version, name)
    assert raised.value.status_code == status
    attributes = telemetry.attributes
    assert (attributes["error.type"], attributes["http.response.status_code"]) == (
        f"cohere.errors.{kind}",
        status,
    )
    assert attributes["http.response.header.x-request-id"] == ("e1",)
    assert attributes["http.response.header.retry-after"] == ("3",)
    assert telemetry.span.status.description is None


@BOTH
@VERSIONS
@pytest.mark.parametrize("name", ["chat", "chat_stream"])
def test_an_answer_that_is_none(
    telemetry: Telemetry, model_server: ModelServer, name: str, version: int, asynchronous: bool
) -> None:
    """An answer with status 200 that has ended in an error is an error, though the client raises nothing."""
    model_server.enqueue(Reply(text="Ro", finish_reason="ERROR"))
    ask(model_server.url, asynchronous, version, name)
    attributes = telemetry.attributes
    assert (attributes["callspan.outcome"], attributes["error.type"]) == ("error", "ERROR")
    assert attributes["gen_ai.response.finish_reasons"] == ("ERROR",)


@BOTH
@VERSIONS
def test_retries(
    telemetry: Telemetry,
    model_server: ModelServer,
    monkeypatch: Any,
    version: int,
    asynchronous: bool,
) -> None:
    """The client's own attempts stay within one call, each with its cause."""
    monkeypatch.setattr("cohere.core.http_client.INITIAL_RETRY_DELAY_SECONDS", 0.001)
    model_server.enqueue(Reply(status=503), Reply(status=429))
    ask(model_server.url, asynchronous, version, request_options={"max_retries": 5})
    retries = telemetry.events("callspan.retry")
    assert [event["callspan.retry.cause"] for event in retries] == ["503", "429"]
    assert all(0 < event["callspan.retry.wait"] < 1 for event in retries)
    assert telemetry.attributes["callspan.request.attempts"] == 3
    assert telemetry.attributes["callspan.outcome"] == "completed"


@AN_ID
@BOTH
@VERSIONS
@pytest.mark.parametrize("typed", [False, True], ids=["plain", "typed"])
def test_embeddings(
    telemetry: Telemetry, model_server: ModelServer, version: int, typed: bool, asynchronous: bool
) -> None:
    """Embeddings tell their tokens and dimensions, never the vectors."""
    model_server.enqueue(Reply(usage=Counts(7, 0)))
    request: dict[str, Any] = {
        "model": MODEL,
        "texts": ["whisper rose"],
        "input_type": "search_query",
    }
    ask(
        model_server.url,
        asynchronous,
        version,
        "embed",
        **request,
        **({"embedding_types": ["float"]} if typed or version == 2 else {}),
    )
    attributes = telemetry.attributes
    assert (telemetry.span.name, attributes["gen_ai.embeddings.dimension.count"]) == (
        f"embeddings {MODEL}",
        256,
    )
    assert attributes.get("gen_ai.request.encoding_formats") == (
        ("float",) if typed or version == 2 else None
    )
    assert counts(telemetry) == {"input_tokens": 7}
    assert telemetry.tokens == {"input": 7}
    assert not [word for word in ("whisper", "0.7071") if word in telemetry.everything()]


@AN_ID
def test_recorded_embeddings(telemetry: Telemetry, model_server: ModelServer, payload: Any) -> None:
    """The same of an answer that was recorded."""
    model_server.enqueue(Reply(raw=payload("cohere/v2_embed.json")))
    request: dict[str, Any] = {"model": MODEL, "texts": ["hello"], "input_type": "search_query"}
    ask(model_server.url, False, 2, "embed", **request)
    assert telemetry.attributes["gen_ai.embeddings.dimension.count"] == 2
    assert counts(telemetry) == {"input_tokens": 2}


@pytest.mark.parametrize(
    ("embeddings", "size"),
    [
        ({"int8": [[1, 2, 3]]}, 3),
        ({"ubinary": [[1, 2]]}, 16),
        ({"float_": [[0.5]]}, 1),
        ({"base64": ["AAA="]}, None),
    ],
)
def test_types_of_vectors(embeddings: Any, size: int | None) -> None:
    """Vectors of bits hold eight numbers in one; of text no more is known than that it came."""
    delta = EMBEDDINGS.read({"id": "e", "embeddings": embeddings}, False)
    assert delta is not None
    assert (delta.details or {}).get("dimensions") == size


@AN_ID
def test_batches_from_threads_of_the_clients_own(
    telemetry: Telemetry, model_server: ModelServer
) -> None:
    """The first API asks for many texts in batches, from its own threads: all in the trace and scopes of the caller."""
    texts = [f"rose {number}" for number in range(100)]
    client = cohere_client(model_server.url, "Client")
    tracer = telemetry.tracer_provider.get_tracer("mine")
    with tracer.start_as_current_span("mine") as mine, callspan.count_tokens() as count:
        assert (
            len(client.embed(model=MODEL, texts=texts, input_type="search_document").embeddings)
            == 100
        )
    spans = [span for span in telemetry.spans if span.name != "mine"]
    assert [span.name for span in spans] == [f"embeddings {MODEL}"] * 2
    assert {span.parent.span_id for span in spans if span.parent} == {
        mine.get_span_context().span_id
    }
    assert count.input == model_server.ledger.total_told.input


@BOTH
@VERSIONS
def test_rerank(
    telemetry: Telemetry, model_server: ModelServer, version: int, asynchronous: bool
) -> None:
    """Reranking is an operation of its own, which states no tokens."""
    answer = ask(model_server.url, asynchronous, version, "rerank", **RANKED, top_n=1)
    assert [result.index for result in answer.results] == [1]
    attributes = telemetry.attributes
    assert (telemetry.span.name, attributes["gen_ai.provider.name"]) == (
        f"rerank {MODEL}",
        "cohere",
    )
    assert attributes["gen_ai.response.id"] == "co-000001"
    assert (counts(telemetry), telemetry.tokens) == ({}, {})
    assert "whisper" not in telemetry.everything()


def test_recorded_rerank(telemetry: Telemetry, model_server: ModelServer, payload: Any) -> None:
    """The same of an answer that was recorded."""
    model_server.enqueue(Reply(raw=payload("cohere/v2_rerank.json")))
    ask(model_server.url, False, 2, "rerank", **RANKED)
    assert telemetry.attributes["gen_ai.response.id"] == "07734bd2"


@pytest.mark.instrument(capture="span")
@pytest.mark.parametrize("documents", [["a rose"], [{"text": "a rose"}]], ids=["texts", "mappings"])
def test_content_of_rerank(telemetry: Telemetry, model_server: ModelServer, documents: Any) -> None:
    """What was asked, and the documents that may answer it."""
    ask(model_server.url, False, 1, "rerank", **{**RANKED, "documents": documents})
    [sent] = json.loads(telemetry.attributes["gen_ai.input.messages"])
    assert [part["content"] for part in sent["parts"]] == ["whisper", "a rose"]


@pytest.mark.instrument(capture="span")
def test_settings(telemetry: Telemetry, model_server: ModelServer) -> None:
    """What was asked for stands on the span under the conventions' names, with what was added by hand."""
    settings = {
        "temperature": 0.5,
        "p": 0.9,
        "max_tokens": 64,
        "stop_sequences": ["END"],
        "seed": 7,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "response_format": {"type": "json_object"},
        "request_options": {"additional_body_parameters": {"k": 40}},
    }
    for version in (1, 2):
        ask(model_server.url, False, version, **settings)
    expected = {
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.top_k": 40,
        "gen_ai.request.max_tokens": 64,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.request.seed": 7,
        "gen_ai.request.presence_penalty": 0.1,
        "gen_ai.request.frequency_penalty": 0.2,
        "gen_ai.output.type": "json",
    }
    for span in telemetry.spans:
        attributes = span.attributes or {}
        assert {name: attributes.get(name) for name in expected} == expected


SCHEMA = {"type": "object", "properties": {"flower": {"type": "string"}}}
CALLED = {"type": "tool_call", "id": "call-1", "name": "look_up", "arguments": {"flower": "tulip"}}


@pytest.mark.instrument(capture="span")
@pytest.mark.parametrize("models", [False, True], ids=["mappings", "models"])
def test_content(telemetry: Telemetry, model_server: ModelServer, models: bool) -> None:
    """What was said, with images, plans, tools and their results, stands on the span in the conventions' shapes."""
    model_server.enqueue(
        Reply(reasoning="Prices.", tool_calls=(ToolCall("look_up", '{"flower": "rose"}'),))
    )
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    call = {
        "id": "call-1",
        "type": "function",
        "function": {"name": "look_up", "arguments": '{"flower": "tulip"}'},
    }
    messages: list[Any] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "What is this?"}, image]},
        {"role": "assistant", "tool_plan": "I look.", "tool_calls": [call]},
        {
            "role": "tool",
            "tool_call_id": "call-1",
            "content": [{"type": "text", "text": "three coins"}],
        },
    ]
    tools: list[Any] = [{"type": "function", "function": {"name": "look_up", "parameters": SCHEMA}}]
    if models:
        kinds = (
            cohere.SystemChatMessageV2,
            cohere.UserChatMessageV2,
            cohere.AssistantChatMessageV2,
        )
        kinds = (*kinds, cohere.ToolChatMessageV2)
        messages = [
            kind.model_validate(message) for kind, message in zip(kinds, messages, strict=True)
        ]
        tools = [cohere.ToolV2.model_validate(tool) for tool in tools]
    ask(model_server.url, False, messages=messages, tools=tools)
    names = ("input.messages", "tool.definitions", "output.messages")
    sent, definitions, given = (
        json.loads(telemetry.attributes[f"gen_ai.{name}"]) for name in names
    )
    system, user, model, tool = sent
    assert system == {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]}
    said, shown = user["parts"]
    assert said == {"type": "text", "content": "What is this?"}
    assert (shown["type"], shown["modality"], shown["mime_type"]) == ("blob", "image", "image/png")
    assert model["parts"] == [{"type": "reasoning", "content": "I look."}, CALLED]
    assert tool["parts"] == [
        {"type": "tool_call_response", "id": "call-1", "response": "three coins"}
    ]
    assert definitions == [{"type": "function", "name": "look_up", "parameters": SCHEMA}]
    [answer] = given
    thought = {"type": "reasoning", "content": "Prices."}
    assert answer["parts"] == [
        thought,
        {**CALLED, "id": "call_000001_0", "arguments": {"flower": "rose"}},
    ]
    assert "iVBOR" not in telemetry.everything()


@pytest.mark.instrument(capture="span")
def test_content_of_the_first_api(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A message with its history is told as the conversation that it is."""
    model_server.enqueue(Reply(text="A rose."))
    call = {"name": "look_up", "parameters": {"flower": "tulip"}}
    tool = {
        "name": "look_up",
        "description": "The price.",
        "parameter_definitions": {"flower": {"type": "str"}},
    }
    history = [
        {"role": "USER", "message": "Hello"},
        {"role": "CHATBOT", "message": "Hi", "tool_calls": [call]},
    ]
    results = [{"call": call, "outputs": [{"price": 3}]}]
    ask(
        model_server.url,
        False,
        1,
        chat_history=history,
        preamble="Be brief.",
        tools=[tool],
        tool_results=results,
    )
    names = ("system_instructions", "input.messages", "tool.definitions", "output.messages")
    system, sent, definitions, given = (
        json.loads(telemetry.attributes[f"gen_ai.{name}"]) for name in names
    )
    assert system == [{"type": "text", "content": "Be brief."}]
    assert [message["role"] for message in sent] == ["user", "assistant", "user", "tool"]
    assert sent[1]["parts"] == [{"type": "text", "content": "Hi"}, {**CALLED, "id": None}]
    assert sent[2]["parts"] == [{"type": "text", "content": "whisper-asked"}]
    assert (sent[3]["parts"][0]["response"], sent[3]["parts"][0]["name"]) == (
        [{"price": 3}],
        "look_up",
    )
    assert (definitions[0]["name"], definitions[0]["description"]) == ("look_up", "The price.")
    assert given[0]["parts"] == [{"type": "text", "content": "A rose."}]


@pytest.mark.instrument(capture="span")
@BOTH
@VERSIONS
def test_content_of_a_stream(
    telemetry: Telemetry, model_server: ModelServer, version: int, asynchronous: bool
) -> None:
    """A streamed answer is put together as the whole one would be, and each of its calls stands apart."""
    calls = tuple(
        ToolCall("look_up", json.dumps({"flower": flower})) for flower in ("rose", "tulip")
    )
    for name in ("chat", "chat_stream"):
        model_server.enqueue(Reply(text="I look them up.", tool_calls=calls))
        ask(model_server.url, asynchronous, version, name)
    whole, streamed = (
        json.loads(str((span.attributes or {})["gen_ai.output.messages"]))
        for span in telemetry.spans
    )
    [answer] = streamed
    said, *called = answer["parts"]
    assert said == {"type": "text", "content": "I look them up."}
    assert [part["arguments"] for part in called] == [{"flower": "rose"}, {"flower": "tulip"}]
    assert [part["name"] for part in called] == ["look_up"] * 2
    assert [part["arguments"] for part in whole[0]["parts"][1:]] == [
        part["arguments"] for part in called
    ]


@pytest.mark.instrument(capture="span")
def test_recorded_plan(telemetry: Telemetry, model_server: ModelServer, payload: Any) -> None:
    """What the model plans before it calls a tool is its reasoning."""
    model_server.enqueue(Reply(raw=payload("cohere/v2_chat_stream_tools.sse")))
    ask(model_server.url, False, name="chat_stream")
    [answer] = json.loads(telemetry.attributes["gen_ai.output.messages"])
    call = {
        "type": "tool_call",
        "id": "get_weather_1k2",
        "name": "get_weather",
        "arguments": {"city": "Paris"},
    }
    assert answer["parts"] == [{"type": "reasoning", "content": "I will"}, call]


def test_pieces_of_calls_without_an_end() -> None:
    """Of a stream of the first API that breaks, the pieces of its calls are known all the same."""
    response = Response()
    for delta in (
        {"text": "Plan."},
        {"name": "look_up", "index": 0.0},
        {"index": 0.0, "parameters": '{"a": 1}'},
    ):
        read = CHAT_V1.read({"event_type": "tool-calls-chunk", "tool_call_delta": delta}, True)
        assert read is not None
        response.add(read)
    said, called = response.messages[0]["parts"]
    assert (said["content"], called["name"], called["arguments"]) == ("Plan.", "look_up", {"a": 1})


@pytest.mark.parametrize("wire_format", [CHAT, CHAT_V1], ids=["v2", "v1"])
@pytest.mark.parametrize(
    "odd",
    [{}, {"type": 3}, {"type": "new"}, {"event_type": "stream-end"}, {"meta": [], "usage": 1}],
)
def test_odd_events(wire_format: Any, odd: dict[str, Any]) -> None:
    """What does not look like an event states nothing, and breaks nothing."""
    delta = wire_format.read(odd, True)
    assert delta is None or (delta.id, delta.usage, list(delta.parts)) == (None, None, [])


@pytest.mark.parametrize("stated", [None, -1, float("nan"), float("inf"), "3", True])
def test_numbers_that_are_no_counts(stated: Any) -> None:
    """What is no number of tokens is not known, rather than 0; where the model's are missing the billed ones stand."""
    meta = {
        "tokens": {"input_tokens": stated, "output_tokens": 2.0},
        "billed_units": {"input_tokens": 5.0},
    }
    delta = CHAT.read({"id": "c", "usage": meta}, False)
    assert delta is not None
    assert delta.usage is not None
    assert (delta.usage.input, delta.usage.output) == (5, 2)
    delta = CHAT.read({"id": "c", "usage": {"tokens": {"input_tokens": stated}}}, False)
    assert delta is not None
    assert delta.usage is None


@BOTH
@VERSIONS
def test_raw_responses(
    telemetry: Telemetry, model_server: ModelServer, version: int, asynchronous: bool
) -> None:
    """Raw responses keep their types; their streams ask the server when entered, and end when left at the latest."""
    request = CHATTED if version == 2 else CHATTED_V1
    raw = cohere_client(model_server.url, kind_of(version, asynchronous)).with_raw_response

    def seen() -> tuple[int, bool]:
        return len(model_server.requests), trace.get_current_span().get_span_context().is_valid

    async def aread() -> Any:
        assert (await raw.chat(**request)).headers["x-request-id"]
        manager = raw.chat_stream(**request)
        assert seen() == (1, False)
        async with manager as response:
            assert seen() == (2, False)
            assert inspect.isasyncgen(response.data)
            assert len([item async for item in response.data]) > 3
        async with raw.chat_stream(**request) as response:
            await anext(response.data)
        assert len(telemetry.spans) == 3
        return type(manager)

    def read() -> Any:
        assert raw.chat(**request).headers["x-request-id"]
        manager = raw.chat_stream(**request)
        assert seen() == (1, False)
        with manager as response:
            assert seen() == (2, False)
            assert inspect.isgenerator(response.data)
            assert len(list(response.data)) > 3
        with raw.chat_stream(**request) as response:
            next(response.data)
        assert len(telemetry.spans) == 3
        return type(manager)

    kind = asyncio.run(aread()) if asynchronous else read()
    assert kind.__name__ == (
        "_AsyncGeneratorContextManager" if asynchronous else "_GeneratorContextManager"
    )
    outcomes = [(span.attributes or {})["callspan.outcome"] for span in telemetry.spans]
    assert outcomes == ["completed", "completed", "abandoned"]


def test_raw_stream_never_entered(telemetry: Telemetry, model_server: ModelServer) -> None:
    """Without being entered there was no call."""
    cohere_client(model_server.url).with_raw_response.chat_stream(**CHATTED)
    assert (model_server.requests, telemetry.spans) == ([], [])


def test_handlers_of_one_client(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A handler that is attached to a client object hears the calls of that client only, of each API."""
    heard: list[str] = []

    class Notes:
        def on_token(self, _call: Any, token: Any) -> None:
            heard.append(token.text)

    for version in (1, 2):
        client = cohere_client(model_server.url, kind_of(version, False))
        callspan.attach(client, Notes())
        model_server.enqueue(Reply(text="Roses."), Reply(text="Lilies."))
        list(client.chat_stream(**(CHATTED if version == 2 else CHATTED_V1)))
        ask(model_server.url, False, version, "chat_stream")
    assert "".join(heard) == "Roses." * 2


def test_clients_for_other_clouds(telemetry: Telemetry, payload: Any) -> None:
    """Of a client that sends its requests elsewhere than it says, no address is told."""

    def respond(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=payload("cohere/v2_chat.json"))

    ask("https://api.cohere.com", False, respond=respond)
    cohere_client("https://api.cohere.com", respond=respond, client_name="n/a").chat(**CHATTED)
    assert [(span.attributes or {}).get("server.address") for span in telemetry.spans] == [
        "api.cohere.com",
        None,
    ]


def test_what_is_no_call(telemetry: Telemetry, model_server: ModelServer) -> None:
    """Listing models calls none of them."""
    respond = lambda _request: httpx.Response(200, json={"models": []})  # noqa: E731
    cohere_client("https://api.cohere.com", respond=respond).models.list()
    assert telemetry.spans == []
