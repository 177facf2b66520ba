"""Ollama's client: chats, prompts and embeddings, whole and streamed, and what its models leave unsaid."""

from __future__ import annotations

import asyncio
import inspect
import json
from typing import Any

import httpx
import ollama
import pytest
from opentelemetry import context as otel
from opentelemetry import trace

import callspan
from callspan.events import Response
from callspan.formats.ollama.generation import CHAT, GENERATE
from callspan.testing.modelserver import ModelServer, Reply, ToolCall
from creating import ollama_client
from telemetry import Telemetry, counts

MODEL = "flowers-8b"
CHATTED: dict[str, Any] = {
    "model": MODEL,
    "messages": [{"role": "user", "content": "whisper-asked"}],
}
PROMPTED: dict[str, Any] = {"model": MODEL, "prompt": "whisper-asked"}
RESPONSE_ERROR = "ollama._types.ResponseError"
PARAMETERS = inspect.signature(ollama.Client.chat).parameters
BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


def ask(
    url: str, asynchronous: bool, name: str = "chat", respond: Any = None, **request: Any
) -> Any:
    """One call of a client's method; the chunks if it streams."""
    client = ollama_client(url, "AsyncClient" if asynchronous else "Client", respond)
    request = {**(CHATTED if name == "chat" else PROMPTED if name == "generate" else {}), **request}
    if not asynchronous:
        given = getattr(client, name)(**request)
        return list(given) if request.get("stream") else given

    async def aask() -> Any:
        given = await getattr(client, name)(**request)
        return [chunk async for chunk in given] if request.get("stream") else given

    return asyncio.run(aask())


@BOTH
@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("chat.json", "chat"),
        ("chat_thinking.json", "chat"),
        ("chat_tool_calls.json", "chat"),
        ("chat_stream.ndjson", "chat"),
        ("chat_stream_tools.ndjson", "chat"),
        ("generate.json", "generate"),
        ("generate_stream.ndjson", "generate"),
    ],
)
def test_what_an_answer_states(
    telemetry: Telemetry,
    model_server: ModelServer,
    payload: Any,
    name: str,
    method: str,
    asynchronous: bool,
) -> None:
    """Model, reason and tokens stand on the span, whole or streamed; what was said does not."""
    model_server.enqueue(Reply(raw=payload(f"ollama/{name}")))
    ask(model_server.url, asynchronous, method, stream=name.endswith("ndjson"))
    attributes = telemetry.attributes
    operation = "chat" if method == "chat" else "text_completion"
    assert (telemetry.span.name, attributes["gen_ai.provider.name"]) == (
        f"{operation} {MODEL}",
        "ollama",
    )
    assert (attributes["server.address"], attributes["server.port"]) == (
        "127.0.0.1",
        model_server.port,
    )
    assert attributes["gen_ai.response.model"] == "llama3.2"
    assert attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert attributes["callspan.outcome"] == "completed"
    assert counts(telemetry) == {"input_tokens": 26, "output_tokens": 3}
    assert telemetry.tokens == {"input": 26, "output": 3}
    assert not [
        word for word in ("whisper", "Hel", "Hi.", "Paris") if word in telemetry.everything()
    ]


@BOTH
def test_a_stream_where_telemetry_is_suppressed(
    telemetry: Telemetry, model_server: ModelServer, asynchronous: bool
) -> None:
    """The app reads it to the end all the same, and there is no span."""
    mark = otel.attach(otel.set_value("suppress_instrumentation", True))
    try:
        chunks = ask(model_server.url, asynchronous, stream=True)
    finally:
        otel.detach(mark)
    assert chunks[-1].done
    assert telemetry.spans == []


@BOTH
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_prompt_that_was_cached_is_not_counted(
    telemetry: Telemetry, model_server: ModelServer, payload: Any, stream: bool, asynchronous: bool
) -> None:
    """Where the prompt was not evaluated anew its count is left out by the server, and is not known: never 0."""
    stated = payload(f"ollama/{'chat_stream.ndjson' if stream else 'chat.json'}").decode()
    raw = stated.replace('"prompt_eval_count": 26,', "").replace('"prompt_eval_count":26,', "")
    model_server.enqueue(Reply(raw=raw))
    ask(model_server.url, asynchronous, stream=stream)
    assert counts(telemetry) == {"output_tokens": 3}
    assert telemetry.tokens == {"output": 3}


@BOTH
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("status", "name"), [(400, "error_400"), (404, "error_404"), (500, "error_500"), (429, None)]
)
def test_failures(
    telemetry: Telemetry,
    model_server: ModelServer,
    payload: Any,
    status: int,
    name: str | None,
    stream: bool,
    asynchronous: bool,
) -> None:
    """A refused call has the client's error, which has no code, the status, and what the answer's headers say."""
    raw = payload(f"ollama/{name}.json") if name else None
    headers = {"x-request-id": "req-7", "retry-after": "3"}
    model_server.enqueue(Reply(raw=raw, status=status, headers=headers))
    with pytest.raises(ollama.ResponseError) as raised:
        ask(model_server.url, asynchronous, stream=stream)
    assert raised.value.status_code == status
    attributes = telemetry.attributes
    assert (attributes["error.type"], attributes["http.response.status_code"]) == (
        RESPONSE_ERROR,
        status,
    )
    assert attributes["http.response.header.x-request-id"] == ("req-7",)
    assert attributes["http.response.header.retry-after"] == ("3",)
    assert telemetry.span.status.description is None


@BOTH
def test_error_inside_a_stream(
    telemetry: Telemetry, model_server: ModelServer, payload: Any, asynchronous: bool
) -> None:
    """An error in place of a chunk is an error of the call; it has no status, for the answer's was 200."""
    model_server.enqueue(Reply(raw=payload("ollama/chat_stream_error.ndjson")))
    with pytest.raises(ollama.ResponseError, match="CUDA"):
        ask(model_server.url, asynchronous, stream=True)
    attributes = telemetry.attributes
    assert (attributes["error.type"], attributes["callspan.outcome"]) == (RESPONSE_ERROR, "error")
    assert "http.response.status_code" not in attributes
    assert attributes["gen_ai.response.finish_reasons"] == ("error",)
    assert "CUDA" not in telemetry.everything()


def test_an_error_that_the_app_is_handling_is_no_cause(
    telemetry: Telemetry, model_server: ModelServer, payload: Any
) -> None:
    """A call that fails while the app handles another failure does not take that one's status for its own."""
    model_server.enqueue(Reply(raw=payload("ollama/chat_stream_error.ndjson")))
    before = httpx.Response(
        503, headers={"retry-after": "9"}, request=httpx.Request("GET", "http://other.test")
    )
    try:
        before.raise_for_status()
    except httpx.HTTPStatusError:
        with pytest.raises(ollama.ResponseError):
            ask(model_server.url, False, stream=True)
    assert not [name for name in telemetry.attributes if name.startswith("http.")]


@BOTH
def test_nobody_answers(telemetry: Telemetry, asynchronous: bool) -> None:
    """A server that is not there is an error of the class that the app sees."""

    def respond(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises((ConnectionError, httpx.ConnectError)) as raised:
        ask("http://127.0.0.1:1/v1", asynchronous, respond=respond)
    expected = "ConnectionError" if raised.type is ConnectionError else "httpx.ConnectError"
    assert telemetry.attributes["error.type"] == expected


@BOTH
def test_embeddings(
    telemetry: Telemetry, model_server: ModelServer, payload: Any, asynchronous: bool
) -> None:
    """Embeddings tell their tokens and dimensions, never the vectors."""
    model_server.enqueue(Reply(raw=payload("ollama/embed.json")))
    answer = ask(model_server.url, asynchronous, "embed", model=MODEL, input=["whisper-rose"])
    assert answer["embeddings"] == [[0.01, -0.002, 0.05]]
    attributes = telemetry.attributes
    assert (telemetry.span.name, attributes["gen_ai.response.model"]) == (
        f"embeddings {MODEL}",
        "all-minilm",
    )
    assert attributes["gen_ai.embeddings.dimension.count"] == 3
    assert counts(telemetry) == {"input_tokens": 8}
    assert telemetry.tokens == {"input": 8}
    assert not [word for word in ("whisper", "-0.002") if word in telemetry.everything()]


@BOTH
def test_embeddings_of_one_prompt(
    telemetry: Telemetry, model_server: ModelServer, asynchronous: bool
) -> None:
    """The older endpoint states nothing but the vector."""
    answer = ask(model_server.url, asynchronous, "embeddings", model=MODEL, prompt="whisper-rose")
    attributes = telemetry.attributes
    assert telemetry.span.name == f"embeddings {MODEL}"
    assert attributes["gen_ai.embeddings.dimension.count"] == len(answer["embedding"])
    assert counts(telemetry) == {}
    assert "whisper" not in telemetry.everything()


@pytest.mark.skipif(not hasattr(ollama.Client, "systemone"), reason="an old version of the client")
@pytest.mark.instrument(capture="span")
@BOTH
def test_system_one(telemetry: Telemetry, asynchronous: bool) -> None:
    """Questions about a state are answered by a model, whose tokens have other names there."""
    answers = {"rose": {"type": "noul", "noul": 0.9}}
    told = {"model": MODEL, "answers": answers, "usage": {"input_tokens": 31, "output_tokens": 2}}
    questions = {"rose": {"type": "noul", "instructions": "Is it a rose?"}}
    asked = {"model": MODEL, "state": "A red flower.", "questions": questions}
    respond = lambda _request: httpx.Response(200, json=told)  # noqa: E731
    ask("http://ollama.test", asynchronous, "systemone", respond, **asked)
    attributes = telemetry.attributes
    assert (telemetry.span.name, attributes["gen_ai.response.model"]) == (
        f"generate_content {MODEL}",
        MODEL,
    )
    assert counts(telemetry) == {"input_tokens": 31, "output_tokens": 2}
    [sent], [given] = (
        json.loads(attributes[f"gen_ai.{name}.messages"]) for name in ("input", "output")
    )
    assert [part["content"] for part in sent["parts"]] == ["A red flower.", json.dumps(questions)]
    assert json.loads(given["parts"][0]["content"]) == answers


def test_functions_of_the_module(
    telemetry: Telemetry, model_server: ModelServer, monkeypatch: Any
) -> None:
    """The module's own functions are methods of a client made at import, and are seen as any other."""
    mine = ollama.chat.__self__  # type: ignore[attr-defined]
    monkeypatch.setattr(mine, "_client", ollama_client(model_server.url)._client)
    ollama.chat(**CHATTED)
    assert len(list(ollama.generate(**PROMPTED, stream=True))) > 1
    ollama.embed(model=MODEL, input="rose")
    names = [f"{operation} {MODEL}" for operation in ("chat", "text_completion", "embeddings")]
    assert [span.name for span in telemetry.spans] == names
    total = model_server.ledger.total_told
    assert telemetry.tokens == {"input": total.input, "output": total.output}


def test_address_from_the_environment(
    telemetry: Telemetry, model_server: ModelServer, monkeypatch: Any
) -> None:
    """The server may stand anywhere; it is Ollama all the same, and the span says where."""
    monkeypatch.setenv("OLLAMA_HOST", f"localhost:{model_server.port}")
    ollama.Client().chat(**CHATTED)
    attributes = telemetry.attributes
    assert (attributes["server.address"], attributes["server.port"]) == (
        "localhost",
        model_server.port,
    )
    assert attributes["gen_ai.provider.name"] == "ollama"


@pytest.mark.parametrize(
    "host", ["http://127.0.0.1:1234", "https://models.flowers.test/ollama", "https://ollama.com"]
)
def test_other_addresses(telemetry: Telemetry, payload: Any, host: str) -> None:
    """At the port of another kind of server, or behind a path, it is still Ollama that answers."""
    seen: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(200, content=payload("ollama/chat.json"))

    ask(host, False, respond=respond)
    attributes = telemetry.attributes
    assert seen == [str(httpx.URL(f"{host}/api/chat"))]
    assert (attributes["gen_ai.provider.name"], attributes["server.address"]) == (
        "ollama",
        httpx.URL(host).host,
    )


def test_what_is_no_call(telemetry: Telemetry) -> None:
    """Listing, showing and deleting models calls none of them."""
    client = ollama_client(
        "http://ollama.test", respond=lambda _request: httpx.Response(200, json={"models": []})
    )
    client.list()
    client.ps()
    client.delete(MODEL)
    assert telemetry.spans == []


@pytest.mark.instrument(capture="span")
def test_settings(telemetry: Telemetry, model_server: ModelServer) -> None:
    """What was asked for stands on the span under the conventions' names."""
    options = {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "num_predict": 64,
        "stop": ["END"],
        "seed": 7,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "num_ctx": 4096,
    }
    ask(model_server.url, False, options=options, format="json")
    found = {
        name.removeprefix("gen_ai.request."): value for name, value in telemetry.attributes.items()
    }
    expected = {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "max_tokens": 64,
        "stop_sequences": ("END",),
        "seed": 7,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "gen_ai.output.type": "json",
    }
    assert {name: found.get(name) for name in expected} == expected


def test_no_limit_is_no_limit(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A negative number of tokens means to go on for ever, and is not told as a limit."""
    ask(model_server.url, False, options={"num_predict": -1})
    assert "gen_ai.request.max_tokens" not in telemetry.attributes


@pytest.mark.skipif("think" not in PARAMETERS, reason="an old version of the client")
@pytest.mark.parametrize(("think", "level"), [("high", "high"), (True, None)])
def test_thinking(
    telemetry: Telemetry, model_server: ModelServer, think: Any, level: str | None
) -> None:
    """How hard to think is told where it is a level, and is not made up where it is only switched on."""
    ask(model_server.url, False, think=think)
    assert telemetry.attributes.get("gen_ai.request.reasoning.level") == level


@pytest.mark.instrument(capture="span")
def test_content(telemetry: Telemetry, model_server: ModelServer) -> None:
    """What was said, with images, tools and their results, stands on the span in the conventions' shapes."""
    model_server.enqueue(Reply(tool_calls=(ToolCall("look_up", '{"flower": "rose"}'),)))
    called = {"function": {"name": "look_up", "arguments": {"flower": "tulip"}}}
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is this?", "images": [b"\x89PNG\r\n\x1a\n"]},
        {"role": "assistant", "content": "", "tool_calls": [called]},
        {"role": "tool", "content": "three coins"},
    ]
    schema = {"type": "object", "properties": {"flower": {"type": "string"}}}
    function = {"name": "look_up", "description": "The price.", "parameters": schema}
    ask(
        model_server.url,
        False,
        messages=messages,
        tools=[{"type": "function", "function": function}],
    )
    names = ("input.messages", "tool.definitions", "output.messages")
    sent, tools, given = (json.loads(telemetry.attributes[f"gen_ai.{name}"]) for name in names)
    system, user, model, tool = sent
    assert system == {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]}
    said, image = user["parts"]
    assert said == {"type": "text", "content": "What is this?"}
    assert (image["type"], image["modality"], image["mime_type"], image["size"]) == (
        "blob",
        "image",
        "image/png",
        12,
    )
    asked = {"type": "tool_call", "id": None, "name": "look_up", "arguments": {"flower": "tulip"}}
    assert model["parts"] == [asked]
    assert tool["parts"] == [{"type": "tool_call_response", "id": None, "response": "three coins"}]
    [told] = tools
    assert (told["type"], told["name"], told["description"]) == (
        "function",
        "look_up",
        "The price.",
    )
    [answer] = given
    assert answer["parts"] == [{**asked, "arguments": {"flower": "rose"}}]
    assert "iVBOR" not in telemetry.everything()


@pytest.mark.instrument(capture="span")
def test_content_of_a_prompt(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A prompt with its system prompt and image, and its answer, are told as a conversation would be."""
    model_server.enqueue(Reply(text="A rose."))
    ask(
        model_server.url,
        False,
        "generate",
        prompt="What?",
        system="Be brief.",
        images=[b"\xff\xd8\xff"],
        stream=True,
    )
    names = ("system_instructions", "input.messages", "output.messages")
    system, [sent], [given] = (json.loads(telemetry.attributes[f"gen_ai.{name}"]) for name in names)
    assert system == [{"type": "text", "content": "Be brief."}]
    said, image = sent["parts"]
    assert (said["content"], image["mime_type"]) == ("What?", "image/jpeg")
    assert given["parts"] == [{"type": "text", "content": "A rose."}]


@pytest.mark.skipif(
    "think" not in PARAMETERS, reason="old versions of the client drop what a model thought"
)
@pytest.mark.instrument(capture="span")
def test_thoughts(telemetry: Telemetry, model_server: ModelServer, payload: Any) -> None:
    """What a model thought is told as reasoning, beside its answer, of a chat and of a prompt."""
    model_server.enqueue(Reply(raw=payload("ollama/chat_thinking.json")))
    ask(model_server.url, False)
    [answer] = json.loads(telemetry.attributes["gen_ai.output.messages"])
    assert [part["type"] for part in answer["parts"]] == ["reasoning", "text"]
    telemetry.clear()
    model_server.enqueue(Reply(reasoning="User greets.", text="Hi."))
    ask(model_server.url, False, "generate", stream=True)
    [answer] = json.loads(telemetry.attributes["gen_ai.output.messages"])
    thought = {"type": "reasoning", "content": "User greets."}
    assert answer["parts"] == [thought, {"type": "text", "content": "Hi."}]


@pytest.mark.instrument(capture="span")
def test_tool_calls_of_a_stream_stay_apart(telemetry: Telemetry, model_server: ModelServer) -> None:
    """Two calls without ids, each whole in a chunk of its own, are two calls, even of the same function."""
    calls = tuple(
        ToolCall("look_up", json.dumps({"flower": flower})) for flower in ("rose", "tulip")
    )
    model_server.enqueue(Reply(tool_calls=calls))
    ask(model_server.url, False, stream=True)
    [answer] = json.loads(telemetry.attributes["gen_ai.output.messages"])
    assert [part["arguments"] for part in answer["parts"]] == [
        {"flower": "rose"},
        {"flower": "tulip"},
    ]


def test_server_that_gives_no_reason() -> None:
    """The oldest servers say only that they are done, which is to say that they stopped by themselves."""
    response = Response()
    for chunk in (
        {"response": "Hi.", "done": False},
        {"response": "", "done": True, "eval_count": 2},
    ):
        delta = GENERATE.read({"model": MODEL, **chunk}, True)
        assert delta is not None
        response.add(delta)
    assert (response.finish_reasons, response.text, response.last) == (["stop"], "Hi.", True)


def test_image_that_was_made() -> None:
    """A picture is told by type and size, as part of the answer."""
    delta = GENERATE.read({"model": MODEL, "image": "iVBORw0KGgo=", "done": True}, True)
    assert delta is not None
    [part] = delta.parts
    assert (part.kind, (part.data or {})["modality"], (part.data or {})["mime_type"]) == (
        "blob",
        "image",
        "image/png",
    )


@pytest.mark.parametrize(
    "odd", [{}, {"message": None}, {"message": {"content": 3, "tool_calls": [None]}, "done": 1}]
)
def test_odd_answers(odd: dict[str, Any]) -> None:
    """What does not look like an answer states nothing, and breaks nothing."""
    delta = CHAT.read(odd, True)
    assert delta is not None
    assert (delta.model, delta.usage) == (None, None)


@BOTH
def test_a_stream_begins_when_it_is_read(
    telemetry: Telemetry, model_server: ModelServer, asynchronous: bool
) -> None:
    """A stream is a generator as ever, asks for nothing until it is read, and no span is current in the loop's body."""

    begun: list[Any] = []

    class Notes:
        def on_start(self, call: Any) -> None:
            begun.append(call)

    def seen() -> tuple[int, int, bool]:
        return (
            len(begun),
            len(model_server.requests),
            trace.get_current_span().get_span_context().is_valid,
        )

    async def aread() -> None:
        stream: Any = await ollama_client(model_server.url, "AsyncClient").chat(
            **CHATTED, stream=True
        )
        assert inspect.isasyncgen(stream)
        assert seen() == (0, 0, False)
        async for _chunk in stream:
            assert seen() == (1, 1, False)

    telemetry.instrument(handlers=[Notes()])
    if asynchronous:
        asyncio.run(aread())
    else:
        stream: Any = ollama_client(model_server.url).chat(**CHATTED, stream=True)
        assert inspect.isgenerator(stream)
        assert seen() == (0, 0, False)
        for _chunk in stream:
            assert seen() == (1, 1, False)
    assert telemetry.attributes["callspan.outcome"] == "completed"


def test_a_reader_that_stops_as_its_program_ends(telemetry: Telemetry, payload: Any) -> None:
    """A stream that is left in a generator of the app's is abandoned, though the loop's end cancels its closing."""
    body = payload("ollama/chat_stream.ndjson")
    client = ollama_client(
        "http://ollama.test", "AsyncClient", lambda _request: httpx.Response(200, content=body)
    )

    async def words() -> Any:
        async for chunk in await client.chat(**CHATTED, stream=True):
            yield chunk["message"]["content"]

    async def first() -> None:
        async for _word in words():
            break

    asyncio.run(first())
    assert telemetry.attributes["callspan.outcome"] == "abandoned"


def test_handlers_of_one_client(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A handler that is attached to a client object hears the calls of that client only."""
    heard: list[str] = []

    class Notes:
        def on_token(self, _call: Any, token: Any) -> None:
            heard.append(token.text)

    client = ollama_client(model_server.url)
    callspan.attach(client, Notes())
    model_server.enqueue(Reply(text="Roses."), Reply(text="Lilies."))
    list(client.chat(**CHATTED, stream=True))
    list(ollama_client(model_server.url).chat(**CHATTED, stream=True))
    assert "".join(heard) == "Roses."
