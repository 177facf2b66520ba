"""What is attached to a client object holds for the variants that the client makes of itself."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from importlib import import_module
from typing import Any

import anthropic
import openai
import pytest

import callspan
from callspan.testing.modelserver import ModelServer
from clients import (
    HttpClient,
    anthropic_client,
    async_openai_client,
    google_client,
    http,
    mistral_client,
    openai_client,
    stainless_at,
)
from creating import cohere_client
from program import CHAT
from telemetry import Telemetry

INPUT = "gen_ai.input.messages"
AZURE: dict[str, Any] = {
    "api_key": "any",
    "api_version": "2024-10-21",
    "azure_endpoint": "http://model.test",
}
CLOUD: dict[str, dict[str, Any]] = {
    "AnthropicBedrock": {
        "aws_access_key": "any",
        "aws_secret_key": "any",
        "aws_region": "us-east-1",
    },
    "AnthropicVertex": {"access_token": "any", "project_id": "any", "region": "us-east5"},
    "AnthropicFoundry": {"api_key": "any", "resource": "any"},
}


class Notes:
    """Keeps the calls that it hears of."""

    reads_text = False

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def on_end(self, call: Any, _response: Any) -> None:
        """Keep the call."""
        self.calls.append(call)


def _unasked(_request: Any) -> Any:
    raise AssertionError("no request is to be made")


def clients() -> dict[str, Callable[[], Any]]:
    """All client classes that make variants of themselves."""
    url = "http://model.test/v1"
    found: dict[str, Callable[[], Any]] = {
        "OpenAI": lambda: openai_client(url),
        "AsyncOpenAI": lambda: async_openai_client(url),
        "AzureOpenAI": lambda: openai.AzureOpenAI(**AZURE),
        "AsyncAzureOpenAI": lambda: openai.AsyncAzureOpenAI(**AZURE),
    }
    others = {
        "groq": "Groq",
        "together": "Together",
        "fireworks": "Fireworks",
        "cerebras.cloud.sdk": "Cerebras",
        "sambanova": "SambaNova",
        "perplexity": "Perplexity",
        "writerai": "Writer",
        "letta_client": "Letta",
    }
    for module, kind in others.items():
        more = {"warm_tcp_connection": False} if kind == "Cerebras" else {}
        for name in (kind, f"Async{kind}"):
            found[name] = lambda module=module, name=name, more=more: stainless_at(
                module, name, **more
            )(url)
    for kind in ("Anthropic", *CLOUD):
        for name in (kind, f"Async{kind}"):
            if hasattr(anthropic, name):
                options = CLOUD.get(kind, {})
                found[name] = lambda name=name, options=options: anthropic_client(
                    _unasked, name, **options
                )
    return found


CLIENTS = clients()
WAYS = {
    "copy": lambda client: client.copy(),
    "with_options": lambda client: client.with_options(timeout=5, max_retries=1),
    "another HTTP client": lambda client: client.copy(http_client=type(client._client)()),
    "twice": lambda client: client.with_options(timeout=5).with_options(max_retries=1),
}


@pytest.fixture
def attached() -> Any:
    """What client objects have of their own."""
    return import_module("callspan.lifecycle.client_options").options_by_client


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CLIENTS)
def test_variants_inherit(telemetry: Telemetry, attached: Any, name: str, way: str) -> None:
    """Each class that has variants hands on to them what it has, in each way of making one."""
    client = CLIENTS[name]()
    callspan.attach(client, Notes(), capture="off")
    variant = WAYS[way](client)
    assert variant is not client
    assert attached[variant] is attached[client]


@pytest.mark.instrument(capture="span")
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("raw", [False, True], ids=["parsed", "raw"])
def test_capture_off_holds_for_a_variant(
    telemetry: Telemetry, client: openai.OpenAI, raw: bool, stream: bool
) -> None:
    """The content of a client whose capture is off is not exported because of a time limit."""
    callspan.attach(client, capture="off")
    completions = client.with_options(timeout=5).chat.completions
    answer: Any = (completions.with_raw_response if raw else completions).create(
        **CHAT, stream=stream
    )
    answer = answer.parse() if raw else answer
    if stream:
        list(answer)
    assert INPUT not in telemetry.attributes
    assert CHAT["messages"][0]["content"] not in telemetry.everything()


async def test_an_asynchronous_variant(telemetry: Telemetry, model_server: ModelServer) -> None:
    """Handlers and budgets of an asynchronous client hold for its variants, which share what is left."""
    notes = Notes()
    async with async_openai_client(model_server.url) as client:
        callspan.attach(client, notes, callspan.budget(calls=1))
        await client.copy().chat.completions.create(**CHAT)
        with pytest.raises(callspan.BudgetExceeded):
            await client.with_options(timeout=5).chat.completions.create(**CHAT)
        with pytest.raises(callspan.BudgetExceeded):
            await client.chat.completions.create(**CHAT)
    assert len(notes.calls) == 1


def test_a_variant_of_an_apps_own_class(telemetry: Telemetry, model_server: ModelServer) -> None:
    """Subclasses of the app's own, also with a `copy` of their own, hand on as well."""

    class Own(openai.OpenAI):
        def copy(self, **options: Any) -> Any:
            return super().copy(**options)

    notes = Notes()
    with Own(api_key="any", base_url=model_server.url, http_client=HttpClient()) as client:
        callspan.attach(client, notes)
        client.copy(timeout=5).chat.completions.create(**CHAT)
    assert len(notes.calls) == 1


def test_what_is_attached_to_a_variant_stays_there(
    telemetry: Telemetry, client: openai.OpenAI
) -> None:
    """A handler of a variant hears nothing of its original, nor of variants that were made before or beside it."""
    before = client.copy()
    original, own = Notes(), Notes()
    callspan.attach(client, original)
    variant, beside = client.copy(), client.copy()
    callspan.attach(variant, own)
    for each in (before, client, variant, beside):
        each.chat.completions.create(**CHAT)
    assert (len(original.calls), len(own.calls)) == (3, 1)


def test_clients_that_share_an_http_client(telemetry: Telemetry, model_server: ModelServer) -> None:
    """Two clients over one HTTP client are no variants of each other."""
    notes, speaker = Notes(), HttpClient()
    first, second = (openai_client(model_server.url, http_client=speaker) for _ in range(2))
    callspan.attach(first, notes)
    second.chat.completions.create(**CHAT)
    speaker.close()
    assert notes.calls == []


def test_a_client_made_while_another_copies(
    telemetry: Telemetry, model_server: ModelServer
) -> None:
    """A function of the app's that is called `copy` makes no variants."""
    notes = Notes()

    def copy(self: Any) -> openai.OpenAI:
        """Make a client beside another one."""
        return openai_client(self)

    with openai_client(model_server.url) as client:
        callspan.attach(client, notes)
        with copy(model_server.url) as other:
            other.chat.completions.create(**CHAT)
    assert notes.calls == []


def test_a_variant_keeps_no_original(telemetry: Telemetry, attached: Any) -> None:
    """What is attached lives with the objects that have it, and with no others."""
    client = openai_client("http://model.test/v1")
    callspan.attach(client, Notes())
    variant = client.with_options(timeout=5)
    gone = weakref.ref(client)
    del client
    gc.collect()
    assert gone() is None
    assert len(attached[variant].handlers) == 1


@pytest.mark.instrument(capture="span")
def test_parts_of_a_client(telemetry: Telemetry, model_server: ModelServer) -> None:
    """What hangs on a client object speaks through it: raw and streaming responses, asynchronous and beta parts."""
    client, gemini = openai_client(model_server.url), google_client(model_server.url)
    cohere, mistral = cohere_client(model_server.url), mistral_client(model_server.url)
    for each in (client, gemini, cohere, mistral):
        callspan.attach(each, capture="off")
    client.with_raw_response.chat.completions.create(**CHAT)
    with client.with_streaming_response.chat.completions.create(**CHAT) as response:
        response.read()
    client.beta.chat.completions.parse(**CHAT)
    gemini.models.generate_content(model="gemini-flowers", contents="Roses?")
    gemini.chats.create(model="gemini-flowers").send_message("Roses?")
    cohere.with_raw_response.chat(**CHAT)
    mistral.chat.complete(**CHAT)
    assert len(telemetry.spans) == 7
    assert [span.name for span in telemetry.spans if INPUT in (span.attributes or {})] == []


def test_a_class_of_the_app_has_the_provider_of_its_base(telemetry: Telemetry) -> None:
    """An app's subclass of the client for Azure speaks to Azure, whatever it is called."""

    class Ours(openai.AzureOpenAI):
        pass

    def respond(request: Any) -> Any:
        return http.Response(200, json={"id": "c", "choices": []}, request=request)

    transport = HttpClient(transport=http.MockTransport(respond))
    with Ours(**AZURE, http_client=transport) as client:
        client.chat.completions.create(**CHAT)
    assert telemetry.attributes["gen_ai.provider.name"] == "azure.ai.openai"
