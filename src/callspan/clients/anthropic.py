"""Anthropic's client, also in its forms for Bedrock, Vertex and Foundry."""

from __future__ import annotations

from functools import lru_cache

from callspan.formats.anthropic.completions import COMPLETIONS
from callspan.formats.anthropic.messages import MESSAGES
from callspan.hooks.client import Client
from callspan.hooks.client_types import ClientObject
from callspan.hooks.stainless import stainless_hook
from callspan.semconv.providers import provider

_PLATFORMS = {"Bedrock": "aws.bedrock", "Vertex": "gcp.vertex_ai", "Foundry": "azure.ai.inference"}
"""Words in the names of the clients' classes, and the platforms that these clients speak to."""


def _provider(client_object: ClientObject, host: str, port: int | None) -> str:
    platform = _platform(type(client_object))
    if platform is not None:
        return platform
    return provider(host, port, "anthropic")


# bounded, as an app may make classes while it runs
@lru_cache(maxsize=64)
def _platform(kind: type) -> str | None:
    """Return the platform of a class of clients; an app's subclass has that of its base."""
    for word, platform in _PLATFORMS.items():
        # by name, as callspan imports no client: `AnthropicBedrock`, `AsyncAnthropicVertex`
        for base in kind.__mro__:
            if word in base.__name__:
                return platform
    return None


def _wants_own_spans(client_object: ClientObject) -> bool:
    """Whether the app gave a client object a tracer provider, or switched content on for its spans.

    The option is read where the client keeps it resolved; versions without it make no spans.
    """
    # private, as the client (2.14) shows it nowhere else; see tests/test_anthropic.py
    options = getattr(client_object, "_open_telemetry", None) or {}
    if options.get("tracer_provider") is not None:
        return True
    traces = options.get("traces") or {}
    return traces.get("content_mode") == "content"


def _propagates(client_object: ClientObject) -> bool:
    """Whether a client object makes spans, and sends their context with its requests."""
    options = getattr(client_object, "_open_telemetry", None) or {}
    traces = options.get("traces") or {}
    # both are on unless the app switched them off; tests/test_context_in_requests.py
    return options.get("propagation") is not False and traces.get("enabled") is not False


ANTHROPIC = Client(
    name="anthropic",
    package="anthropic",
    module="anthropic",
    versions=("0.40", "3"),
    provider=_provider,
    hook=stainless_hook,
    endpoints={
        # counting tokens and batches, which lie below this path, call no model here and now
        "/v1/messages": MESSAGES,
        "/v1/complete": COMPLETIONS,
    },
    # private too; versions without it make no spans (docs/decisions/0035)
    tracer_property="BaseClient._tracer",
    wants_own_spans=_wants_own_spans,
    propagates=_propagates,
    conflicts={
        "opentelemetry.instrumentation.anthropic": "opentelemetry-instrumentation-anthropic",
        "opentelemetry.instrumentation.genai_anthropic": "opentelemetry-instrumentation-genai-anthropic",
        "opentelemetry.instrumentation.genai.anthropic": "opentelemetry-instrumentation-genai-anthropic",
        "openinference.instrumentation.anthropic": "openinference-instrumentation-anthropic",
        "openlit.instrumentation.anthropic": "openlit",
        "logfire._internal.integrations.llm_providers.anthropic": "logfire",
        "ddtrace.contrib.internal.anthropic.patch": "ddtrace",
        "sentry_sdk.integrations.anthropic": "sentry-sdk",
    },
    public_methods=(("anthropic.resources.messages", "Messages.create"),),
)
