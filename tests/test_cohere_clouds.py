"""Cohere's clients for its models at AWS, which sign and send each request by themselves."""

from __future__ import annotations

import base64
import functools
import json
from typing import Any

import cohere
import httpx
import pytest

import callspan
from callspan.testing.modelserver.eventstream import STREAMED, event
from telemetry import Telemetry, counts

MODEL = "cohere.flowers-v1:0"
PLATFORMS = {
    "Bedrock": ("aws.bedrock", "bedrock-runtime.us-east-1.amazonaws.com"),
    "Sagemaker": ("aws.sagemaker", "runtime.sagemaker.us-east-1.amazonaws.com"),
}
UNGUARDED = pytest.mark.breaks(
    "span.required", "a call without a guardrail has no id of one, which Bedrock's page requires"
)
EACH = pytest.mark.parametrize("platform", PLATFORMS)
CHATS = pytest.mark.parametrize("platform", [pytest.param("Bedrock", marks=UNGUARDED), "Sagemaker"])
AN_ID = pytest.mark.breaks(
    "name.place", "answers of embeddings have an id, for which the conventions have no place"
)
COUNTED = {"x-amzn-bedrock-input-token-count": "7", "x-amzn-bedrock-output-token-count": "3"}
SAID = {
    "response_id": "r-1",
    "generation_id": "g-1",
    "text": "Roses.",
    "finish_reason": "COMPLETE",
    "chat_history": [],
}
SAID_V2 = {
    "id": "r-2",
    "message": {"role": "assistant", "content": [{"type": "text", "text": "Roses."}]},
    "finish_reason": "COMPLETE",
}
CHATTED = {"model": MODEL, "message": "whisper-asked"}
CHATTED_V2: dict[str, Any] = {
    "model": MODEL,
    "messages": [{"role": "user", "content": "whisper-asked"}],
}
ONCE = {"request_options": {"max_retries": 0}}


class Cloud:
    """Answers each request by the same, and keeps where they went."""

    def __init__(
        self, body: Any, status: int = 200, kind: str = "application/json", **headers: str
    ) -> None:
        self._body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._status, self._headers = status, {"content-type": kind, **headers}
        self.hosts: list[str] = []

    def client(self, kind: str) -> Any:
        """A client of some kind. It makes its HTTP client itself, with hooks that stay in place here."""
        secrets = {
            "aws_access_key": "AKIAEXAMPLE",
            "aws_secret_key": "secret",
            "aws_region": "us-east-1",
        }
        found = getattr(cohere, kind)(**secrets)
        found._client_wrapper.httpx_client.httpx_client._transport = httpx.MockTransport(
            self._answer
        )
        return found

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.hosts.append(request.url.host)
        return httpx.Response(self._status, headers=self._headers, content=self._body)


def chunk(said: dict[str, Any]) -> bytes:
    """One event of a stream."""
    packed = base64.b64encode(json.dumps(said).encode()).decode()
    return event(
        "chunk", json.dumps({"bytes": packed}).encode() + b"\n"
    )  # which its client reads by lines


def told_of(telemetry: Telemetry, cloud: Cloud, platform: str, name: str) -> dict[str, Any]:
    """The attributes of the one span that there is: one request, to the address that is told."""
    provider, host = PLATFORMS[platform]
    attributes = telemetry.attributes
    assert cloud.hosts == [host]
    assert telemetry.span.name == f"{name} {MODEL}"
    assert (attributes["gen_ai.provider.name"], attributes["callspan.client.name"]) == (
        provider,
        "cohere",
    )
    assert (attributes["server.address"], attributes["server.port"]) == (host, 443)
    assert "whisper" not in telemetry.everything()
    return attributes


@CHATS
def test_chat(telemetry: Telemetry, platform: str) -> None:
    """Tokens are those that AWS counts, which Cohere's client puts into the answer."""
    cloud = Cloud(SAID, **COUNTED)
    assert cloud.client(f"{platform}Client").chat(**CHATTED).text == "Roses."
    found = told_of(telemetry, cloud, platform, "chat")
    assert found["gen_ai.response.finish_reasons"] == ("COMPLETE",)
    assert counts(telemetry) == {"input_tokens": 7, "output_tokens": 3}


@CHATS
def test_a_chat_that_nobody_counts(telemetry: Telemetry, platform: str) -> None:
    """What is not counted is no token at all, though the client writes a number."""
    cloud = Cloud(SAID)
    assert cloud.client(f"{platform}Client").chat(**CHATTED).meta.tokens.input_tokens == -1
    told_of(telemetry, cloud, platform, "chat")
    assert not counts(telemetry)
    assert not telemetry.tokens


@CHATS
def test_a_stream(telemetry: Telemetry, platform: str) -> None:
    """A stream is read as the app reads it."""
    spoken = {"is_finished": False, "event_type": "text-generation", "text": "Roses."}
    ended = {
        "is_finished": True,
        "event_type": "stream-end",
        "finish_reason": "COMPLETE",
        "response": SAID,
    }
    cloud = Cloud(chunk(spoken) + chunk(ended), kind=STREAMED)
    assert len(list(cloud.client(f"{platform}Client").chat_stream(**CHATTED))) == 2
    found = told_of(telemetry, cloud, platform, "chat")
    assert (found["callspan.outcome"], found["callspan.stream.chunks"]) == ("completed", 2)
    assert not counts(telemetry)


@CHATS
@pytest.mark.parametrize("stated", [False, True], ids=["by AWS", "by Cohere"])
def test_chat_of_the_second_api(telemetry: Telemetry, platform: str, stated: bool) -> None:
    """What Cohere itself counts stands before what AWS does."""
    usage = {
        "tokens": {"input_tokens": 66, "output_tokens": 2},
        "billed_units": {"input_tokens": 3},
    }
    cloud = Cloud({**SAID_V2, **({"usage": usage} if stated else {})}, **COUNTED)
    cloud.client(f"{platform}ClientV2").chat(**CHATTED_V2)
    assert told_of(telemetry, cloud, platform, "chat")["gen_ai.response.id"] == "r-2"
    assert counts(telemetry) == {
        "input_tokens": 66 if stated else 7,
        "output_tokens": 2 if stated else 3,
    }


@AN_ID
@EACH
def test_embeddings(telemetry: Telemetry, platform: str) -> None:
    """Embeddings give input tokens and dimensions."""
    vectors = {
        "id": "e-1",
        "embeddings": [[0.1, 0.2]],
        "texts": ["a"],
        "response_type": "embeddings_floats",
    }
    cloud = Cloud(vectors, **{"x-amzn-bedrock-input-token-count": "7"})
    cloud.client(f"{platform}Client").embed(
        texts=["whisper"], model=MODEL, input_type="search_document"
    )
    found = told_of(telemetry, cloud, platform, "embeddings")
    assert found["gen_ai.embeddings.dimension.count"] == 2
    assert counts(telemetry) == {"input_tokens": 7}


@EACH
def test_reranking(telemetry: Telemetry, platform: str) -> None:
    """Reranking, which the second API has at AWS."""
    cloud = Cloud({"id": "k-1", "results": [{"index": 0, "relevance_score": 0.9}]})
    cloud.client(f"{platform}ClientV2").rerank(query="whisper", documents=["a"], model=MODEL)
    assert told_of(telemetry, cloud, platform, "rerank")["gen_ai.response.id"] == "k-1"
    assert not counts(telemetry)


@CHATS
def test_a_refusal(telemetry: Telemetry, platform: str) -> None:
    """The code is AWS's, and what finds the request."""
    told = {"x-amzn-errortype": "ThrottlingException:http://aws.test/", "x-amzn-requestid": "r-9"}
    cloud = Cloud({"message": "Too many."}, 429, **told)
    with pytest.raises(cohere.TooManyRequestsError):
        cloud.client(f"{platform}ClientV2").chat(**CHATTED_V2, **ONCE)
    found = told_of(telemetry, cloud, platform, "chat")
    assert (found["error.type"], found["http.response.status_code"]) == ("ThrottlingException", 429)
    assert found["http.response.header.x-request-id"] == ("r-9",)


@CHATS
def test_event_hooks_of_the_app(telemetry: Telemetry, platform: str) -> None:
    """An app may have callables of any kind among the event hooks, which are no functions."""
    cloud = Cloud(SAID_V2)
    client = cloud.client(f"{platform}ClientV2")
    hooks = client._client_wrapper.httpx_client.httpx_client.event_hooks
    requests: list[httpx.Request] = []
    hooks["request"].insert(0, functools.partial(requests.append))
    client._client_wrapper.httpx_client.httpx_client.event_hooks = hooks
    client.chat(**CHATTED_V2)
    told_of(telemetry, cloud, platform, "chat")
    assert len(requests) == 1


@UNGUARDED
def test_a_client_made_before(telemetry: Telemetry) -> None:
    """One that was made before `instrument()` is heard as well, and no longer once that is undone."""
    callspan.uninstrument()
    cloud = Cloud(SAID, **COUNTED)
    client = cloud.client("BedrockClient")
    telemetry.instrument()
    client.chat(**CHATTED)
    assert telemetry.attributes["gen_ai.provider.name"] == "aws.bedrock"
    callspan.uninstrument()
    client.chat(**CHATTED)
    assert len(telemetry.spans) == 1
