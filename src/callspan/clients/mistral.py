"""Mistral's client, and those beside it for its models at Azure and at Google's Vertex."""

from __future__ import annotations

from callspan.events import Failure
from callspan.formats.mistral.conversations import CONVERSATIONS
from callspan.formats.mistral.fim import FIM
from callspan.formats.openai.batches import BATCH, FILE
from callspan.formats.openai.chat import CHAT
from callspan.formats.openai.embeddings import EMBEDDINGS
from callspan.formats.openai.responses import RESPONSES
from callspan.hooks import speakeasy
from callspan.hooks.client import Client, Subscriber
from callspan.hooks.client_types import ClientObject, Result
from callspan.hooks.failure import explain
from callspan.hooks.methods import Method, methods_hook
from callspan.hooks.refusal import follow_or_await_error
from callspan.runtime.patching import Patch
from callspan.semconv.providers import provider

_PACKAGES = {
    "mistralai.client": "Mistral",
    "mistralai": "Mistral",
    "mistralai.azure.client": "MistralAzure",
    "mistralai_azure": "MistralAzure",
    "mistralai.gcp.client": "MistralGCP",
    "mistralai_gcp": "MistralGCP",
}
"""The package of each client since 2.0 and before it, and how the name of its exception begins."""
_CLOUDS = {"azure": "azure.ai.inference", "gcp": "gcp.vertex_ai"}

_ENDPOINTS = {
    "/chat/completions": CHAT,
    "/agents/completions": CHAT,
    "/rawPredict": CHAT,
    "/streamRawPredict": CHAT,
    "/fim/completions": FIM,
    # Vertex has one path for chats and for these; the client tells them apart by a fragment, which
    # is not sent (tests/test_mistral_clouds.py)
    "/rawPredict#fim": FIM,
    "/streamRawPredict#fim": FIM,
    "/embeddings": EMBEDDINGS,
    "/responses": RESPONSES,
    "/conversations": CONVERSATIONS,
    "/conversations/{id}": CONVERSATIONS,
    "/conversations/{id}/restart": CONVERSATIONS,
}

_BATCHES = {"GET /batch/jobs/{id}": BATCH, "GET /files/{id}/content": FILE}


def _provider(hooks: ClientObject, host: str, port: int | None) -> str:
    """Return the provider at the address, else the one of the client's package.

    The hook knows a client object by its `_hooks` only.
    """
    package = type(hooks).__module__
    own_provider = "mistral_ai"
    for word, name in _CLOUDS.items():
        if word in package:
            own_provider = name
            break
    return provider(host, port, own_provider)


def _errors(package: str, prefix: str) -> list[tuple[str, str]]:
    """Return the package's exceptions, by module and class.

    `<prefix>Error` is the base of all exceptions in newer versions.
    """
    errors: list[tuple[str, str]] = []
    # newer versions have exceptions in the first, older ones among the models
    for folder in ("errors", "models"):
        for name in (f"{prefix}Error", "SDKError", "HTTPValidationError"):
            errors.append((f"{package}.{folder}.{name.lower()}", name))
    return errors


def _unwrap(result: Result) -> object:
    """Return the data of an event; a whole answer is read as it was sent."""
    # a stream hands out events with the chunk in a field
    return getattr(result, "data", result)


def _explain(error: BaseException) -> Failure:
    return explain(error, "type")


def _request_methods() -> list[Method]:
    methods: list[Method] = []
    for package in _PACKAGES:
        methods += speakeasy.request_methods(
            package, {**_ENDPOINTS, **_BATCHES}, follow_or_await_error, unwrap=_unwrap
        )
    return methods


_calls_hook = methods_hook(*_request_methods(), explain=_explain)


def _hook(client: Client, subscriber: Subscriber) -> list[Patch]:
    patches = _calls_hook(client, subscriber)
    # all of them: which are installed, and in which version, shows when the app imports them
    for package, prefix in _PACKAGES.items():
        patches += speakeasy.error_patches(*_errors(package, prefix))
        patches += speakeasy.stream_patches(package)
        patches += speakeasy.attempt_patches(package)
        patches += speakeasy.own_span_patches(package, client.name)
    return patches


MISTRAL = Client(
    name="mistralai",
    package="mistralai",
    module="mistralai",
    versions=("1.2", "4"),
    provider=_provider,
    hook=_hook,
    endpoints=_ENDPOINTS,
    batches=_BATCHES,
    # each part of a client object, such as `chat`, is an object of its own; this is what they share
    inner="sdk_configuration._hooks",
)
