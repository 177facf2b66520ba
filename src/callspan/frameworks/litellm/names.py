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
_ANYBODY = (
    "openai",
    "custom_openai",
    "openai_like",
    "text-completion-openai",
    "aiohttp_openai",
    "",
)
"""What LiteLLM calls whoever speaks OpenAI's formats."""


def provider_of(name: str, server: tuple[str | None, int | None]) -> str:
    """The provider by LiteLLM's name for it, or by its address where that name may stand for many."""
    if name in _ANYBODY:
        return provider(server[0] or "", server[1], "openai" if name else "unknown")
    return _PROVIDERS.get(name, name)
