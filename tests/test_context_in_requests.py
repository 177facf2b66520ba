"""The `traceparent` header of a client that traces itself: the context of our span, where it would have sent one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anthropic
import pytest
from opentelemetry import context as otel
from opentelemetry import propagate, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import callspan
import child
from callspan.testing.modelserver import ModelServer, Reply
from clients import MISTRAL_TRACES, anthropic_at, async_anthropic_at, mistral_client
from telemetry import Telemetry

BASE: Any = anthropic._base_client.BaseClient  # type: ignore[attr-defined]
pytestmark = pytest.mark.skipif(
    not hasattr(BASE, "_tracer"), reason="a version of Anthropic's client that makes no spans"
)
HELLO: dict[str, Any] = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 64,
    "messages": [{"role": "user", "content": "Hello"}],
}
REMOTE = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}


def _plain(client: Any) -> None:
    client.messages.create(**HELLO)


def _streamed(client: Any) -> None:
    list(client.messages.create(**HELLO, stream=True))


def _by_helper(client: Any) -> None:
    with client.messages.stream(**HELLO) as stream:
        stream.get_final_message()


def _raw(client: Any) -> None:
    client.messages.with_raw_response.create(**HELLO).parse()


def _raw_stream(client: Any) -> None:
    with client.messages.with_streaming_response.create(**HELLO) as response:
        response.read()


async def _aplain(client: Any) -> None:
    await client.messages.create(**HELLO)


async def _astreamed(client: Any) -> None:
    assert [event async for event in await client.messages.create(**HELLO, stream=True)]


async def _araw(client: Any) -> None:
    async with client.messages.with_streaming_response.create(**HELLO) as response:
        await response.read()


WAYS = (_plain, _streamed, _by_helper, _raw, _raw_stream, _aplain, _astreamed, _araw)


def _use(way: Callable[[Any], Any], url: str, **options: Any) -> None:
    if not asyncio.iscoroutinefunction(way):
        with anthropic_at(url, **options) as client:
            way(client)
        return

    async def main() -> None:
        async with async_anthropic_at(url, **options) as client:
            await way(client)

    asyncio.run(main())


def _headers(server: ModelServer) -> list[str | None]:
    return [request.headers.get("traceparent") for request in server.requests]


def _header_of(span: Any) -> str:
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


@pytest.fixture
def app_provider(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the provider that callspan uses the global one, set by the app."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", telemetry.tracer_provider)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__.strip("_"))
def test_the_header_has_the_context_of_the_exported_span(
    telemetry: Telemetry, app_provider: None, model_server: ModelServer, way: Callable[[Any], Any]
) -> None:
    """With a provider of the app's, what a gateway does becomes a child of our span."""
    _use(way, model_server.url)
    assert _headers(model_server) == [_header_of(telemetry.span)]
    assert len(telemetry.all_spans) == 1


@pytest.mark.parametrize("way", [_plain, _aplain], ids=["sync", "async"])
def test_each_attempt_of_one_call_has_the_same_context(
    telemetry: Telemetry, app_provider: None, model_server: ModelServer, way: Callable[[Any], Any]
) -> None:
    """Retries belong to the one span of the call."""
    model_server.enqueue(Reply(status=529, headers={"retry-after-ms": "1"}), Reply(text="Roses."))
    _use(way, model_server.url, max_retries=1)
    assert _headers(model_server) == [_header_of(telemetry.span)] * 2


def test_a_span_that_is_not_sampled(
    telemetry: Telemetry, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The header says that nothing is recorded, so that a gateway records nothing either."""
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    callspan.instrument(tracer_provider=provider)
    _use(_plain, model_server.url)
    [header] = _headers(model_server)
    assert header is not None
    assert int(header.rpartition("-")[2], 16) & trace.TraceFlags.SAMPLED == 0
    assert telemetry.all_spans == []


OPTION = {
    "spans switched off": ({"traces": False}, 0),
    "no propagation": ({"propagation": False}, 0),
    "the default": ({"traces": True}, 1),
}


@pytest.mark.parametrize("option", OPTION.values(), ids=OPTION)
def test_what_the_app_tells_the_client_is_obeyed(
    telemetry: Telemetry, app_provider: None, model_server: ModelServer, option: Any
) -> None:
    """A client that the app has forbidden to send a context sends none of ours."""
    open_telemetry, sent = option
    _use(_plain, model_server.url, open_telemetry=open_telemetry)
    assert _headers(model_server) == ([_header_of(telemetry.span)] if sent else [None])


@pytest.mark.parametrize("on_native", ["mute", "keep"])
def test_without_a_provider_of_the_apps_nothing_is_sent(
    telemetry: Telemetry, model_server: ModelServer, on_native: str
) -> None:
    """A provider that is for callspan alone adds nothing to the requests, also within our own spans."""
    telemetry.instrument(on_native=on_native)

    @callspan.workflow
    def work() -> None:
        _use(_plain, model_server.url)

    _use(_plain, model_server.url)
    _use(_aplain, model_server.url)
    work()
    assert _headers(model_server) == [None, None, None]


PROGRAM = """
import sys
import anthropic
from opentelemetry import trace
import callspan

callspan.configure(file=sys.argv[2])
callspan.instrument()
client = anthropic.Anthropic(api_key="sk-test", base_url=sys.argv[1])
with trace.get_tracer("app").start_as_current_span("work"):
    client.messages.create(
        model="claude-sonnet-4-5", max_tokens=64, messages=[{"role": "user", "content": "Hello"}]
    )
"""


def test_with_a_provider_of_callspans_nothing_is_sent(
    model_server: ModelServer, tmp_path: Path
) -> None:
    """Without callspan there would be no provider and no span, and so no header."""
    file = tmp_path / "spans.jsonl"
    result = child.run(PROGRAM, model_server.url.removesuffix("/v1"), str(file))
    assert result.returncode == 0, result.stderr
    assert "chat claude-sonnet-4-5" in file.read_text(encoding="utf-8")
    assert _headers(model_server) == [None]


def _traced(server: ModelServer, headers: Mapping[str, str]) -> None:
    token = otel.attach(propagate.extract(headers))
    try:
        _use(_plain, server.url)
    finally:
        otel.detach(token)


@pytest.mark.parametrize("on_native", ["mute", "keep"])
def test_a_context_from_outside_is_handed_on_by_way_of_our_span(
    telemetry: Telemetry, model_server: ModelServer, on_native: str
) -> None:
    """Where the app serves a request with a context, the client would pass that on without a provider."""
    telemetry.instrument(on_native=on_native)
    _traced(model_server, REMOTE)
    assert _headers(model_server) == [_header_of(telemetry.span)]
    assert "a" * 32 in _header_of(telemetry.span)


def test_a_span_of_the_apps_around_the_call(
    telemetry: Telemetry, model_server: ModelServer
) -> None:
    """The client would pass on the context of a span around it, whoever made that."""
    with telemetry.tracer.start_as_current_span("work"):
        _use(_plain, model_server.url)
    assert _headers(model_server) == [_header_of(telemetry.span)]


@pytest.mark.breaks("name.unknown", "the attribute is the app's")
@pytest.mark.parametrize("way", [_plain, _aplain], ids=["sync", "async"])
def test_code_of_the_apps_in_the_request_finds_our_span(
    telemetry: Telemetry, app_provider: None, model_server: ModelServer, way: Callable[[Any], Any]
) -> None:
    """What a subclass of the client writes on the current span before each request is exported."""

    class Client(anthropic.Anthropic):
        def _prepare_request(self, _request: Any) -> None:
            trace.get_current_span().set_attribute("app.region", "north")

    class AsyncClient(anthropic.AsyncAnthropic):
        async def _prepare_request(self, _request: Any) -> None:
            trace.get_current_span().set_attribute("app.region", "north")

    common = {"api_key": "sk-test", "base_url": model_server.url.removesuffix("/v1")}
    before = trace.get_current_span()
    if way is _plain:
        _plain(Client(**common))
    else:
        asyncio.run(_aplain(AsyncClient(**common)))
    assert telemetry.attributes["app.region"] == "north"
    assert trace.get_current_span() is before


def test_the_header_of_the_clients_own_span_where_it_is_kept(
    telemetry: Telemetry, app_provider: None, model_server: ModelServer
) -> None:
    telemetry.instrument(on_native="keep")
    _use(_plain, model_server.url)
    [own] = [span for span in telemetry.all_spans if span.name == "anthropic.messages.create"]
    assert _headers(model_server) == [_header_of(own)]


# --- Mistral's client, which writes the header itself ----------------------------------------------------------------


def _ask_mistral(url: str, way: str) -> None:
    asked: dict[str, Any] = {
        "model": "mistral-small-latest",
        "messages": [{"role": "user", "content": "Hello"}],
    }
    client = mistral_client(url)
    if way == "plain":
        client.chat.complete(**asked)
    elif way == "streamed":
        list(client.chat.stream(**asked))
    else:
        asyncio.run(client.chat.complete_async(**asked))


@pytest.fixture
def mistral_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Mistral's client trace itself with the global provider."""
    if not MISTRAL_TRACES:
        pytest.skip("a version of Mistral's client that makes no spans")
    monkeypatch.setenv("MISTRAL_SDK_TELEMETRY", "global")


@pytest.mark.parametrize("way", ["plain", "streamed", "async"])
def test_mistral_with_a_provider_of_the_apps(
    telemetry: Telemetry,
    mistral_traces: None,
    app_provider: None,
    model_server: ModelServer,
    way: str,
) -> None:
    """Its own span gives way, and the header has the context of ours."""
    _ask_mistral(model_server.url, way)
    assert _headers(model_server) == [_header_of(telemetry.span)]
    assert len(telemetry.all_spans) == 1


def test_mistral_without_a_provider_of_the_apps(
    telemetry: Telemetry, mistral_traces: None, model_server: ModelServer
) -> None:
    """Nothing is sent where the client would have sent nothing."""
    _ask_mistral(model_server.url, "plain")
    assert _headers(model_server) == [None]


def test_mistral_that_does_not_trace_itself(
    telemetry: Telemetry, app_provider: None, model_server: ModelServer
) -> None:
    """By default the client makes no spans, and no header."""
    pytest.importorskip("mistralai.extra.observability.telemetry", reason="an old version")
    _ask_mistral(model_server.url, "plain")
    assert _headers(model_server) == [None]
