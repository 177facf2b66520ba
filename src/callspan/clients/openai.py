"""OpenAI's client, which also speaks to Azure and to every server that is compatible with it."""

from __future__ import annotations

from callspan.formats.openai.batches import ENDPOINTS as BATCHES
from callspan.formats.openai.chat import CHAT
from callspan.formats.openai.completions import COMPLETIONS
from callspan.formats.openai.embeddings import EMBEDDINGS
from callspan.formats.openai.media import IMAGES, MODERATION, SPEECH, TRANSCRIPTION
from callspan.formats.openai.realtime import REALTIME, REALTIME_SESSION
from callspan.formats.openai.response_session import RESPONSE_SESSION
from callspan.formats.openai.responses import COMPACTION, FETCH, RESPONSES
from callspan.hooks.client import Client, Subscriber
from callspan.hooks.client_types import ClientObject
from callspan.hooks.connections import Connections, connection_patches
from callspan.hooks.stainless import stainless_hook
from callspan.runtime.patching import Patch
from callspan.semconv.providers import provider, provider_behind, provider_of_classes

# `AzureOpenAI`, `AsyncAzureOpenAI`
_provider_of_class = provider_of_classes({"Azure": "azure.ai.openai"})


def _provider(client_object: ClientObject, host: str, port: int | None) -> str:
    # the address, if it says something, comes before the class
    name = provider(host, port, _provider_of_class(type(client_object)) or "openai")
    # the gateway passes calls on to a provider that the app names in a header
    if name == "portkey":
        return provider_behind(name, client_object)
    return name


_RESOURCES = "openai.resources"
_CONNECTIONS = (
    Connections(
        (f"{_RESOURCES}.realtime.realtime", f"{_RESOURCES}.beta.realtime.realtime"),
        "RealtimeConnectionManager",
        REALTIME_SESSION,
    ),
    Connections(
        (f"{_RESOURCES}.responses.responses", f"{_RESOURCES}.beta.responses.responses"),
        "ResponsesConnectionManager",
        RESPONSE_SESSION,
    ),
)


def _hook(client: Client, subscriber: Subscriber) -> list[Patch]:
    patches = stainless_hook(client, subscriber)
    return [*patches, *connection_patches(client, subscriber, _CONNECTIONS)]


OPENAI = Client(
    name="openai",
    package="openai",
    module="openai",
    versions=("1.40", "4"),
    provider=_provider,
    hook=_hook,
    endpoints={
        # before `/completions`, which this path ends in as well
        "/chat/completions": CHAT,
        "/responses": RESPONSES,
        "GET /responses/{id}": FETCH,
        # answers as fetching does, with the state of the response (docs/decisions/0053)
        "/responses/{id}/cancel": FETCH,
        "/responses/compact": COMPACTION,
        "/completions": COMPLETIONS,
        "/embeddings": EMBEDDINGS,
        "/images/generations": IMAGES,
        "/images/edits": IMAGES,
        "/images/variations": IMAGES,
        "/audio/speech": SPEECH,
        "/audio/transcriptions": TRANSCRIPTION,
        "/audio/translations": TRANSCRIPTION,
        "/moderations": MODERATION,
        # no request has this method: sessions over a socket are caught where they are opened
        "WEBSOCKET /realtime": REALTIME,
    },
    batches=BATCHES,
    conflicts={
        "opentelemetry.instrumentation.openai_v2": "opentelemetry-instrumentation-openai-v2",
        "opentelemetry.instrumentation.genai_openai": "opentelemetry-instrumentation-genai-openai",
        "opentelemetry.instrumentation.genai.openai": "opentelemetry-instrumentation-genai-openai",
        "opentelemetry.instrumentation.openai": "opentelemetry-instrumentation-openai",
        "openinference.instrumentation.openai": "openinference-instrumentation-openai",
        "openlit.instrumentation.openai": "openlit",
        "logfire._internal.integrations.llm_providers.openai": "logfire",
        "langfuse.openai": "langfuse",
        "ddtrace.contrib.internal.openai.patch": "ddtrace",
        "sentry_sdk.integrations.openai": "sentry-sdk",
    },
    public_methods=(("openai.resources.chat.completions", "Completions.create"),),
)
