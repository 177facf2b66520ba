"""The provider behind an address.

A client's own provider is no guide: many clients speak to servers of others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

_DOMAINS = {
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
    "cloud.databricks.com": "databricks",
    "azuredatabricks.net": "databricks",
    "gcp.databricks.com": "databricks",
    "voyageai.com": "voyage_ai",
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
# A service, a region and AWS's domain, perhaps behind the name of a VPC endpoint. `amazonaws.com`
# alone says nothing: load balancers and machines of AWS's customers stand there too.
_AWS_HOST = re.compile(
    r"(?:vpce-[^.]+\.)?"
    r"(?P<service>bedrock|bedrock-runtime|bedrock-agent|bedrock-agent-runtime|bedrock-mantle|"
    r"runtime\.sagemaker|runtime-fips\.sagemaker)"
    r"(?:-fips)?\.[a-z0-9-]+(?:\.vpce)?"
    r"\.(?:amazonaws\.com|amazonaws\.com\.cn|api\.aws|api\.amazonwebservices\.com\.cn)"
)
# `host.docker.internal` is the machine on which a container runs
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0", "host.docker.internal"})
_PORTS = {11434: "ollama", 1234: "lm_studio"}
"""Ports that one kind of server alone has by default; 8000 and 8080 are everybody's."""
_HOST_WORDS = {
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
"""Words in names of hosts on one's own network: servers are often named by what runs there."""

_PORTKEY_SLUGS = {
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
"""Portkey's names for the providers that it speaks to."""


def provider_behind(gateway: str, client_object: object) -> str:
    """Return the provider that the app has chosen at a gateway, by a header; else the gateway."""
    # private in OpenAI's client (1.40 to 3), where Portkey's users set it by `default_headers`;
    # see tests/test_compatible_servers.py
    headers = getattr(client_object, "_custom_headers", None) or {}
    for name, value in headers.items():
        if str(name).lower() == "x-portkey-provider":
            return _PORTKEY_SLUGS.get(str(value).lstrip("@"), gateway)
    return gateway


def provider_of_classes(words: Mapping[str, str]) -> Callable[[type], str | None]:
    """Return a function that finds the provider of a class of clients by words in its name.

    An app's subclass has the provider of its base; of other classes it is `None`.

    Args:
        words: The providers by the words; of several that fit, the first.
    """

    # asked at each call; bounded, as an app may make classes while it runs
    @lru_cache(maxsize=64)
    def find(kind: type) -> str | None:
        for word, name in words.items():
            # by name, as callspan imports no client
            for base in kind.__mro__:
                if word in base.__name__:
                    return name
        return None

    return find


# asked at each call; bounded, as an app may serve hosts of its customers
@lru_cache(maxsize=1024)
def provider(host: str, port: int | None, otherwise: str) -> str:
    """Return the provider at an address: by its domain, by a well-known local port, or by its name.

    Args:
        host: The host of the URL; may be empty.
        port: The port of the URL.
        otherwise: The provider for an address that says nothing.

    Returns:
        The provider's name in the conventions, or one in their form.
    """
    name = host.lower().rstrip(".")
    by_domain = _of_aws(name) or _by_domain(name)
    if by_domain is not None:
        return by_domain
    # on this machine alone: elsewhere any server may have the port
    if name in _LOCAL and port in _PORTS:
        return _PORTS[port]
    # Vertex AI has one host for each region
    if name.endswith("-aiplatform.googleapis.com"):
        return "gcp.vertex_ai"
    # the further labels name a network or a cluster, as in `vllm.models.svc`
    return _by_word(name.partition(".")[0]) or otherwise


def _of_aws(name: str) -> str | None:
    """Return the provider that a host of AWS belongs to; `None` for other hosts."""
    host = _AWS_HOST.fullmatch(name)
    if host is None:
        return None
    is_bedrock = host["service"].startswith("bedrock")
    return "aws.bedrock" if is_bedrock else "aws.sagemaker"


def _by_word(label: str) -> str | None:
    """Return the provider that a word in a name stands for."""
    for word, by_word in _HOST_WORDS.items():
        if word in label:
            return by_word
    return None


def _by_domain(name: str) -> str | None:
    """Return the provider that a host's domain belongs to, the longest domain first."""
    # whole labels from the right: neither `notgroq.com` nor `groq.com.evil.example` is Groq
    labels = name.split(".")
    for start in range(len(labels)):
        domain = ".".join(labels[start:])
        if domain in _DOMAINS:
            return _DOMAINS[domain]
    return None


def by_address(own_provider: str) -> Callable[[object, str, int | None], str]:
    """Return the `Client.provider` of a client whose own provider is at any unknown address."""
    return lambda _client, host, port: provider(host, port, own_provider)
