"""The provider is told from the address, for the one client that speaks to many."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from callspan.semconv.providers import provider
from clients import HttpClient, http
from program import CHAT
from telemetry import Telemetry

ADDRESSES = {
    "https://api.openai.com/v1": "openai",
    "https://eu.api.openai.com/v1": "openai",
    "https://mine.openai.azure.com/openai/deployments/d": "azure.ai.openai",
    "https://mine.services.ai.azure.com/models": "azure.ai.inference",
    "https://api.groq.com/openai/v1": "groq",
    "https://api.deepseek.com": "deepseek",
    "https://openrouter.ai/api/v1": "openrouter",
    "https://api.together.xyz/v1": "together",
    "https://api.x.ai/v1": "x_ai",
    "https://api.perplexity.ai": "perplexity",
    "https://api.mistral.ai/v1": "mistral_ai",
    "https://generativelanguage.googleapis.com/v1beta/openai": "gcp.gemini",
    "https://us-central1-aiplatform.googleapis.com/v1/x/endpoints/openapi": "gcp.vertex_ai",
    "https://api.anthropic.com/v1": "anthropic",
    "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1": "aws.bedrock",
    "https://api.cohere.ai/compatibility/v1": "cohere",
    "https://api.moonshot.ai/v1": "moonshot_ai",
    "http://localhost:11434/v1": "ollama",
    "http://127.0.0.1:11434/v1": "ollama",
    "http://ollama:11434/v1": "ollama",
    "http://vllm.internal:8000/v1": "vllm",
    "http://localhost:1234/v1": "lm_studio",
    "http://lmstudio:8080/v1": "lm_studio",
    "http://sglang-0.internal:30000/v1": "sglang",
    "http://local-ai:8080/v1": "localai",
    "http://litellm-proxy:4000/v1": "litellm",
    "http://portkey-gateway:8787/v1": "portkey",
    "https://api.portkey.ai/v1": "portkey",
    "https://gateway.ai.cloudflare.com/v1/account/gateway/openai": "cloudflare",
    "https://api.cloudflare.com/client/v4/accounts/account/ai/v1": "cloudflare",
    "https://models.github.ai/inference": "github",
    "https://models.inference.ai.azure.com": "azure.ai.inference",
    "https://mine.eastus.models.ai.azure.com/v1": "azure.ai.inference",
    "https://mine.cognitiveservices.azure.com/openai/deployments/d": "azure.ai.openai",
    "https://us-south.ml.cloud.ibm.com/ml/gateway/v1": "ibm.watsonx.ai",
    "https://api.moonshot.cn/v1": "moonshot_ai",
    "https://api.cerebras.ai/v1": "cerebras",
    "https://api.fireworks.ai/inference/v1": "fireworks",
    "https://router.huggingface.co/v1": "hugging_face",
    "https://adb-1234.5.azuredatabricks.net/serving-endpoints": "databricks",
    "https://florist.cloud.databricks.com/serving-endpoints": "databricks",
    "http://localhost:8000/v1": "openai",
    "https://gateway.example.com/v1": "openai",
    "https://API.GROQ.COM/openai/v1": "groq",
    "https://notgroq.com/v1": "openai",
    "https://groq.com.evil.example/v1": "openai",
    "https://models-1234.us-east-1.elb.amazonaws.com/v1": "openai",
    "https://litellm-1234.us-east-1.elb.amazonaws.com/v1": "litellm",
    "https://bedrock-gateway-1234.us-east-1.elb.amazonaws.com/v1": "openai",
    "http://ec2-203-0-113-7.eu-west-1.compute.amazonaws.com:8000/v1": "openai",
    "https://abc123.execute-api.us-east-1.amazonaws.com/prod/v1": "openai",
    "https://bedrock-runtime.us-east-1.amazonaws.com.evil.example/v1": "openai",
}


def answer(request: Any) -> Any:
    """A whole answer, without a network."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "Hi"},
        "finish_reason": "stop",
    }
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return http.Response(200, json=body, request=request)


@pytest.mark.breaks(
    "span.required", "Bedrock's guardrail id, which its OpenAI-compatible API does not have"
)
@pytest.mark.parametrize("url", ADDRESSES)
def test_provider(telemetry: Telemetry, url: str) -> None:
    """One call to an address: whose it is, and where it went."""
    transport = HttpClient(transport=http.MockTransport(answer))
    with openai.OpenAI(base_url=url, api_key="any", http_client=transport) as client:
        client.chat.completions.create(**CHAT)
    attributes, parts = telemetry.attributes, http.URL(url)
    assert attributes["gen_ai.provider.name"] == ADDRESSES[url]
    assert attributes["server.address"] == parts.host
    assert attributes["server.port"] == (parts.port or (443 if parts.scheme == "https" else 80))
    [duration] = telemetry.points("gen_ai.client.operation.duration")
    assert duration["attributes"]["gen_ai.provider.name"] == ADDRESSES[url]


def test_only_openai_has_its_own_attributes(telemetry: Telemetry) -> None:
    """Attributes that the conventions keep for OpenAI stay off the spans of others."""
    for url in ("https://api.openai.com/v1", "https://api.groq.com/openai/v1"):
        telemetry.clear()
        transport = HttpClient(transport=http.MockTransport(answer))
        with openai.OpenAI(base_url=url, api_key="any", http_client=transport) as client:
            client.chat.completions.create(**CHAT, service_tier="flex")
        own = [name for name in telemetry.attributes if name.startswith("openai.")]
        assert bool(own) == ("openai.com" in url), own


WELL_KNOWN = {
    *(
        "openai",
        "anthropic",
        "aws.bedrock",
        "azure.ai.inference",
        "azure.ai.openai",
        "cohere",
        "deepseek",
        "gcp.gemini",
    ),
    *("gcp.vertex_ai", "groq", "ibm.watsonx.ai", "mistral_ai", "moonshot_ai", "perplexity", "x_ai"),
}
"""The conventions' own values, but for `gcp.gen_ai`, which says that the address is not known."""


def test_every_well_known_provider_has_an_address() -> None:
    """Each of the conventions' providers is told by an address, and by the conventions' own word for it."""
    assert set(ADDRESSES.values()) >= WELL_KNOWN


def test_odd_hosts() -> None:
    """What is no host is nobody's."""
    assert provider("", None, "openai") == "openai"
    assert provider("api.groq.com.", 443, "openai") == "groq"


AWS_HOSTS = {
    "bedrock-runtime.us-east-1.amazonaws.com": "aws.bedrock",
    "bedrock-runtime-fips.us-gov-west-1.amazonaws.com": "aws.bedrock",
    "bedrock-agent-runtime.eu-central-1.amazonaws.com": "aws.bedrock",
    "bedrock-mantle.us-east-1.api.aws": "aws.bedrock",
    "bedrock-runtime.cn-north-1.amazonaws.com.cn": "aws.bedrock",
    "vpce-0a1b-2c3d.bedrock-runtime.us-east-1.vpce.amazonaws.com": "aws.bedrock",
    "vpce-0a1b-2c3d-us-east-1a.bedrock-runtime.us-east-1.vpce.amazonaws.com": "aws.bedrock",
    "runtime.sagemaker.us-east-1.amazonaws.com": "aws.sagemaker",
    "runtime-fips.sagemaker.us-east-1.amazonaws.com": "aws.sagemaker",
    "vpce-0a1b-2c3d.runtime.sagemaker.us-east-1.vpce.amazonaws.com": "aws.sagemaker",
}


@pytest.mark.parametrize("host", AWS_HOSTS)
def test_hosts_of_aws(host: str) -> None:
    """Each of AWS's ways to write a service's host is that service."""
    assert provider(host, 443, "openai") == AWS_HOSTS[host]
