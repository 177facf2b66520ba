"""Google's client, for Gemini and for Vertex."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from callspan.events import Failure
from callspan.formats.bodies import merge_bodies, parse_json
from callspan.formats.fields import get
from callspan.formats.gemini import path as paths
from callspan.formats.gemini.content import CONTENT
from callspan.formats.gemini.failure import read_retry_delay
from callspan.formats.gemini.interactions import INTERACTIONS
from callspan.formats.gemini.live import LIVE, LIVE_SESSION, setup
from callspan.formats.gemini.predict import EMBEDDINGS, IMAGES
from callspan.hooks import speakeasy
from callspan.hooks.address import address
from callspan.hooks.client import Client, Subscriber
from callspan.hooks.client_types import Args, ClientObject, Kwargs, Result
from callspan.hooks.failure import explain
from callspan.hooks.methods import Method, MethodCall, methods_hook
from callspan.hooks.session_managers import SessionMethod, session_patch
from callspan.hooks.stainless import stainless_hook
from callspan.runtime.patching import Patch
from callspan.semconv.providers import provider

_API = "google.genai._api_client"
_INTERACTIONS = "google.genai._gaos"
_OLDER_INTERACTIONS = "google.genai._interactions"
"""The client for interactions before 2.0, which Stainless had generated."""


def _read_call(client_object: ClientObject, args: Args, kwargs: Kwargs) -> MethodCall | None:
    """Read a request of the API client."""
    path, body, options = paths.arguments(*args, **kwargs)
    # a method of a model stands behind a colon; paths without one list, fetch or delete
    if not isinstance(body, Mapping) or ":" not in path:
        return None
    # private (google-genai 1.10 to 3): what holds for requests without options of their own;
    # see tests/test_google_genai.py
    defaults = client_object._http_options
    url = get(options, "base_url") or get(defaults, "base_url") or ""
    extra = get(options, "extra_body") or get(defaults, "extra_body") or {}
    return MethodCall(
        paths.endpoint(path, body),
        {**merge_bodies(body, extra), "model": paths.model(path)},
        address(str(url)),
        ":stream" in path,
    )


def _unwrap(result: Result) -> object:
    """Return an answer as plain data: newer versions return an object with its JSON text."""
    body = getattr(result, "body", result)
    return parse_json(body.encode()) if isinstance(body, str) else body


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


_request = Method(_API, "BaseApiClient.request", _read_call, unwrap=_unwrap)
_async_request = replace(_request, path="BaseApiClient.async_request", asynchronous=True)

# the narrowest functions that see each request: those of automatic function calling and of
# continuations too, which the client makes by itself (docs/decisions/0002)
_calls_hook = methods_hook(
    _request,
    _async_request,
    # the asynchronous one makes its request before it returns the stream
    replace(_request, path="BaseApiClient.request_streamed", lazy=True),
    replace(_async_request, path="BaseApiClient.async_request_streamed"),
    *speakeasy.request_methods(_INTERACTIONS, ["/interactions"]),
    explain=_explain,
    attempts=[(_API, "BaseApiClient._request_once"), (_API, "BaseApiClient._async_request_once")],
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
