"""Real clients, made to speak to the model server or to a transport of the test's own."""

from __future__ import annotations

import contextlib
import inspect
import os
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import anthropic
import openai
from google import genai
from google.genai import _api_client as google_api
from google.genai import types as google_types

from callspan.hooks.client import Client
from callspan.runtime.listing import Listing


def library(client: Any) -> Any:
    """Return the HTTP library of a client that Stainless generated."""
    names = vars(import_module(f"{client.__name__}._base_client"))
    return names.get("httpx2") or names["httpx"]


def listing(client: Client) -> Listing[Client]:
    """Return a listing for a client that a test has changed."""
    return Listing(client.name, (client.module,), lambda: client)


http: Any = library(openai)
"""The HTTP library that this version of OpenAI's client is built on."""
anthropic_http: Any = library(anthropic)
"""The same for Anthropic's client."""
HttpClient: Any = getattr(openai, "DefaultHttpxClient", http.Client)
AsyncHttpClient: Any = getattr(openai, "DefaultAsyncHttpxClient", http.AsyncClient)

CLOSABLE = hasattr(openai.Stream, "close")
"""Whether streams can be closed and stand in a `with`; those of the oldest clients cannot."""

# reading the certificates takes longer than most tests
_CERTIFICATES = ssl.create_default_context()
_COMMON: dict[str, Any] = {"api_key": "sk-test-secret", "max_retries": 0, "timeout": 20}


def openai_client(url: str, **options: Any) -> openai.OpenAI:
    """Return OpenAI's client, which by default does not retry."""
    http = HttpClient(verify=_CERTIFICATES)
    return openai.OpenAI(**{**_COMMON, "base_url": url, "http_client": http, **options})


def async_openai_client(url: str, **options: Any) -> openai.AsyncOpenAI:
    """Return OpenAI's asynchronous client, which by default does not retry."""
    http = AsyncHttpClient(verify=_CERTIFICATES)
    return openai.AsyncOpenAI(**{**_COMMON, "base_url": url, "http_client": http, **options})


def anthropic_client(respond: Any, kind: str = "Anthropic", **options: Any) -> Any:
    """Return a client of Anthropic's that a function answers; by default it does not retry."""
    make = anthropic_http.AsyncClient if kind.startswith("Async") else anthropic_http.Client
    speaker = make(transport=anthropic_http.MockTransport(respond))
    has_key = not any(word in kind for word in ("Bedrock", "Vertex", "GoogleCloud"))
    credentials = {"api_key": _COMMON["api_key"]} if has_key else {}
    common = {**credentials, "max_retries": 0, "timeout": 20, "http_client": speaker}
    return getattr(anthropic, kind)(**{**common, **options})


def anthropic_at(url: str, **options: Any) -> Any:
    """Return Anthropic's client, which speaks to the model server."""
    http = anthropic_http.Client(verify=_CERTIFICATES)
    return anthropic.Anthropic(
        **{**_COMMON, "base_url": url.removesuffix("/v1"), "http_client": http, **options}
    )


def async_anthropic_at(url: str, **options: Any) -> Any:
    """Return Anthropic's asynchronous client, which speaks to the model server."""
    http = anthropic_http.AsyncClient(verify=_CERTIFICATES)
    return anthropic.AsyncAnthropic(
        **{**_COMMON, "base_url": url.removesuffix("/v1"), "http_client": http, **options}
    )


def stainless_at(
    module: str, kind: str, unversioned: bool = False, **defaults: Any
) -> Callable[..., Any]:
    """Return a function that imports a client of Stainless and makes it speak to the model server.

    The paths of an `unversioned` one have no version, nor has its base URL.
    """

    def make(url: str, **options: Any) -> Any:
        client = import_module(module)
        speaker = library(client)
        http_class = speaker.AsyncClient if kind.startswith("Async") else speaker.Client
        http = http_class(verify=_CERTIFICATES)
        arguments = {**_COMMON, "http_client": http, **defaults, **options}
        make = partial(getattr(client, kind), **arguments)
        # Newer versions have it in the path of each request.
        is_versioned = unversioned or make().base_url.path.rstrip("/").endswith("/v1")
        return make(base_url=url if is_versioned else url.removesuffix("/v1"))

    return make


google_http: Any = getattr(google_api, "httpx2", None) or google_api.httpx  # type: ignore[attr-defined]
"""The HTTP library that this version of Google's client is built on."""
_GOOGLE_OPTIONS = google_types.HttpOptions.model_fields


def google_client(url: str, respond: Any = None, **options: Any) -> Any:
    """Return Google's client for Gemini, which does not retry; `respond` may answer it."""
    transport = (
        {"transport": google_http.MockTransport(respond)} if respond else {"verify": _CERTIFICATES}
    )
    http_options: dict[str, Any] = {"base_url": url.removesuffix("/v1"), "timeout": 20_000}
    if "httpx_client" in _GOOGLE_OPTIONS:
        http_options["httpx_client"] = google_http.Client(**transport)
        http_options["httpx_async_client"] = google_http.AsyncClient(**transport)
    if "retry_options" in _GOOGLE_OPTIONS:
        http_options["retry_options"] = {"attempts": 1}
    return genai.Client(**{"api_key": _COMMON["api_key"], "http_options": http_options, **options})


class Gemini:
    """The models of Google's client with a method `create`, for whole answers and streams."""

    def __init__(self, models: Any) -> None:
        self._models = models
        self.models = self

    def create(self, stream: bool = False, **request: Any) -> Any:
        if stream:
            return self._models.generate_content_stream(**request)
        return self._models.generate_content(**request)


@contextlib.contextmanager
def gemini_at(url: str) -> Iterator[Gemini]:
    """Make Google's client speak to the model server."""
    yield Gemini(google_client(url).models)


@contextlib.asynccontextmanager
async def async_gemini_at(url: str) -> AsyncIterator[Gemini]:
    """Make Google's asynchronous client speak to the model server."""
    yield Gemini(google_client(url).aio.models)


class LiteLLM:
    """LiteLLM's functions as a client, which speaks to the model server and does not retry."""

    def __init__(self, url: str, asynchronous: bool, provider: str) -> None:
        self._name = "acompletion" if asynchronous else "completion"
        self._provider, self._url = provider, url
        self.chat = self

    def create(self, model: str, **request: Any) -> Any:
        # Without it, LiteLLM asks the network when it is imported.
        os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
        litellm = import_module("litellm")
        litellm.suppress_debug_info = True
        arguments = {"api_key": _COMMON["api_key"], "max_retries": 0, **request}
        return getattr(litellm, self._name)(
            model=f"{self._provider}/{model}",
            api_base=litellm_base(self._url, self._provider, model),
            **arguments,
        )


def litellm_base(url: str, provider: str, model: str) -> str:
    """Return the model server's address in LiteLLM's form for a provider."""
    bare = url.removesuffix("/v1")
    return {"anthropic": bare, "gemini": f"{bare}/v1beta/models/{model}"}.get(provider, url)


def litellm_at(provider: str, asynchronous: bool = False) -> Callable[[str], Any]:
    """Return a function that makes LiteLLM speak to the model server."""
    return lambda url: contextlib.nullcontext(LiteLLM(url, asynchronous, provider))


def _mistral() -> tuple[Any, Any, Any]:
    """Return Mistral's package, which has moved, its HTTP library, and its module of streams."""
    try:
        package, home = import_module("mistralai.client"), "mistralai.client"
    except ImportError:
        package, home = import_module("mistralai"), "mistralai"
    if not hasattr(package, "Mistral"):
        package, home = import_module("mistralai"), "mistralai"
    return (
        package,
        import_module(f"{home}.basesdk").httpx,
        import_module(f"{home}.utils.eventstreaming"),
    )


mistral, _mistral_http, _mistral_streams = _mistral()
MISTRAL_GENERATORS = not hasattr(_mistral_streams, "EventStream")
"""Whether the streams of Mistral's client are plain generators, as those of the oldest are."""
MISTRAL_KEEPS: bool = hasattr(
    import_module(f"{mistral.__name__}.models").UsageInfo, "additional_properties"
)
"""Whether its streams have counts that this version has no name for."""
MISTRAL_TRACES = find_spec(f"{mistral.__name__}._hooks.tracing") is not None
"""Whether it can make spans of its own."""
MISTRAL_ERROR: Any = (
    getattr(mistral, "SDKError", None) or import_module("mistralai.client.errors").SDKError
)
"""The most general exception of Mistral's client."""


def mistral_client(url: str, **options: Any) -> Any:
    """Return Mistral's client, which speaks to the model server and does not retry."""
    speakers = {
        "client": _mistral_http.Client(verify=_CERTIFICATES, timeout=20),
        "async_client": _mistral_http.AsyncClient(verify=_CERTIFICATES, timeout=20),
    }
    server = f"{url.removesuffix('/v1')}/mistral"
    return mistral.Mistral(
        **{"api_key": _COMMON["api_key"], "server_url": server, **speakers, **options}
    )


class MistralChat:
    """The chat of Mistral's client with a method `create`, for whole answers and streams."""

    def __init__(self, client: Any, ending: str = "") -> None:
        self._client = client  # some versions close their connections when it is gone
        self._complete = getattr(client.chat, f"complete{ending}")
        self._stream = getattr(client.chat, f"stream{ending}")
        self.chat = self

    def create(self, stream: bool = False, **request: Any) -> Any:
        return (self._stream if stream else self._complete)(**request)


@contextlib.contextmanager
def mistral_at(url: str) -> Iterator[MistralChat]:
    """Make Mistral's client speak to the model server."""
    yield MistralChat(mistral_client(url))


@contextlib.asynccontextmanager
async def async_mistral_at(url: str) -> AsyncIterator[MistralChat]:
    """Make Mistral's asynchronous client speak to the model server."""
    yield MistralChat(mistral_client(url), "_async")


def huggingface_client(url: str, kind: str = "InferenceClient") -> Any:
    """Return Hugging Face's client for a model at an address."""
    # Older versions put an id of their own into their exceptions, if the app sends none.
    options = {"token": _COMMON["api_key"], "timeout": 20, "headers": {"x-request-id": "asked"}}
    return getattr(import_module("huggingface_hub"), kind)(model=url, **options)


@contextlib.contextmanager
def huggingface_at(url: str) -> Iterator[Any]:
    """Make Hugging Face's client speak to the model server."""
    yield huggingface_client(url)


@contextlib.asynccontextmanager
async def async_huggingface_at(url: str) -> AsyncIterator[Any]:
    """Make Hugging Face's asynchronous client speak to the model server."""
    async with huggingface_client(url, "AsyncInferenceClient") as client:
        yield client


def has(path: str, make: Any = openai_client) -> bool:
    """Whether this version of the client has something, such as `chat.completions.parse`.

    Also a parameter: `chat.completions.create:stream_options`.
    """
    path, _, parameter = path.partition(":")
    with make("http://model.test/v1") as client:
        value: Any = client
        for name in path.split("."):
            value = getattr(value, name, None)
    if value is None or not parameter:
        return value is not None
    return parameter in inspect.signature(value).parameters
