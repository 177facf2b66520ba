"""Google's client, for Gemini and for Vertex."""

from __future__ import annotations

from dataclasses import replace

from callspan.events import Failure
from callspan.formats.gemini.batches import BATCH, FILE
from callspan.formats.gemini.content import CONTENT
from callspan.formats.gemini.failure import read_retry_delay
from callspan.formats.gemini.interactions import INTERACTIONS
from callspan.formats.gemini.live import LIVE, LIVE_SESSION, setup
from callspan.formats.gemini.predict import EMBEDDINGS, IMAGES
from callspan.hooks import speakeasy
from callspan.hooks.client import Client, Subscriber
from callspan.hooks.client_types import ClientObject
from callspan.hooks.failure import explain
from callspan.hooks.google_requests import ATTEMPTS, METHODS
from callspan.hooks.methods import methods_hook
from callspan.hooks.session_managers import SessionMethod, session_patch
from callspan.hooks.stainless import stainless_hook
from callspan.runtime.patching import Patch
from callspan.semconv.providers import provider

_INTERACTIONS = "google.genai._gaos"
_OLDER_INTERACTIONS = "google.genai._interactions"
"""The client for interactions before 2.0, which Stainless had generated."""


def _provider(client_object: ClientObject, host: str, port: int | None) -> str:
    # the address is no guide: an app may send requests for Vertex through a proxy
    if getattr(client_object, "vertexai", False):
        return "gcp.vertex_ai"
    return provider(host, port, "gcp.gemini")


def _explain(error: BaseException) -> Failure:
    failure = explain(error, "status")
    # Google states the wait within the error, as `RetryInfo`
    wait = failure.retry_after or read_retry_delay(getattr(error, "details", None))
    return replace(failure, retry_after=wait)


_calls_hook = methods_hook(
    *METHODS,
    *speakeasy.request_methods(_INTERACTIONS, ["/interactions"]),
    explain=_explain,
    attempts=ATTEMPTS,
)


# both attributes are private (google-genai 1.10 to 3); see tests/test_gemini_live.py
_live = SessionMethod(
    "google.genai.live", "AsyncLive.connect", LIVE_SESSION, setup, ("_ws", "_api_client")
)


def _hook(client: Client, subscriber: Subscriber) -> list[Patch]:
    patches = [*_calls_hook(client, subscriber), *speakeasy.stream_patches(_INTERACTIONS)]
    patches.append(session_patch(client, subscriber, _live))
    # since 2.0 the package has no base client any more, so there may be nothing to patch
    for patch in stainless_hook(replace(client, module=_OLDER_INTERACTIONS), subscriber):
        patches.append(replace(patch, optional=True))
    return patches


GOOGLE_GENAI = Client(
    name="google_genai",
    package="google-genai",
    module="google.genai",
    versions=("1.10", "4"),
    provider=_provider,
    hook=_hook,
    endpoints={
        "generateContent": CONTENT,
        "streamGenerateContent": CONTENT,
        "embedContent": EMBEDDINGS,
        "batchEmbedContents": EMBEDDINGS,
        "predict": IMAGES,
        "/interactions": INTERACTIONS,
        # no request has this method: sessions are caught where they are opened
        "WEBSOCKET /live": LIVE,
    },
    batches={"batches": BATCH, "files": FILE},
    inner="_api_client",
    conflicts={
        "opentelemetry.instrumentation.google_genai": "opentelemetry-instrumentation-google-genai",
        "opentelemetry.instrumentation.genai.google_genai": "opentelemetry-instrumentation-genai-google-genai",
        "opentelemetry.instrumentation.google_generativeai": "opentelemetry-instrumentation-google-generativeai",
        "openinference.instrumentation.google_genai": "openinference-instrumentation-google-genai",
        "openlit.instrumentation.google_ai_studio": "openlit",
        "logfire._internal.integrations.google_genai": "logfire",
        "ddtrace.contrib.internal.google_genai.patch": "ddtrace",
        "sentry_sdk.integrations.google_genai": "sentry-sdk",
    },
    public_methods=(("google.genai.models", "Models.generate_content"),),
)
