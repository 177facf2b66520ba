"""Which provider stands behind an address: what one client speaks to is often not whose name it bears."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

_HOSTS = {
    "openai.azure.com": "azure.ai.openai",
    "cognitiveservices.azure.com": "azure.ai.openai",
    "services.ai.azure.com": "azure.ai.inference",
    "inference.ai.azure.com": "azure.ai.inference",
    "models.ai.azure.com": "azure.ai.inference",
    "api.openai.com": "openai",
    "groq.com": "groq",
    "deepseek.com": "deepseek",
    "openrouter.ai": "openrouter",
    "together.xyz": "together",
    "together.ai": "together",
    "x.ai": "x_ai",
    "perplexity.ai": "perplexity",
    "mistral.ai": "mistral_ai",
    "anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    "amazonaws.com": "aws.bedrock",
    "cohere.com": "cohere",
    "cohere.ai": "cohere",
    "moonshot.ai": "moonshot_ai",
    "moonshot.cn": "moonshot_ai",
    "ml.cloud.ibm.com": "ibm.watsonx.ai",
    "fireworks.ai": "fireworks",
    "cerebras.ai": "cerebras",
    "portkey.ai": "portkey",
    "huggingface.co": "hugging_face",
    "sambanova.ai": "sambanova",
    "nebius.com": "nebius",
    "nvidia.com": "nvidia",
    "dashscope.aliyuncs.com": "alibaba_cloud",
    "dashscope-intl.aliyuncs.com": "alibaba_cloud",
    "bigmodel.cn": "zhipu_ai",
    "volces.com": "volcengine",
    "deepinfra.com": "deepinfra",
    "novita.ai": "novita",
    "hyperbolic.xyz": "hyperbolic",
    "models.github.ai": "github",
    "gateway.ai.cloudflare.com": "cloudflare",
    "api.cloudflare.com": "cloudflare",
}
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0", "host.docker.internal"})
_PORTS = {11434: "ollama", 1234: "lm_studio"}
"""Ports that a server of this kind alone has by default; 8000 and 8080 say nothing."""
_LABELS = {
    "ollama": "ollama",
    "vllm": "vllm",
    "sglang": "sglang",
    "localai": "localai",
    "local-ai": "localai",
    "lmstudio": "lm_studio",
    "lm-studio": "lm_studio",
    "litellm": "litellm",
    "portkey": "portkey",
}
"""Words in the name of a host on one's own network, as containers and services are often called by what runs there."""

_SLUGS = {
    "openai": "openai",
    "azure-openai": "azure.ai.openai",
    "azure-ai": "azure.ai.inference",
    "anthropic": "anthropic",
    "bedrock": "aws.bedrock",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "google": "gcp.gemini",
    "vertex-ai": "gcp.vertex_ai",
    "groq": "groq",
    "mistral-ai": "mistral_ai",
    "moonshot": "moonshot_ai",
    "perplexity-ai": "perplexity",
    "x-ai": "x_ai",
    "together-ai": "together",
    "fireworks-ai": "fireworks",
    "cerebras": "cerebras",
    "openrouter": "openrouter",
    "ollama": "ollama",
}
"""Portkey's words for the providers that it speaks to."""


def behind(gateway: str, client: Any) -> str:
    """The provider that the app has a gateway speak to, where the client was told it in a header; else the gateway."""
    headers = getattr(client, "_custom_headers", None) or {}
    told = next(
        (value for name, value in headers.items() if str(name).lower() == "x-portkey-provider"), ""
    )
    return _SLUGS.get(str(told).lstrip("@"), gateway)


@lru_cache(maxsize=1024)
def provider(host: str, port: int | None, otherwise: str) -> str:
    """The provider at an address: by its domain, by a well-known local port, or by a telling host name."""
    name = host.lower().rstrip(".")
    if name.startswith("runtime.sagemaker."):  # AWS's too, but no service of models
        return "aws.sagemaker"
    labels = name.split(".")
    for start in range(len(labels)):
        found = _HOSTS.get(".".join(labels[start:]))
        if found:
            return found
    if name in _LOCAL and port in _PORTS:
        return _PORTS[port]
    if name.endswith("-aiplatform.googleapis.com"):  # one host a region
        return "gcp.vertex_ai"
    return next((told for label, told in _LABELS.items() if label in labels[0]), otherwise)


def by_address(otherwise: str) -> Callable[[Any, str, int | None], str]:
    """How to tell the provider of a client whose own provider is known, when it speaks to somebody else."""
    return lambda _client, host, port: provider(host, port, otherwise)
