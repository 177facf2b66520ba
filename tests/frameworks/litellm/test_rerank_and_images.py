"""Reranking and images, over LiteLLM's own HTTP and over OpenAI's client: each request is one call."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from callspan.testing.modelserver import ModelServer, Reply
from frameworks.litellm.models import litellm
from telemetry import Telemetry

DOCUMENTS = ["lilies fade", "roses last longest"]
QUERY = {"query": "which roses last", "documents": DOCUMENTS, "api_key": "sk-test-secret"}
PAINT = {"prompt": "A bunch of roses", "api_key": "sk-test-secret"}
WAYS = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
RANKERS = ("cohere", "jina_ai")


def done(name: str, given: dict[str, Any], asynchronous: bool, by: Any = litellm) -> Any:
    """What a function gives, by its plain or its asynchronous name."""
    return (
        asyncio.run(getattr(by, f"a{name}")(**given))
        if asynchronous
        else getattr(by, name)(**given)
    )


def ranker(provider: str, server: ModelServer) -> dict[str, Any]:
    return {
        "model": f"{provider}/rerank-v3.5",
        "api_base": f"{server.url.removesuffix('/v1')}/v2/rerank",
        **QUERY,
    }


def painters(server: ModelServer) -> dict[str, dict[str, Any]]:
    """One who is asked over OpenAI's client, and one over LiteLLM's own HTTP."""
    azure = {"api_base": server.url.removesuffix("/v1"), "api_version": "2025-04-01-preview"}
    return {
        "openai": {"model": "openai/gpt-image-1", "api_base": server.url, **PAINT},
        "azure": {"model": "azure/gpt-image-1", **azure, **PAINT},
    }


def by_router(given: dict[str, Any]) -> Any:
    """A router that knows one model, and gives up at once."""
    found = {
        name: value for name, value in given.items() if name not in ("query", "documents", "prompt")
    }
    return litellm.Router(
        model_list=[{"model_name": "own", "litellm_params": found}], num_retries=0
    )


@pytest.mark.parametrize("way", ["sync", "async", "router"])
@pytest.mark.parametrize("provider", RANKERS)
def test_rerank(telemetry: Telemetry, model_server: ModelServer, provider: str, way: str) -> None:
    """Documents put in order: one call of an operation of our own, with its place and the provider's id."""
    given = ranker(provider, model_server)
    if way == "router":  # which has the asynchronous name only
        answer = done("rerank", {**given, "model": "own"}, True, by_router(given))
    else:
        answer = done("rerank", given, way == "async")
    assert answer.results[0]["index"] == 1
    (span,) = telemetry.spans
    assert span.name == "rerank rerank-v3.5"
    assert span.attributes["gen_ai.provider.name"] == provider
    assert span.attributes["server.port"] == model_server.port
    assert span.attributes["gen_ai.response.id"] == "co-000001"
    assert span.attributes["callspan.framework.name"] == "litellm"
    assert len(model_server.requests) == 1
    assert not telemetry.tokens


@WAYS
def test_tokens_of_reranking(
    telemetry: Telemetry, model_server: ModelServer, asynchronous: bool
) -> None:
    """A provider that states one total says what was read, since nothing is written; an id made up is none."""
    ranked = [{"index": 1, "relevance_score": 0.9}]
    model_server.enqueue(Reply(raw=json.dumps({"results": ranked, "usage": {"total_tokens": 38}})))
    assert done("rerank", ranker("jina_ai", model_server), asynchronous).id
    assert telemetry.tokens == {"input": 38}
    assert "gen_ai.response.id" not in telemetry.attributes


def test_an_id_of_the_kind_that_litellm_makes_up(
    telemetry: Telemetry, model_server: ModelServer
) -> None:
    """LiteLLM does not log this answer, but its HTTP client has received it: whose id it is stands there."""
    known = "07734bd2-2473-4f07-94e1-0d9f0e6843cf"
    model_server.enqueue(Reply(raw=json.dumps({"id": known, "results": [], "meta": {}})))
    assert done("rerank", ranker("cohere", model_server), False).id == known
    assert telemetry.attributes["gen_ai.response.id"] == known


@WAYS
def test_a_rerank_that_fails(
    telemetry: Telemetry, model_server: ModelServer, asynchronous: bool
) -> None:
    """The exception is LiteLLM's, and the span says what the provider has answered."""
    model_server.enqueue(Reply(status=429, retry_after=2))
    with pytest.raises(Exception, match="Trial key") as raised:  # older versions have another one
        done("rerank", ranker("cohere", model_server), asynchronous)
    attributes, kind = telemetry.attributes, type(raised.value)
    failed_connection = isinstance(
        raised.value, litellm.APIConnectionError
    )  # as they call what they do not know
    assert attributes.get("http.response.status_code") == (None if failed_connection else 429)
    assert attributes["callspan.outcome"] == "error"
    assert attributes["error.type"] == f"{kind.__module__}.{kind.__qualname__}"


@WAYS
@pytest.mark.parametrize("through", ["function", "router"])
@pytest.mark.parametrize("provider", ["openai", "azure"])
def test_images(
    telemetry: Telemetry, model_server: ModelServer, provider: str, through: str, asynchronous: bool
) -> None:
    """An image is content that was generated: one call with the tokens that the provider states."""
    given = painters(model_server)[provider]
    if through == "router":
        answer = done(
            "image_generation",
            {"model": "own", "prompt": PAINT["prompt"]},
            asynchronous,
            by_router(given),
        )
    else:
        answer = done("image_generation", given, asynchronous)
    assert answer.data[0].b64_json
    (span,) = telemetry.spans
    assert span.name == "generate_content gpt-image-1"
    assert span.attributes["gen_ai.output.type"] == "image"
    assert span.attributes["callspan.client.name"] == (
        "openai" if provider == "openai" else "litellm"
    )
    assert span.attributes["callspan.framework.name"] == "litellm"
    total = model_server.ledger.total_told
    assert telemetry.tokens == {"input": total.input, "output": total.output}
    assert len(model_server.requests) == 1


def test_an_image_that_nobody_paints(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A mock answer asks no model."""
    rose = "https://images.test/rose.png"
    answer = litellm.image_generation(**painters(model_server)["azure"], mock_response=rose)
    assert answer.data[0].url == rose
    assert not telemetry.spans


@pytest.mark.instrument(capture="span")
def test_content(telemetry: Telemetry, model_server: ModelServer) -> None:
    """What was asked, where it is captured; of an image the size, never the bytes."""
    answer = litellm.image_generation(**painters(model_server)["azure"])
    painted = telemetry.attributes
    assert PAINT["prompt"] in painted["gen_ai.input.messages"]
    assert answer.data[0].b64_json not in telemetry.everything()
    telemetry.clear()
    litellm.rerank(**ranker("cohere", model_server))
    assert DOCUMENTS[1] in telemetry.attributes["gen_ai.input.messages"]


def test_nothing_of_content_by_default(telemetry: Telemetry, model_server: ModelServer) -> None:
    """Neither keys nor words leave the process unasked."""
    litellm.image_generation(**painters(model_server)["azure"])
    litellm.rerank(**ranker("cohere", model_server))
    assert not any(
        secret in telemetry.everything() for secret in ("sk-test-secret", "roses", "A bunch")
    )
