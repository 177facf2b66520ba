"""Mistral's client: chat, agents, completions between two texts, conversations and embeddings, whole and streamed."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from opentelemetry import trace
from pydantic import BaseModel

import callspan
from callspan.formats.openai.chat import CHAT
from callspan.testing.modelserver import ModelServer, Reply, ToolCall
from clients import (
    MISTRAL_ERROR,
    MISTRAL_GENERATORS,
    MISTRAL_KEEPS,
    MISTRAL_TRACES,
    mistral_client,
)
from conftest import PAYLOADS
from telemetry import Telemetry, counts

MODEL = "mistral-small-latest"
ASKED: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "whisper-asked"}]}
BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
_PROBE = mistral_client("http://model.test/v1")
AN_ID = pytest.mark.breaks(
    "name.place", "answers of embeddings have an id, for which the conventions have no place"
)
CONVERSATIONS = pytest.mark.skipif(
    not hasattr(getattr(_PROBE, "beta", None), "conversations"),
    reason="an old version of the client",
)
PARSE = pytest.mark.skipif(not hasattr(_PROBE.chat, "parse"), reason="an old version of the client")


@pytest.fixture
def client(model_server: ModelServer) -> Any:
    """Mistral's client, speaking to the model server."""
    return mistral_client(model_server.url)


def payload(name: str) -> Reply:
    """An answer from a payload file."""
    status = int(name[6:9]) if name.startswith("error_") else 200
    return Reply(raw=(PAYLOADS / "mistralai" / name).read_bytes(), status=status)


def ask(resource: Any, asynchronous: bool, name: str = "complete", **request: Any) -> Any:
    """One call of a method; the items if it streams."""
    if not asynchronous:
        given = getattr(resource, name)(**request)
        return list(given) if "stream" in name else given

    async def aask() -> Any:
        given = await getattr(resource, f"{name}_async")(**request)
        return [item async for item in given] if "stream" in name else given

    return asyncio.run(aask())


@BOTH
@pytest.mark.parametrize(
    ("name", "finish"),
    [
        ("chat.json", "stop"),
        ("chat_tool_calls.json", "tool_calls"),
        ("chat_stream.sse", "stop"),
        ("chat_stream_tools.sse", "tool_calls"),
    ],
)
def test_what_an_answer_states(
    telemetry: Telemetry,
    client: Any,
    model_server: ModelServer,
    name: str,
    finish: str,
    asynchronous: bool,
) -> None:
    """Model, id, reason and tokens stand on the span, and nothing of what was said."""
    model_server.enqueue(payload(name))
    streamed = name.endswith(".sse")
    ask(client.chat, asynchronous, "stream" if streamed else "complete", **ASKED)
    attributes = telemetry.attributes
    assert telemetry.span.name == f"chat {MODEL}"
    assert attributes["gen_ai.provider.name"] == "mistral_ai"
    assert (attributes["server.address"], attributes["server.port"]) == (
        "127.0.0.1",
        model_server.port,
    )
    assert attributes["gen_ai.response.model"] == MODEL
    assert attributes["gen_ai.response.id"] == ("cmpl-s1" if streamed else "cmpl-e5cc70bb28c4")
    assert attributes["gen_ai.response.finish_reasons"] == (finish,)
    told = {"input_tokens": 16, "output_tokens": 34, "cache_read.input_tokens": 8}
    if streamed and not MISTRAL_KEEPS:
        del told["cache_read.input_tokens"]
    assert counts(telemetry) == told
    assert telemetry.tokens == {"input": 16, "output": 34}
    assert "whisper" not in telemetry.everything()
    assert "onjour" not in telemetry.everything()


@pytest.mark.instrument(capture="span")
def test_settings(telemetry: Telemetry, client: Any) -> None:
    """What is asked for stands on the span under the conventions' names, the seed too, which has a name of its own."""
    client.chat.complete(
        **ASKED, random_seed=7, temperature=0.3, max_tokens=5, stop=["."], safe_prompt=True
    )
    attributes = telemetry.attributes
    wanted = {"seed": 7, "temperature": 0.3, "max_tokens": 5, "stop_sequences": (".",)}
    assert {name: attributes[f"gen_ai.request.{name}"] for name in wanted} == wanted


@pytest.mark.instrument(capture="span")
@pytest.mark.skipif(
    MISTRAL_GENERATORS, reason="an old version of the client, which cannot read thoughts"
)
def test_thoughts(telemetry: Telemetry, client: Any, model_server: ModelServer) -> None:
    """A content that is a list has thoughts and text, which are told apart."""
    model_server.enqueue(payload("chat_thinking.json"))
    with contextlib.suppress(ValueError):  # older clients cannot read it, but it is there
        client.chat.complete(**ASKED)
    said = telemetry.attributes["gen_ai.output.messages"]
    assert '"parts":[{"type":"reasoning","content":"Hmm."},{"type":"text","content":"42"}]' in said


def test_content_of_a_request() -> None:
    """Thoughts, documents and sounds of a request are parts of their kinds, inline bytes apart from their type."""
    chunks = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Hmm."}, {"type": "reference"}]},
        {"type": "document_url", "document_url": "https://flowers.test/a.pdf"},
        {"type": "image_url", "image_url": "data:image/png;base64,AAAA"},
        {"type": "input_audio", "input_audio": "UklGR"},
        {"type": "input_audio", "input_audio": "https://flowers.test/a.mp3"},
        {"type": "file", "file_id": "f-1"},
    ]
    message = CHAT.content({"messages": [{"role": "user", "content": chunks}]}).messages[0]
    assert message["parts"] == [
        {"type": "reasoning", "content": "Hmm."},
        {"type": "uri", "modality": "document", "uri": "https://flowers.test/a.pdf"},
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "AAAA"},
        {"type": "blob", "modality": "audio", "mime_type": "audio/wav", "content": "UklGR"},
        {"type": "uri", "modality": "audio", "uri": "https://flowers.test/a.mp3"},
        {"type": "file", "modality": "document", "file_id": "f-1"},
    ]


@BOTH
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("error_401.json", None),
        ("error_422.json", None),
        ("error_429.json", "invalid_request_rate_limit"),
        ("error_500.json", "internal_server_error"),
    ],
)
def test_refusals(
    telemetry: Telemetry,
    client: Any,
    model_server: ModelServer,
    name: str,
    told: str,
    stream: bool,
    asynchronous: bool,
) -> None:
    """A refusal is an error by Mistral's word for it, else by the exception, which the app and handlers get alike."""
    heard: list[BaseException] = []

    class Ears:
        def on_error(self, _call: Any, error: BaseException) -> None:
            heard.append(error)

    model_server.enqueue(payload(name))
    with callspan.use_handlers(Ears()), pytest.raises(Exception) as caught:  # noqa: PT011  which one is the client's choice
        ask(client.chat, asynchronous, "stream" if stream else "complete", **ASKED)
    kind = type(caught.value)
    assert heard == [caught.value]
    assert heard[0] is caught.value
    assert telemetry.attributes["error.type"] == (told or f"{kind.__module__}.{kind.__qualname__}")
    assert telemetry.attributes["callspan.outcome"] == "error"
    assert telemetry.span.status.status_code.name == "ERROR"
    if isinstance(caught.value, MISTRAL_ERROR):
        assert telemetry.attributes["http.response.status_code"] == int(name[6:9])
        assert telemetry.attributes["http.response.header.x-request-id"] == ("req_000001",)
    assert not counts(telemetry)


@BOTH
def test_an_error_within_a_stream(
    telemetry: Telemetry, client: Any, model_server: ModelServer, asynchronous: bool
) -> None:
    """A stream that says that the model has failed is an error by that word, though the client cannot read it."""
    model_server.enqueue(Reply(text="Roses, lilies.", error_after=2))
    with pytest.raises(Exception, match="alidation") as caught:
        ask(client.chat, asynchronous, "stream", **ASKED)
    assert telemetry.attributes["error.type"] == "internal_server_error"
    assert type(caught.value).__name__ in ("ResponseValidationError", "ValidationError")


@BOTH
@pytest.mark.skipif(
    MISTRAL_GENERATORS, reason="an old version of the client, whose retries fail by themselves"
)
def test_retries_are_one_call(
    telemetry: Telemetry, client: Any, model_server: ModelServer, asynchronous: bool
) -> None:
    """What the client tries again stays one call, which tells of each attempt."""
    utils = __import__(
        f"{type(client.chat).__module__.rpartition('.')[0]}.utils", fromlist=["RetryConfig"]
    )
    retries = utils.RetryConfig("backoff", utils.BackoffStrategy(1, 2, 1.1, 20_000), True)
    model_server.enqueue(Reply(status=503), Reply(status=429))
    ask(client.chat, asynchronous, **ASKED, retries=retries)
    assert telemetry.attributes["callspan.request.attempts"] == 3
    assert [event["callspan.retry.cause"] for event in telemetry.events("callspan.retry")] == [
        "503",
        "429",
    ]
    assert telemetry.attributes["callspan.outcome"] == "completed"


@BOTH
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_completions_between_two_texts(
    telemetry: Telemetry, client: Any, model_server: ModelServer, stream: bool, asynchronous: bool
) -> None:
    """A completion between a prompt and a suffix is a text completion."""
    ask(
        client.fim,
        asynchronous,
        "stream" if stream else "complete",
        model="codestral",
        prompt="a",
        suffix="b",
    )
    assert telemetry.span.name == "text_completion codestral"
    assert counts(telemetry)["output_tokens"] == model_server.ledger.total_told.output


@BOTH
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_agents(
    telemetry: Telemetry, client: Any, model_server: ModelServer, stream: bool, asynchronous: bool
) -> None:
    """An agent's answer is a chat whose model is known from the answer."""
    request = {"agent_id": "ag-1", "messages": ASKED["messages"]}
    model_server.enqueue(Reply(text="Roses.", model=MODEL))
    ask(client.agents, asynchronous, "stream" if stream else "complete", **request)
    assert telemetry.span.name == "chat"
    assert telemetry.attributes["gen_ai.response.model"] == MODEL
    assert telemetry.attributes["gen_ai.agent.id"] == "ag-1"
    assert counts(telemetry)["output_tokens"] == model_server.ledger.total_told.output


@BOTH
@AN_ID
def test_embeddings(
    telemetry: Telemetry, client: Any, model_server: ModelServer, asynchronous: bool
) -> None:
    """Embeddings have input tokens and dimensions."""
    model_server.enqueue(payload("embeddings.json"))
    ask(client.embeddings, asynchronous, "create", model="mistral-embed", inputs=["whisper"])
    assert telemetry.span.name == "embeddings mistral-embed"
    assert telemetry.attributes["gen_ai.response.id"] == "embd-1"
    assert telemetry.attributes["gen_ai.embeddings.dimension.count"] == 2
    assert counts(telemetry) == {"input_tokens": 15}
    assert "whisper" not in telemetry.everything()


@PARSE
@BOTH
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_parse_helpers(
    telemetry: Telemetry, client: Any, model_server: ModelServer, stream: bool, asynchronous: bool
) -> None:
    """The helpers that ask for an object are one call each, whose output is JSON."""

    class Flower(BaseModel):
        name: str

    model_server.enqueue(Reply(text='{"name": "rose"}'))
    given = ask(
        client.chat,
        asynchronous,
        "parse_stream" if stream else "parse",
        **ASKED,
        response_format=Flower,
    )
    assert telemetry.attributes["gen_ai.output.type"] == "json"
    if not stream:
        assert given.choices[0].message.parsed == Flower(name="rose")


@CONVERSATIONS
@BOTH
@pytest.mark.parametrize("stream", ["", "_stream"], ids=["plain", "streamed"])
def test_conversations(
    telemetry: Telemetry, client: Any, model_server: ModelServer, stream: str, asynchronous: bool
) -> None:
    """To begin a conversation and to add to it are calls of the model, with the tokens that they state."""
    resource = client.beta.conversations
    ask(
        resource,
        asynchronous,
        f"start{stream}",
        inputs="whisper",
        model=MODEL,
        completion_args={"temperature": 0.2},
    )
    found, total = dict(telemetry.attributes), model_server.ledger.total_told
    assert telemetry.span.name == f"chat {MODEL}"
    assert found["gen_ai.request.temperature"] == 0.2
    assert found["gen_ai.conversation.id"] == "conv_000001"
    assert found["gen_ai.response.model"] == MODEL
    assert counts(telemetry) == {"input_tokens": total.input, "output_tokens": total.output}
    assert found["callspan.outcome"] == "completed"
    assert "whisper" not in telemetry.everything()
    telemetry.clear()
    later = mistral_client(model_server.url)  # the first one's event loop is closed
    ask(
        later.beta.conversations,
        asynchronous,
        f"append{stream}",
        conversation_id="conv_000001",
        inputs="whisper",
    )
    assert telemetry.span.name == "chat"
    assert telemetry.attributes["gen_ai.conversation.id"] == "conv_000002"


@CONVERSATIONS
@pytest.mark.instrument(capture="span")
def test_content_of_conversations(
    telemetry: Telemetry, client: Any, model_server: ModelServer
) -> None:
    """What was said and which tools were asked for stand on the span, whole or streamed alike."""
    spoken = []
    result = {"type": "function.result", "tool_call_id": "c1", "result": "red"}
    said = [{"type": "message.input", "role": "user", "content": "Which?"}, result]
    for name in ("start", "start_stream"):
        model_server.enqueue(
            Reply(text="Roses, lilies.", tool_calls=(ToolCall("price", '{"of": "rose"}'),))
        )
        ask(
            client.beta.conversations,
            False,
            name,
            inputs=said,
            model=MODEL,
            instructions="Be kind.",
        )
        spoken.append(
            {
                key: telemetry.attributes[f"gen_ai.{key}"]
                for key in ("input.messages", "output.messages")
            }
        )
        assert (
            telemetry.attributes["gen_ai.system_instructions"]
            == '[{"type":"text","content":"Be kind."}]'
        )
        telemetry.clear()
    spoken[1]["output.messages"] = spoken[1]["output.messages"].replace(
        "call_000002", "call_000001"
    )
    assert spoken[0] == spoken[1]
    assert '"type":"tool_call_response","id":"c1","response":"red"' in spoken[0]["input.messages"]
    assert '{"type":"text","content":"Roses, lilies."}' in spoken[0]["output.messages"]
    assert '"name":"price","arguments":{"of":"rose"}' in spoken[0]["output.messages"]


@CONVERSATIONS
@BOTH
def test_failed_conversations(
    telemetry: Telemetry, client: Any, model_server: ModelServer, asynchronous: bool
) -> None:
    """A conversation that ends in an error event failed, by the code of the event."""
    model_server.enqueue(Reply(text="Roses, lilies.", error_after=2))
    ask(client.beta.conversations, asynchronous, "start_stream", inputs="Hello", model=MODEL)
    assert telemetry.attributes["error.type"] == "3000"
    assert telemetry.attributes["callspan.outcome"] == "error"


@CONVERSATIONS
def test_conversations_left_early(
    telemetry: Telemetry, client: Any, model_server: ModelServer
) -> None:
    """A conversation whose reader leaves before its end is abandoned."""
    model_server.enqueue(Reply(text="Roses, lilies."))
    stream = client.beta.conversations.start_stream(inputs="Hello", model=MODEL)
    for _ in zip(range(2), stream, strict=False):
        pass
    with stream:
        pass
    assert telemetry.attributes["callspan.outcome"] == "abandoned"


@AN_ID
def test_handlers_of_one_client(
    telemetry: Telemetry, client: Any, model_server: ModelServer
) -> None:
    """A handler that is attached to a client object hears the calls of that client only."""
    heard: list[str] = []

    class Ears:
        def on_end(self, call: Any, _response: Any) -> None:
            heard.append(call.operation)

    callspan.attach(client, Ears())
    client.chat.complete(**ASKED)
    another = mistral_client(model_server.url)
    another.chat.complete(**ASKED)
    client.embeddings.create(model="mistral-embed", inputs=["Roses"])
    assert heard == ["chat", "embeddings"]


def test_no_span_of_its_own(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch, model_server: ModelServer
) -> None:
    """The client makes no span of its own for a call that has one of ours; without us it does as it would."""
    monkeypatch.setenv("MISTRAL_SDK_TELEMETRY", "global")
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: telemetry.tracer_provider)
    for asynchronous in (False, True):
        for name in ("complete", "stream"):
            client = mistral_client(model_server.url)
            ask(client.chat, asynchronous, name, **ASKED)
    assert len(telemetry.all_spans) == len(telemetry.spans) == 4
    callspan.uninstrument()
    telemetry.clear()
    client = mistral_client(model_server.url)
    ask(client.chat, False, **ASKED)
    own = [span.instrumentation_scope.name for span in telemetry.all_spans]
    assert own == (["mistralai_sdk_tracer"] if MISTRAL_TRACES else [])
    telemetry.clear()


def _dedicated(client: Any, provider: Any) -> None:
    from mistralai.extra.observability.telemetry import configure_telemetry

    configure_telemetry(client, provider=provider)


def test_a_span_of_its_own_that_the_app_asked_for(
    telemetry: Telemetry, model_server: ModelServer
) -> None:
    """An app that gives a client a tracer provider keeps the client's spans there; ours go where they went."""
    client, own = mistral_client(model_server.url), Telemetry()
    try:
        _dedicated(client, own.tracer_provider)
    except ImportError:
        pytest.skip("an old version of the client")
    for asynchronous in (False, True):
        ask(client.chat, asynchronous, **ASKED)
    assert len(telemetry.spans) == len(telemetry.all_spans) == 2
    assert [span.instrumentation_scope.name for span in own.all_spans] == [
        "mistralai_sdk_tracer"
    ] * 2
    own.shutdown()


@pytest.mark.instrument(on_native="keep")
def test_its_own_span_is_kept_beside_ours(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch, model_server: ModelServer
) -> None:
    if not MISTRAL_TRACES:
        pytest.skip("an old version of the client")
    monkeypatch.setenv("MISTRAL_SDK_TELEMETRY", "global")
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: telemetry.tracer_provider)
    ask(mistral_client(model_server.url).chat, False, **ASKED)
    assert (len(telemetry.spans), len(telemetry.all_spans)) == (1, 2)


def test_the_stream_stays_what_it_was(telemetry: Telemetry, client: Any) -> None:
    """A stream passes for what the client makes, and can be read on after its reader has left the loop."""
    stream = client.chat.stream(**ASKED)
    if not MISTRAL_GENERATORS:
        assert type(stream).__name__ == "EventStream"
        assert stream.response.status_code == 200
    first = next(iter(stream))
    rest = list(stream)
    assert first.data.id == rest[-1].data.id
    assert rest[-1].data.choices[0].finish_reason == "stop"
