"""Google's client: one span for each request that it makes of a model, of Gemini or Vertex, however it is asked."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import json
import sys
import types as kinds
from collections.abc import Iterator
from typing import Any

import pytest
from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials
from opentelemetry import context as otel
from opentelemetry import trace
from pydantic import BaseModel

import callspan
from callspan.events import Call, Response
from callspan.formats.gemini.content import CONTENT
from callspan.formats.gemini.interactions import INTERACTIONS as INTERACTION
from callspan.formats.gemini.predict import EMBEDDINGS, IMAGES
from callspan.testing.modelserver import ModelServer, Reply, ToolCall
from clients import google_client
from conftest import PAYLOADS
from telemetry import Telemetry, counts

MODEL = "gemini-flowers"
ASKED: dict[str, Any] = {"model": MODEL, "contents": "whisper-asked"}
OPTIONS = types.HttpOptions.model_fields
RETRIES = pytest.mark.skipif("retry_options" not in OPTIONS, reason="an old version of the client")
BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


@pytest.fixture
def gemini(model_server: ModelServer) -> Any:
    """A client for Gemini."""
    return google_client(model_server.url)


@pytest.fixture
def vertex(model_server: ModelServer) -> Any:
    """A client for Vertex, which speaks over the transports of its own choice."""
    options = {"base_url": model_server.url.removesuffix("/v1")}
    place = {
        "project": "flowers",
        "location": "europe-west4",
        "credentials": Credentials(token="any"),
    }
    return genai.Client(vertexai=True, http_options=options, **place)


def payload(name: str, **more: Any) -> Reply:
    """An answer from a payload file."""
    status = int(name[6:9]) if name.startswith("error_") else 200
    return Reply(raw=(PAYLOADS / "google_genai" / name).read_bytes(), status=status, **more)


def ask(client: Any, asynchronous: bool, name: str = "generate_content", **request: Any) -> Any:
    """One call of the models' methods; the chunks if they stream."""
    request = {**ASKED, **request}
    if not asynchronous:
        given = getattr(client.models, name)(**request)
        return list(given) if name.endswith("_stream") else given
    return asyncio.run(_aask(client, name, request))


def ask_twice(client: Any, asynchronous: bool) -> None:
    """A whole answer and a stream, on one event loop if asynchronous."""
    if not asynchronous:
        ask(client, False)
        ask(client, False, "generate_content_stream")
        return

    async def both() -> None:
        await _aask(client, "generate_content", ASKED)
        await _aask(client, "generate_content_stream", ASKED)

    asyncio.run(both())


async def _aask(client: Any, name: str, request: dict[str, Any]) -> Any:
    given = await getattr(client.aio.models, name)(**request)
    return [chunk async for chunk in given] if name.endswith("_stream") else given


WHOLE = {
    "input_tokens": 10,
    "output_tokens": 26,
    "reasoning.output_tokens": 20,
    "cache_read.input_tokens": 4,
    "text.input_tokens": 10,
}


@BOTH
@pytest.mark.parametrize(
    ("name", "finish", "usage"),
    [
        ("generate_content.json", "STOP", WHOLE),
        ("generate_content_function_call.json", "STOP", WHOLE),
        ("generate_content_thinking.json", "STOP", WHOLE),
        ("generate_content_max_tokens.json", "MAX_TOKENS", WHOLE),
        ("generate_content_unknown_finish.json", "A_NEW_REASON", WHOLE),
        ("generate_content_blocked.json", "SAFETY", {"input_tokens": 8}),
        ("stream.sse", "STOP", WHOLE),
        ("stream_function_call.sse", "STOP", WHOLE),
    ],
)
@pytest.mark.filterwarnings("ignore:A_NEW_REASON")
def test_what_an_answer_states(
    telemetry: Telemetry,
    gemini: Any,
    model_server: ModelServer,
    name: str,
    finish: str,
    usage: Any,
    asynchronous: bool,
) -> None:
    """Model, id, reason and all tokens stand on the span; thoughts are output, and nothing is invented."""
    model_server.enqueue(payload(name))
    ask(
        gemini,
        asynchronous,
        "generate_content_stream" if name.endswith(".sse") else "generate_content",
    )
    attributes = telemetry.attributes
    assert telemetry.span.name == f"generate_content {MODEL}"
    assert attributes["gen_ai.provider.name"] == "gcp.gemini"
    assert (attributes["server.address"], attributes["server.port"]) == (
        "127.0.0.1",
        model_server.port,
    )
    assert attributes["gen_ai.response.model"] == "gemini-3.8-flash"
    assert attributes.get("gen_ai.response.id") == (None if "blocked" in name else "x8bXaI-DNZ")
    assert attributes["gen_ai.response.finish_reasons"] == (finish,)
    assert attributes["callspan.outcome"] == "completed"
    assert counts(telemetry) == usage
    sums = {kind: usage.get(f"{kind}_tokens") for kind in ("input", "output")}
    assert telemetry.tokens == {kind: number for kind, number in sums.items() if number}
    assert "whisper" not in telemetry.everything()
    assert "Hel" not in telemetry.everything()


@BOTH
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (503, "UNAVAILABLE"),
    ],
)
def test_failures(
    telemetry: Telemetry,
    gemini: Any,
    model_server: ModelServer,
    status: int,
    code: str,
    asynchronous: bool,
) -> None:
    """A refused call has the provider's code for it, and the status; what it says stays with the app."""
    model_server.enqueue(payload(f"error_{status}.json", headers={"retry-after": "3"}))
    with pytest.raises(genai.errors.APIError) as raised:
        ask(gemini, asynchronous)
    assert raised.value.status == code
    attributes = telemetry.attributes
    assert attributes["error.type"] == code
    assert attributes["http.response.status_code"] == status
    assert attributes["http.response.header.retry-after"] == ("3",)
    assert telemetry.span.status.description is None


def test_wait_that_the_answer_states(
    telemetry: Telemetry, gemini: Any, model_server: ModelServer
) -> None:
    """Where the wait stands in the error's details, it is kept as the header would be."""
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}]
    error = {"code": 429, "message": "whisper", "status": "RESOURCE_EXHAUSTED", "details": details}
    model_server.enqueue(Reply(raw=json.dumps({"error": error}), status=429))
    with pytest.raises(genai.errors.ClientError):
        ask(gemini, False)
    assert telemetry.attributes["http.response.header.retry-after"] == ("34",)
    assert "whisper" not in telemetry.everything()


@BOTH
def test_error_inside_a_stream(
    telemetry: Telemetry, gemini: Any, model_server: ModelServer, asynchronous: bool
) -> None:
    """An error in place of a chunk is an error of the call, whether or not the client raises it."""
    model_server.enqueue(payload("stream_error.sse"))
    with contextlib.suppress(genai.errors.APIError):
        ask(gemini, asynchronous, "generate_content_stream")
    assert telemetry.attributes["error.type"] == "UNAVAILABLE"
    assert telemetry.attributes["gen_ai.response.finish_reasons"] == ("error",)


@RETRIES
@BOTH
@pytest.mark.parametrize("name", ["generate_content", "generate_content_stream"])
def test_retries(
    telemetry: Telemetry, model_server: ModelServer, name: str, asynchronous: bool
) -> None:
    """The client's own attempts stay within one call, each with its cause."""
    options = {"base_url": model_server.url.removesuffix("/v1")}
    patient = {**options, "retry_options": {"attempts": 3, "initial_delay": 0.001, "jitter": 0.001}}
    client = genai.Client(api_key="any", http_options=types.HttpOptions.model_validate(patient))
    model_server.enqueue(payload("error_503.json"), payload("error_429.json"))
    ask(client, asynchronous, name)
    assert [event["callspan.retry.cause"] for event in telemetry.events("callspan.retry")] == [
        "503",
        "429",
    ]
    assert all(event["callspan.retry.wait"] > 0 for event in telemetry.events("callspan.retry"))
    assert telemetry.attributes["callspan.request.attempts"] == 3
    assert telemetry.attributes["callspan.outcome"] == "completed"


class Bouquet(BaseModel):
    """What the model shall answer with."""

    flowers: list[str]


@BOTH
@pytest.mark.parametrize("name", ["generate_content", "generate_content_stream"])
def test_automatic_function_calling(
    telemetry: Telemetry, gemini: Any, model_server: ModelServer, name: str, asynchronous: bool
) -> None:
    """Each request of the model that the client makes by itself is a call; the function runs once, untouched."""
    heard: list[str] = []

    def flower_price(flower: str) -> str:
        """The price of a flower."""
        heard.append(flower)
        return "three coins"

    flower_price.__annotations__ = {
        "flower": str,
        "return": str,
    }  # older clients do not read the text of one
    signature = inspect.signature(flower_price)
    model_server.enqueue(
        Reply(tool_calls=(ToolCall("flower_price", '{"flower": "rose"}'),)), Reply(text="Three.")
    )
    ask(gemini, asynchronous, name, config={"tools": [flower_price]})
    assert heard == ["rose"]
    assert inspect.signature(flower_price) == signature
    assert [span.name for span in telemetry.spans] == [f"generate_content {MODEL}"] * 2
    total = model_server.ledger.total_told
    assert telemetry.tokens == {"input": total.input, "output": total.output}


@BOTH
def test_schema_of_a_model(
    telemetry: Telemetry, gemini: Any, model_server: ModelServer, asynchronous: bool
) -> None:
    """A pydantic class as the schema of the answer is parsed as ever, and the answer is known to be JSON."""
    model_server.enqueue(Reply(text='{"flowers": ["rose"]}'))
    config = {"response_schema": Bouquet, "response_mime_type": "application/json"}
    assert ask(gemini, asynchronous, config=config).parsed == Bouquet(flowers=["rose"])
    assert telemetry.attributes["gen_ai.output.type"] == "json"


@pytest.mark.skipif(
    "automatic_continuation" not in types.GenerateContentConfig.model_fields,
    reason="an old version of the client",
)
@BOTH
def test_continuation(
    telemetry: Telemetry, gemini: Any, model_server: ModelServer, asynchronous: bool
) -> None:
    """An answer that the client has continued by itself took two calls, each with its own tokens."""
    first = json.loads((PAYLOADS / "google_genai" / "generate_content.json").read_text())
    first["candidates"][0] |= {"finishReason": "CONTINUATION", "continuationToken": "bW9yZQ=="}
    model_server.enqueue(Reply(raw=json.dumps(first)), payload("generate_content.json"))
    ask(gemini, asynchronous)
    reasons = [
        (span.attributes or {})["gen_ai.response.finish_reasons"] for span in telemetry.spans
    ]
    assert reasons == [("CONTINUATION",), ("STOP",)]
    assert telemetry.tokens == {"input": 20, "output": 52}


@BOTH
def test_chats(
    telemetry: Telemetry, gemini: Any, model_server: ModelServer, asynchronous: bool
) -> None:
    """Each message of a chat is one call."""

    async def achat() -> None:
        chat = gemini.aio.chats.create(model=MODEL)
        await chat.send_message("tulip")
        _ = [chunk async for chunk in await chat.send_message_stream("rose")]

    if asynchronous:
        asyncio.run(achat())
    else:
        chat = gemini.chats.create(model=MODEL)
        chat.send_message("tulip")
        list(chat.send_message_stream("rose"))
    assert [(span.attributes or {}).get("gen_ai.request.stream") for span in telemetry.spans] == [
        None,
        True,
    ]


@pytest.mark.instrument(capture="span")
def test_content(telemetry: Telemetry, gemini: Any, model_server: ModelServer) -> None:
    """What was said, with media, tools and their results, stands on the span in the conventions' shapes."""
    model_server.enqueue(payload("generate_content_function_call.json"))
    call = types.Part(
        function_call=types.FunctionCall(id="f1", name="look_up", args={"flower": "rose"})
    )
    result = types.Part(
        function_response=types.FunctionResponse(id="f1", name="look_up", response={"price": 3})
    )
    said = [
        types.Part(text="What is this?"),
        types.Part(inline_data=types.Blob(data=b"\x89PNG", mime_type="image/png")),
        types.Part(
            file_data=types.FileData(
                file_uri="https://flowers.test/song.mp3", mime_type="audio/mpeg"
            )
        ),
    ]
    contents = [
        types.Content(role="user", parts=said),
        types.Content(role="model", parts=[call]),
        types.Content(role="user", parts=[result]),
    ]
    parameters = {"type": "OBJECT", "properties": {"flower": {"type": "STRING"}}}
    declared = {"name": "look_up", "description": "The price.", "parameters": parameters}
    tools = [{"function_declarations": [declared]}, {"google_search": {}}]
    gemini.models.generate_content(
        model=MODEL, contents=contents, config={"system_instruction": "Be brief.", "tools": tools}
    )
    names = ("system_instructions", "input.messages", "tool.definitions", "output.messages")
    system, sent, definitions, given = (
        json.loads(telemetry.attributes[f"gen_ai.{name}"]) for name in names
    )
    assert system == [{"type": "text", "content": "Be brief."}]
    user, model, tool = sent
    assert [message["role"] for message in (user, model, tool)] == ["user", "assistant", "user"]
    text, image, song = user["parts"]
    assert text == {"type": "text", "content": "What is this?"}
    assert (image["type"], image["modality"], image["mime_type"]) == ("blob", "image", "image/png")
    assert (song["type"], song["modality"], song["uri"]) == (
        "uri",
        "audio",
        "https://flowers.test/song.mp3",
    )
    asked = {"type": "tool_call", "id": "f1", "name": "look_up", "arguments": {"flower": "rose"}}
    assert model["parts"] == [asked]
    [answered] = tool["parts"]
    assert (answered["type"], answered["id"], answered["response"]) == (
        "tool_call_response",
        "f1",
        {"price": 3},
    )
    schema = {"type": "object", "properties": {"flower": {"type": "string"}}}
    function = {
        "type": "function",
        "name": "look_up",
        "description": "The price.",
        "parameters": schema,
    }
    assert sorted(definitions, key=lambda tool: tool["type"]) == [
        function,
        {"type": "googleSearch", "name": "googleSearch"},
    ]
    [answer] = given
    called = {
        "type": "tool_call",
        "id": "fc-1",
        "name": "get_weather",
        "arguments": {"city": "Paris"},
    }
    assert answer["parts"] == [called]


@pytest.mark.instrument(capture="span")
def test_content_of_a_stream(telemetry: Telemetry, gemini: Any, model_server: ModelServer) -> None:
    """A streamed answer is put together as the whole one would be: its thought, and then its call."""
    model_server.enqueue(payload("stream_function_call.sse"))
    ask(gemini, False, "generate_content_stream")
    [answer] = json.loads(telemetry.attributes["gen_ai.output.messages"])
    thought = {"type": "reasoning", "content": "Thinking"}
    called = {
        "type": "tool_call",
        "id": "fc-1",
        "name": "get_weather",
        "arguments": {"city": "Paris"},
    }
    assert answer["parts"] == [thought, called]


@pytest.mark.instrument(capture="span")
def test_settings(telemetry: Telemetry, gemini: Any, model_server: ModelServer) -> None:
    """What was asked for stands on the span under the conventions' names."""
    config = types.GenerateContentConfig(
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        max_output_tokens=64,
        candidate_count=2,
        stop_sequences=["END"],
        seed=7,
        presence_penalty=0.1,
        frequency_penalty=0.2,
    )
    ask(gemini, False, config=config)
    found = {
        name.removeprefix("gen_ai.request."): value for name, value in telemetry.attributes.items()
    }
    expected = {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "max_tokens": 64,
        "choice.count": 2,
        "stop_sequences": ("END",),
        "seed": 7,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
    }
    assert {name: found.get(name) for name in expected} == expected
    assert telemetry.attributes["gen_ai.response.finish_reasons"] == ("STOP", "STOP")


@pytest.mark.skipif("extra_body" not in OPTIONS, reason="an old version of the client")
def test_settings_added_by_hand(telemetry: Telemetry, gemini: Any) -> None:
    """What the app adds to the body by hand is laid over the settings, as the client does it."""
    extra = {"generationConfig": {"topK": 12}, "labels": {"team": "flowers"}}
    ask(gemini, False, config={"temperature": 0.5, "http_options": {"extra_body": extra}})
    attributes = telemetry.attributes
    assert (attributes["gen_ai.request.top_k"], attributes["gen_ai.request.temperature"]) == (
        12,
        0.5,
    )


@BOTH
def test_embeddings(telemetry: Telemetry, gemini: Any, asynchronous: bool) -> None:
    """Embeddings tell their dimensions, never the vectors, and no tokens where none are stated."""
    config = {"output_dimensionality": 8}
    answer = ask(gemini, asynchronous, "embed_content", contents="rose", config=config)
    assert len(answer.embeddings[0].values) == 8
    assert telemetry.span.name == f"embeddings {MODEL}"
    assert telemetry.attributes["gen_ai.embeddings.dimension.count"] == 8
    assert counts(telemetry) == {}
    assert telemetry.tokens == {}


@BOTH
def test_vertex(
    telemetry: Telemetry, vertex: Any, model_server: ModelServer, asynchronous: bool
) -> None:
    """On Vertex the provider is Vertex, whatever the transport, and the model is named as the app named it."""
    ask_twice(vertex, asynchronous)
    for span in telemetry.spans:
        attributes = span.attributes or {}
        assert (span.name, attributes["gen_ai.provider.name"]) == (
            f"generate_content {MODEL}",
            "gcp.vertex_ai",
        )
    total = model_server.ledger.total_told
    assert telemetry.tokens == {"input": total.input, "output": total.output}


@BOTH
def test_embeddings_of_vertex(telemetry: Telemetry, vertex: Any, asynchronous: bool) -> None:
    """Vertex states the tokens of each text, which are summed."""
    ask(
        vertex,
        asynchronous,
        "embed_content",
        contents=["four", "eight by"],
        model="text-embedding-005",
    )
    assert telemetry.span.name == "embeddings text-embedding-005"
    assert telemetry.attributes["gen_ai.embeddings.dimension.count"] == 256
    assert counts(telemetry) == {"input_tokens": 3}


@BOTH
def test_images(telemetry: Telemetry, vertex: Any, asynchronous: bool) -> None:
    """Images are made by a call whose output is images; their bytes are not told."""
    request = {"model": "imagen-4", "prompt": "whisper-rose", "config": {"number_of_images": 2}}
    models = vertex.aio.models if asynchronous else vertex.models
    answer = models.generate_images(**request)
    answer = asyncio.run(answer) if asynchronous else answer
    assert len(answer.generated_images) == 2
    attributes = telemetry.attributes
    assert telemetry.span.name == "generate_content imagen-4"
    assert (attributes["gen_ai.output.type"], attributes["gen_ai.request.choice.count"]) == (
        "image",
        2,
    )
    assert "whisper" not in telemetry.everything()


@BOTH
def test_counting_tokens_is_no_call(telemetry: Telemetry, gemini: Any, asynchronous: bool) -> None:
    """Counting tokens calls no model."""
    assert ask(gemini, asynchronous, "count_tokens").total_tokens == 4
    assert telemetry.spans == []


def test_transports(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A client that chooses its transports by itself, aiohttp among them, is seen as any other."""
    client = genai.Client(
        api_key="any", http_options={"base_url": model_server.url.removesuffix("/v1")}
    )
    for asynchronous in (False, True):
        ask_twice(client, asynchronous)
    assert len(telemetry.spans) == 4
    total = model_server.ledger.total_told
    assert telemetry.tokens == {"input": total.input, "output": total.output}


def test_address_of_one_request(
    telemetry: Telemetry, gemini: Any, model_server: ModelServer
) -> None:
    """Where a request goes elsewhere than its client does, the span says where it went."""
    with ModelServer() as other:
        ask(gemini, False, config={"http_options": {"base_url": other.url.removesuffix("/v1")}})
        assert len(other.requests) == 1
        assert telemetry.attributes["server.port"] == other.port


class Notes:
    """Hears of calls, and of the time for which what it gave is entered."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.entered = False

    def on_start(self, call: Call) -> Any:
        self.heard.append("start")
        return self

    def on_end(self, call: Call, response: Response) -> None:
        self.heard.append("end")

    def on_error(self, call: Call, error: BaseException) -> None:
        self.heard.append("error")

    def __enter__(self) -> None:
        self.entered = True

    def __exit__(self, *_: object) -> None:
        self.entered = False


@pytest.mark.parametrize("kind", ["client", "asynchronous client"])
def test_handlers_of_one_client(
    telemetry: Telemetry, gemini: Any, model_server: ModelServer, kind: str
) -> None:
    """A handler that is attached to a client object hears the calls of that client only."""
    notes = Notes()
    callspan.attach(gemini if kind == "client" else gemini.aio, notes)
    ask(gemini, False)
    ask(google_client(model_server.url), False)
    assert notes.heard == ["start", "end"]


def test_a_stream_begins_when_it_is_read(
    telemetry: Telemetry, gemini: Any, model_server: ModelServer
) -> None:
    """A stream is a generator as ever, asks for nothing until it is read, and no span is current in the loop's body."""
    notes = Notes()
    with callspan.use_handlers(notes):
        stream = gemini.models.generate_content_stream(**ASKED)
        assert inspect.isgenerator(stream)
        assert (model_server.requests, notes.heard) == ([], [])
        for _chunk in stream:
            assert not notes.entered
            assert not trace.get_current_span().get_span_context().is_valid
    assert notes.heard == ["start", "end"]


async def test_streams_where_telemetry_is_suppressed(telemetry: Telemetry, gemini: Any) -> None:
    """The app reads them to the end all the same, and there is no span."""
    mark = otel.attach(otel.set_value("suppress_instrumentation", True))
    try:
        chunks = list(gemini.models.generate_content_stream(**ASKED))
        stream = await gemini.aio.models.generate_content_stream(**ASKED)
        async_chunks = [chunk async for chunk in stream]
    finally:
        otel.detach(mark)
    assert len(chunks) == len(async_chunks) > 0
    assert telemetry.spans == []


def test_the_request_is_made_under_the_span(
    telemetry: Telemetry, gemini: Any, monkeypatch: Any
) -> None:
    """While the request is made the call's span is current, so that spans of the transport come under it."""
    seen: list[int] = []
    api = type(gemini._api_client)
    request = api._request

    def watching(*args: Any, **kwargs: Any) -> Any:
        seen.append(trace.get_current_span().get_span_context().span_id)
        return request(*args, **kwargs)

    monkeypatch.setattr(api, "_request", watching)
    ask(gemini, False, "generate_content_stream")
    assert seen == [telemetry.span.context.span_id]


def parts_of(client: Any, name: str) -> Any:
    """What the API client itself gives for a stream."""
    path = f"models/{MODEL}:streamGenerateContent?alt=sse"
    body = {"contents": [{"role": "user", "parts": [{"text": "whisper-asked"}]}]}
    return getattr(client._api_client, name)("post", path, body)


class Mine(Exception):
    """An exception of the reader's own."""


def test_generators_stay_generators(telemetry: Telemetry, gemini: Any) -> None:
    """What is sent or thrown into a generator reaches the client's, and closing it closes that."""
    steps = parts_of(gemini, "request_streamed")
    assert next(steps) is not None
    assert steps.send("anything") is not None
    with pytest.raises(Mine):
        steps.throw(Mine())
    assert telemetry.attributes["callspan.outcome"] == "error"
    telemetry.clear()
    steps = parts_of(gemini, "request_streamed")
    next(steps)
    steps.close()
    assert list(steps) == []
    assert telemetry.attributes["callspan.outcome"] == "abandoned"


async def test_async_generators_stay_generators(telemetry: Telemetry, gemini: Any) -> None:
    """The same for asynchronous ones, which pass for what they were."""
    steps = await parts_of(gemini, "async_request_streamed")
    assert isinstance(steps, kinds.AsyncGeneratorType)
    assert inspect.isasyncgen(steps)
    assert aiter(steps) is steps
    assert await anext(steps) is not None
    assert await steps.asend(None) is not None
    with pytest.raises(Mine):
        await steps.athrow(Mine())
    assert telemetry.attributes["callspan.outcome"] == "error"
    telemetry.clear()
    steps = await parts_of(gemini, "async_request_streamed")
    await anext(steps)
    await steps.aclose()
    assert [step async for step in steps] == []
    assert telemetry.attributes["callspan.outcome"] == "abandoned"


async def test_unread_async_stream_is_told(telemetry: Telemetry, gemini: Any) -> None:
    """A stream whose request was made, and which nobody reads, is told when it is dropped."""
    await parts_of(gemini, "async_request_streamed")
    gc.collect()
    assert telemetry.attributes["callspan.outcome"] == "abandoned"


INTERACTIONS = pytest.mark.skipif(
    not hasattr(genai.Client, "interactions"), reason="an old version of the client"
)
STEPS = pytest.mark.skipif(
    genai.__version__ < "2", reason="interactions had outputs, not steps, before 2.0"
)
INTERACT: dict[str, Any] = {"model": MODEL, "input": "whisper-asked"}


def interact(client: Any, asynchronous: bool, **more: Any) -> Any:
    """One interaction; the events if it streams."""
    request = {**INTERACT, **more}
    if not asynchronous:
        given = client.interactions.create(**request)
        return list(given) if request.get("stream") else given

    async def create() -> Any:
        given = await client.aio.interactions.create(**request)
        return [event async for event in given] if request.get("stream") else given

    return asyncio.run(create())


@pytest.fixture
def interactive(model_server: ModelServer) -> Any:
    """A client whose interactions do not try again."""
    options = {"base_url": model_server.url.removesuffix("/v1")}
    return genai.Client(api_key="any", http_options={**options, "retry_options": {"attempts": 1}})


@INTERACTIONS
@BOTH
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_interactions(
    telemetry: Telemetry,
    interactive: Any,
    model_server: ModelServer,
    stream: bool,
    asynchronous: bool,
) -> None:
    """An interaction is one call, with the tokens that it states, however it is read."""
    model_server.enqueue(Reply(text="Roses, lilies.", reasoning_tokens=4))
    given = interact(
        interactive, asynchronous, stream=stream, previous_interaction_id="int_1", store=True
    )
    assert given[-1].interaction.id if stream else given.id
    attributes = telemetry.attributes
    assert (telemetry.span.name, attributes["gen_ai.provider.name"]) == (
        f"generate_content {MODEL}",
        "gcp.gemini",
    )
    assert (attributes["gen_ai.response.id"], attributes["gen_ai.response.finish_reasons"]) == (
        "int_000001",
        ("stop",),
    )
    assert attributes["gen_ai.request.previous_response.id"] == "int_1"
    total = model_server.ledger.total_told
    assert telemetry.tokens == {"input": total.input, "output": total.output}
    assert attributes["gen_ai.usage.reasoning.output_tokens"] == 4
    assert attributes["callspan.outcome"] == "completed"
    assert "whisper" not in telemetry.everything()


@INTERACTIONS
@BOTH
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_refused_interactions(
    telemetry: Telemetry,
    interactive: Any,
    model_server: ModelServer,
    stream: bool,
    asynchronous: bool,
) -> None:
    """A refused interaction is an error with its status."""
    model_server.enqueue(Reply(status=400))
    with pytest.raises(Exception, match="400"):
        interact(interactive, asynchronous, stream=stream)
    attributes = telemetry.attributes
    assert attributes["http.response.status_code"] == 400
    assert attributes["error.type"] in ("INVALID_ARGUMENT", "400")
    assert attributes["callspan.outcome"] == "error"


@INTERACTIONS
def test_interaction_left_early(
    telemetry: Telemetry, interactive: Any, model_server: ModelServer
) -> None:
    """A stream of an interaction that is closed after its first event is abandoned, though all bytes had come."""
    begun = {"id": "int_1", "model": MODEL, "status": "in_progress"}
    named = (
        "interaction.created",
        "interaction.start",
        "interaction.completed",
        "interaction.complete",
    )
    events = [
        {"event_type": name, "interaction": {**begun, "status": "completed"}} for name in named
    ]
    body = "".join(
        f"event: {event['event_type']}\ndata: {json.dumps(event)}\n\n" for event in events
    )
    model_server.enqueue(Reply(raw=body, headers={"content-type": "text/event-stream"}))
    stream = interactive.interactions.create(**INTERACT, stream=True)
    next(iter(stream))
    stream.close()
    assert telemetry.attributes["callspan.outcome"] == "abandoned"
    assert telemetry.attributes["callspan.stream.chunks"] == 1


@INTERACTIONS
@STEPS
@BOTH
@pytest.mark.parametrize("ending", ["error_after", "cut_after"])
def test_interaction_that_breaks(
    telemetry: Telemetry,
    interactive: Any,
    model_server: ModelServer,
    ending: str,
    asynchronous: bool,
) -> None:
    """An error event, or the end of the network, inside a stream is an error of the call."""
    model_server.enqueue(Reply(text="Roses, lilies.", **{ending: 3}))  # type: ignore[arg-type]
    with contextlib.suppress(Exception):
        interact(interactive, asynchronous, stream=True)
    assert telemetry.attributes["callspan.outcome"] == "error"
    if ending == "error_after":
        assert telemetry.attributes["error.type"] == "INTERNAL"


@INTERACTIONS
@STEPS
@pytest.mark.instrument(capture="span")
def test_content_of_interactions(
    telemetry: Telemetry, interactive: Any, model_server: ModelServer
) -> None:
    """What was said stands on the span, whole or streamed alike."""
    for stream in (False, True):
        model_server.enqueue(Reply(text="Roses, lilies."))
        interact(interactive, False, stream=stream, system_instruction="Be brief.")
    for span in telemetry.spans:
        found = dict(span.attributes or {})
        [system], [asked], [answered] = (
            json.loads(found[f"gen_ai.{name}"])
            for name in ("system_instructions", "input.messages", "output.messages")
        )
        assert system == {"type": "text", "content": "Be brief."}
        assert asked["parts"] == [{"type": "text", "content": "whisper-asked"}]
        assert answered["parts"] == [{"type": "text", "content": "Roses, lilies."}]


def test_steps_of_an_interaction() -> None:
    """Thoughts, calls whose arguments come in pieces, and results are told as the parts that they are."""
    events = [
        {"event_type": "step.start", "index": 0, "step": {"type": "thought"}},
        {
            "event_type": "step.delta",
            "index": 0,
            "delta": {"type": "thought_summary", "content": {"text": "Hm."}},
        },
        {
            "event_type": "step.delta",
            "index": 0,
            "delta": {"type": "thought_signature", "signature": "c2ln"},
        },
        {
            "event_type": "step.start",
            "index": 1,
            "step": {"type": "function_call", "id": "c1", "name": "look_up"},
        },
        {
            "event_type": "step.delta",
            "index": 1,
            "delta": {"type": "arguments_delta", "arguments": '{"flower":'},
        },
        {
            "event_type": "step.delta",
            "index": 1,
            "delta": {"type": "arguments_delta", "arguments": '"rose"}'},
        },
        {
            "event_type": "interaction.completed",
            "interaction": {"id": "i1", "status": "requires_action"},
        },
    ]
    response = read(*events, wire_format=INTERACTION)
    [message] = response.messages
    called = {"type": "tool_call", "id": "c1", "name": "look_up", "arguments": {"flower": "rose"}}
    assert message["parts"] == [{"type": "reasoning", "content": "Hm."}, called]
    assert response.finish_reasons == ["tool_calls"]


def test_nothing_foreign(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """An instrumentation that is loaded but has wrapped nothing does not count."""
    monkeypatch.setitem(
        sys.modules, "openinference.instrumentation.google_genai", kinds.ModuleType("x")
    )
    telemetry.instrument()
    assert {client.foreign for client in callspan.status().clients} == {()}


def read(*answers: Any, wire_format: Any = CONTENT) -> Response:
    """Return a response to which a format has added these answers."""
    response = Response()
    for answer in answers:
        delta = wire_format.read(answer, True)
        if delta is not None:
            response.add(delta)
    return response


def test_all_tokens_are_accounted_for() -> None:
    """Thoughts are output and what a tool put into the prompt is input, so that the total is the provider's."""
    stated = {
        "promptTokenCount": 20,
        "candidatesTokenCount": 151,
        "thoughtsTokenCount": 382,
        "toolUsePromptTokenCount": 5,
        "totalTokenCount": 558,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 12},
            {"modality": "IMAGE", "tokenCount": 8},
        ],
        "toolUsePromptTokensDetails": [{"modality": "TEXT", "tokenCount": 5}],
        "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 151}],
    }
    usage = read({"usageMetadata": stated}).usage
    assert usage is not None
    assert (usage.input, usage.output, usage.reasoning, usage.total) == (25, 533, 382, 558)
    assert (usage.input_text, usage.input_image, usage.output_audio) == (17, 8, 151)


def test_calls_of_the_same_function_stay_apart() -> None:
    """Calls without ids are as many as there are, in one chunk or in several."""
    part = {"functionCall": {"name": "look_up", "args": {}}}
    chunk = {"candidates": [{"content": {"parts": [part, part]}}]}
    [message] = read(chunk, chunk).messages
    assert [(found["type"], found["name"]) for found in message["parts"]] == [
        ("tool_call", "look_up")
    ] * 4


def test_code_that_the_provider_ran() -> None:
    """Code and its result are a call of a tool of the provider's own, and what that answered."""
    code = {"executableCode": {"language": "PYTHON", "code": "1+1"}}
    result = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}}
    [message] = read({"candidates": [{"content": {"parts": [code, result]}}]}).messages
    called, answered = message["parts"]
    assert called["server_tool_call"]["arguments"] == {"language": "PYTHON", "code": "1+1"}
    assert answered["server_tool_call_response"]["content"] == {
        "outcome": "OUTCOME_OK",
        "output": "2",
    }


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"candidates": None},
        {"candidates": [None]},
        {"candidates": [{}]},
        {"candidates": [{"content": None, "finishReason": 3}]},
        {"candidates": [{"content": {"parts": None}}]},
        {
            "candidates": [
                {
                    "content": {
                        "parts": [None, {}, {"text": None}, {"text": ""}, {"functionCall": {}}]
                    }
                }
            ]
        },
        {"usageMetadata": None},
        {"usageMetadata": {"trafficType": "ON_DEMAND"}},
        {
            "usageMetadata": {
                "promptTokenCount": "ten",
                "promptTokensDetails": [None, {"modality": 3}],
            }
        },
        {"promptFeedback": None},
        {"embeddings": [None]},
        {"predictions": [{}], "embedding": {"values": None}},
        None,
        "text",
        [],
    ],
)
def test_odd_answers(answer: Any) -> None:
    """Odd answers are read as far as they go, and no count is made up."""
    for wire_format in (CONTENT, EMBEDDINGS, IMAGES, INTERACTION):
        usage = read(answer, wire_format=wire_format).usage
        assert usage is None or usage.total is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"contents": "text", "tools": "text", "systemInstruction": "text"},
        {"contents": [None, "text", {}], "tools": [None, {}], "generationConfig": None},
        {
            "generationConfig": {"responseModalities": "TEXT", "thinkingConfig": "deep"},
            "instances": [None],
            "requests": 3,
        },
    ],
)
def test_odd_requests(body: Any) -> None:
    """So are odd requests."""
    for wire_format in (CONTENT, EMBEDDINGS, IMAGES, INTERACTION):
        wire_format.parameters(body)
        wire_format.content(body)


def chunks() -> Iterator[dict[str, Any]]:
    """Chunks of mere text."""
    for word in ("Roses", " are", " red"):
        yield {"candidates": [{"content": {"parts": [{"text": word}]}}], "modelVersion": MODEL}


def test_text_is_not_looked_at_where_nobody_reads_it() -> None:
    """Without a reader of text its parts are not taken from the chunk."""
    assert [CONTENT.read(chunk, False).parts for chunk in chunks()] == [(), (), ()]  # type: ignore[union-attr]
