"""Other instrumentations of the same client: found by the modules that are loaded, never unpatched."""

from __future__ import annotations

import sys

_MODULES = {
    "openai": {
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
    "anthropic": {
        "opentelemetry.instrumentation.anthropic": "opentelemetry-instrumentation-anthropic",
        "opentelemetry.instrumentation.genai_anthropic": "opentelemetry-instrumentation-genai-anthropic",
        "opentelemetry.instrumentation.genai.anthropic": "opentelemetry-instrumentation-genai-anthropic",
        "openinference.instrumentation.anthropic": "openinference-instrumentation-anthropic",
        "openlit.instrumentation.anthropic": "openlit",
        "logfire._internal.integrations.llm_providers.anthropic": "logfire",
        "ddtrace.contrib.internal.anthropic.patch": "ddtrace",
        "sentry_sdk.integrations.anthropic": "sentry-sdk",
    },
    "boto3": {
        "opentelemetry.instrumentation.botocore": "opentelemetry-instrumentation-botocore",
        "opentelemetry.instrumentation.bedrock": "opentelemetry-instrumentation-bedrock",
        "openinference.instrumentation.bedrock": "openinference-instrumentation-bedrock",
        "ddtrace.contrib.internal.botocore.patch": "ddtrace",
    },
    "google_genai": {
        "opentelemetry.instrumentation.google_genai": "opentelemetry-instrumentation-google-genai",
        "opentelemetry.instrumentation.genai.google_genai": "opentelemetry-instrumentation-genai-google-genai",
        "opentelemetry.instrumentation.google_generativeai": "opentelemetry-instrumentation-google-generativeai",
        "openinference.instrumentation.google_genai": "openinference-instrumentation-google-genai",
        "openlit.instrumentation.google_ai_studio": "openlit",
        "logfire._internal.integrations.google_genai": "logfire",
        "ddtrace.contrib.internal.google_genai.patch": "ddtrace",
        "sentry_sdk.integrations.google_genai": "sentry-sdk",
    },
    "cohere": {
        "opentelemetry.instrumentation.cohere": "opentelemetry-instrumentation-cohere",
        "openinference.instrumentation.cohere": "openinference-instrumentation-cohere",
        "openlit.instrumentation.cohere": "openlit",
    },
    "ollama": {
        "opentelemetry.instrumentation.ollama": "opentelemetry-instrumentation-ollama",
        "openinference.instrumentation.ollama": "openinference-instrumentation-ollama",
        "openlit.instrumentation.ollama": "openlit",
    },
}
_TARGETS = {
    "openai": (("openai.resources.chat.completions", "Completions.create"),),
    "anthropic": (("anthropic.resources.messages", "Messages.create"),),
    "boto3": (
        ("botocore.client", "BaseClient._make_api_call"),
        ("botocore.client", "ClientCreator.create_client"),
    ),
    "google_genai": (("google.genai.models", "Models.generate_content"),),
    "cohere": (("cohere.client_v2", "ClientV2.chat"), ("cohere.v2.client", "V2Client.chat")),
    "ollama": (("ollama._client", "Client.chat"), ("ollama._client", "Client._request")),
}
_HOMES = {"boto3": "botocore", "google_genai": "google.genai"}
"""Where a client's own code stands, if not in a package of its name."""
_OURS = f"{__package__}."


def found(client: str) -> tuple[str, ...]:
    """The other instrumentations that have wrapped this client, by the name of their package."""
    loaded = [name for module, name in _MODULES.get(client, {}).items() if module in sys.modules]
    return tuple(dict.fromkeys(loaded)) if loaded and _wrapped(client) else ()


def _wrapped(client: str) -> bool:
    """Whether a public method of the client is wrapped by code from outside the client."""
    home = _HOMES.get(client, client)
    folder = f"{home.replace('.', '/')}/"
    for module, path in _TARGETS[client]:
        target = sys.modules.get(module)
        for name in path.split("."):
            target = getattr(target, name, None)
        while target is not None:
            code = getattr(target, "__code__", None)
            wrapper = getattr(target, "_self_wrapper", None)
            origin = getattr(wrapper, "__module__", None) or (code and code.co_filename) or ""
            if folder not in origin.replace("\\", "/") and not origin.startswith((home, _OURS)):
                return True
            target = getattr(target, "__wrapped__", None)
    return False
