"""Anthropic's client, also in its forms for Bedrock, Vertex and Foundry."""

from __future__ import annotations

from callspan.formats.anthropic.batches import RESULTS
from callspan.formats.anthropic.completions import COMPLETIONS
from callspan.formats.anthropic.messages import MESSAGES
from callspan.hooks.client import Client
from callspan.hooks.client_types import ClientObject
from callspan.hooks.stainless import stainless_hook
from callspan.semconv.providers import provider, provider_of_classes

# `AnthropicBedrock`, `AsyncAnthropicVertex`
_platform = provider_of_classes(
    {"Bedrock": "aws.bedrock", "Vertex": "gcp.vertex_ai", "Foundry": "azure.ai.inference"}
)


def _provider(client_object: ClientObject, host: str, port: int | None) -> str:
    platform = _platform(type(client_object))
    if platform is not None:
        return platform
    return provider(host, port, "anthropic")


def _telemetry_options(client_object: ClientObject) -> tuple[dict[str, object], dict[str, object]]:
    """Return the options for the client's own telemetry, and those among them for its spans.

    They are read where the client keeps them resolved; versions without them make no spans.
    """
    # private, as the client (2.14) shows it nowhere else; see tests/test_anthropic.py
    options = getattr(client_object, "_open_telemetry", None) or {}
    return options, options.get("traces") or {}


def _wants_own_spans(client_object: ClientObject) -> bool:
    """Whether the app gave a client object a tracer provider, or switched content on for its spans."""
    options, traces = _telemetry_options(client_object)
    if options.get("tracer_provider") is not None:
        return True
    return traces.get("content_mode") == "content"


def _propagates(client_object: ClientObject) -> bool:
    """Whether a client object makes spans, and sends their context with its requests."""
    options, traces = _telemetry_options(client_object)
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
    batches={"GET /v1/messages/batches/{id}/results": RESULTS},
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
