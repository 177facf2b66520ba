"""LiteLLM's names of providers that the conventions name otherwise."""

from __future__ import annotations

from callspan.semconv.providers import provider

_PROVIDERS = {
    "azure": "azure.ai.openai",
    "azure_text": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "codestral": "mistral_ai",
    "cohere_chat": "cohere",
    "dashscope": "alibaba_cloud",
    "fireworks_ai": "fireworks",
    "gemini": "gcp.gemini",
    "hosted_vllm": "vllm",
    "huggingface": "hugging_face",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "nvidia_nim": "nvidia",
    "ollama_chat": "ollama",
    "text-completion-codestral": "mistral_ai",
    "together_ai": "together",
    "vertex_ai": "gcp.vertex_ai",
    "vertex_ai_beta": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "watsonx_text": "ibm.watsonx.ai",
    "xai": "x_ai",
    "zai": "zhipu_ai",
}
_ANY_SERVER = (
    "openai",
    "custom_openai",
    "openai_like",
    "text-completion-openai",
    "aiohttp_openai",
    "",
)
"""LiteLLM's names for any server that speaks OpenAI's formats."""


def provider_of(name: str, server: tuple[str | None, int | None]) -> str:
    """Return the conventions' name of a provider.

    Args:
        name: LiteLLM's name, which for any server with OpenAI's formats says nothing.
        server: Host and port, by which the provider is known then.
    """
    if name not in _ANY_SERVER:
        return _PROVIDERS.get(name, name)
    host, port = server
    # for an address that tells no provider
    default = "openai" if name else "unknown"
    return provider(host or "", port, default)
