"""Other instrumentations of the same client. They are named, and never unpatched."""

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
"""The package in which a client's own code stands, if it is not of the client's name."""
_OURS = "callspan."


def other_instrumentations(client: str) -> tuple[str, ...]:
    """Return the names of the packages that have instrumented a client beside us.

    A package that is only loaded has not; so the client's functions are looked at as well.
    """
    names: list[str] = []
    for module, name in _MODULES.get(client, {}).items():
        if module in sys.modules and name not in names:
            names.append(name)
    if not names or not _is_wrapped_by_others(client):
        return ()
    return tuple(names)


def _is_wrapped_by_others(client: str) -> bool:
    """Whether a public method of the client is wrapped by code from outside the client and outside callspan."""
    home = _HOMES.get(client, client)
    for module, path in _TARGETS[client]:
        function: object = sys.modules.get(module)
        for name in path.split("."):
            function = getattr(function, name, None)
        while function is not None:
            if not _belongs_to(_origin(function), home):
                return True
            function = getattr(function, "__wrapped__", None)
    return False


def _origin(function: object) -> str:
    """Return the module of a wrapper, or the file of a plain function; empty where neither says so."""
    # wrapt's proxies answer for the function that they wrap, and keep their wrapper here
    wrapper = getattr(function, "_self_wrapper", None)
    module = getattr(wrapper, "__module__", None)
    if module:
        return str(module)
    code = getattr(function, "__code__", None)
    return code.co_filename if code else ""


def _belongs_to(origin: str, home: str) -> bool:
    """Whether an origin, a module's name or a file's path, lies in the client's package or in ours."""
    folder = f"{home.replace('.', '/')}/"
    if folder in origin.replace("\\", "/"):
        return True
    return origin.startswith((home, _OURS))
