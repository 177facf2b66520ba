"""Errors that stand in the body of an answer whose HTTP status is 200: such a call has not been completed."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

import anthropic
import pytest

import callspan
from aws import GUARDED, bedrock
from callspan.testing.modelserver import ModelServer, Reply
from clients import (
    HttpClient,
    anthropic_at,
    google_client,
    http,
    huggingface_client,
    mistral_client,
    openai_client,
    stainless_at,
)
from creating import cohere_client
from program import CHAT, MODEL, Program
from telemetry import Telemetry
from wire import sse

WRONG: dict[str, Any] = {
    "error": {"code": "overloaded", "type": "overloaded", "message": "whisper"}
}
ASK: dict[str, Any] = {"model": MODEL, "input": "Roses?"}
CLAUDE: dict[str, Any] = {"model": "claude-flowers", "messages": CHAT["messages"], "max_tokens": 9}


def _openai(path: str, **request: Any) -> Callable[[str], Any]:
    def ask(url: str) -> Any:
        with openai_client(url) as client:
            found: Any = client
            for name in path.split("."):
                found = getattr(found, name)
            return found(**request)

    return ask


def _huggingface(url: str, end: str) -> Any:
    return huggingface_client(url.removesuffix("/v1") + end)


def _bedrock(model: str, body: dict[str, Any]) -> Callable[[str], Any]:
    def ask(url: str) -> Any:
        client = bedrock(url)
        return client.invoke_model(modelId=model, body=json.dumps(body), **GUARDED)["body"].read()

    return ask


REQUESTS: dict[str, Callable[[str], Any]] = {
    "chat": _openai("chat.completions.create", **CHAT),
    "responses": _openai("responses.create", **ASK),
    "raw responses": _openai("responses.with_raw_response.create", **ASK),
    "completions": _openai("completions.create", model=MODEL, prompt="Roses"),
    "embeddings": _openai("embeddings.create", **ASK, encoding_format="float"),
    "images": _openai("images.generate", model=MODEL, prompt="Roses"),
    "transcription": _openai(
        "audio.transcriptions.create", model=MODEL, file=("roses.wav", b"RIFF")
    ),
    "moderation": _openai("moderations.create", **ASK),
    "groq": lambda url: stainless_at("groq", "Groq")(url).chat.completions.create(**CHAT),
    "anthropic": lambda url: anthropic_at(url).messages.create(**CLAUDE),
    "cohere": lambda url: cohere_client(url).chat(**CHAT),
    "cohere v1": lambda url: cohere_client(url, "Client").chat(model=MODEL, message="Roses?"),
    "cohere rerank": lambda url: cohere_client(url).rerank(
        model=MODEL, query="Roses?", documents=["A rose."]
    ),
    "mistral": lambda url: mistral_client(url).chat.complete(**CHAT),
    "mistral conversations": lambda url: mistral_client(url).beta.conversations.start(
        model=MODEL, inputs="Roses?"
    ),
    "gemini": lambda url: google_client(url).models.generate_content(
        model="gemini-flowers", contents="Roses?"
    ),
    "gemini embeddings": lambda url: google_client(url).models.embed_content(
        model="gemini-flowers", contents="Roses?"
    ),
    "huggingface": lambda url: _huggingface(url, "/generate").text_generation(
        "Roses?", details=True
    ),
    "huggingface embeddings": lambda url: _huggingface(url, "/features").feature_extraction(
        "Roses?"
    ),
    "bedrock titan": _bedrock(
        "amazon.titan-text", {"inputText": "Roses?", "textGenerationConfig": {}}
    ),
    "bedrock embeddings": _bedrock("amazon.titan-embed", {"inputText": "Roses?"}),
    "bedrock claude": _bedrock(
        "anthropic.claude", {**CLAUDE, "anthropic_version": "bedrock-2023-05-31"}
    ),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_an_error_in_place_of_an_answer(
    telemetry: Telemetry, model_server: ModelServer, name: str
) -> None:
    """The call has failed with the provider's code, whether or not the client raises; what is said stays here."""
    model_server.enqueue(Reply(raw=json.dumps(WRONG)))
    with contextlib.suppress(Exception):  # some clients cannot make their object of such a body
        REQUESTS[name](model_server.url)
    attributes = telemetry.attributes
    assert (attributes["callspan.outcome"], attributes["error.type"]) == ("error", "overloaded")
    assert "whisper" not in telemetry.everything()


def answer(**fields: Any) -> dict[str, Any]:
    """A response, with these fields in place of the usual ones."""
    message = {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "Ro"}],
    }
    usage = {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}
    head = {"id": "resp_1", "object": "response", "model": MODEL, "created_at": 1_790_000_000}
    return {
        **head,
        "status": "completed",
        "output": [message],
        "usage": usage,
        "error": None,
        **fields,
    }


ENDINGS: dict[str, tuple[dict[str, Any], tuple[str, str | None, Any]]] = {
    "failed": ({"status": "failed", **WRONG}, ("error", "overloaded", ("error",))),
    "failed, without a reason": ({"status": "failed"}, ("error", "_OTHER", ("error",))),
    "error with another status": (
        {"status": "incomplete", **WRONG},
        ("error", "overloaded", ("incomplete",)),
    ),
    "error and completed": (WRONG, ("error", "overloaded", ("stop",))),
    "error and no status": ({"status": None, **WRONG}, ("error", "overloaded", None)),
    "cancelled": ({"status": "cancelled"}, ("cancelled", "cancelled", ("error",))),
    "cut": (
        {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
        ("completed", None, ("length",)),
    ),
    "cut, without a reason": ({"status": "incomplete"}, ("completed", None, ("incomplete",))),
}


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("name", ENDINGS)
def test_how_a_response_ended(
    telemetry: Telemetry, program: Program, model_server: ModelServer, name: str, stream: bool
) -> None:
    """A response that failed or was cancelled is no completed call, and its tokens count; one that was cut is one."""
    fields, expected = ENDINGS[name]
    body = answer(**fields)
    if stream:
        kind = f"response.{body['status'] or 'failed'}"
        event = {"type": kind, "sequence_number": 1, "response": body}
        model_server.enqueue(Reply(raw=f"event: {kind}\ndata: {json.dumps(event)}\n\n"))
    else:
        model_server.enqueue(Reply(raw=json.dumps(body)))
    with callspan.count_tokens() as count:
        (program.read if stream else program.ask)("responses.create", **ASK)
    attributes = telemetry.attributes
    reasons = attributes.get("gen_ai.response.finish_reasons")
    if stream and name == "error and no status":
        expected = (*expected[:2], ("error",))  # the event says that it has failed
    assert (attributes["callspan.outcome"], attributes.get("error.type"), reasons) == expected
    assert (count.calls, count.total) == (1, 7)
    assert count.failed_calls == (expected[0] != "completed")
    assert "whisper" not in telemetry.everything()


def fetch(body: dict[str, Any]) -> None:
    """Fetch a response from a server that answers with this."""
    transport = http.MockTransport(lambda _request: http.Response(200, json=body))
    with openai_client(
        "http://model.test/v1", http_client=HttpClient(transport=transport)
    ) as client:
        client.responses.retrieve("resp_1")


def test_fetching_what_has_failed(telemetry: Telemetry) -> None:
    """A failed response that is fetched was fetched well, and says so by its status."""
    fetch(answer(status="failed", **WRONG))
    attributes = telemetry.attributes
    assert (attributes["callspan.outcome"], attributes["gen_ai.response.status"]) == (
        "completed",
        "failed",
    )


def test_an_error_in_place_of_what_is_fetched(telemetry: Telemetry) -> None:
    """An error where a response should be is one of the fetching."""
    fetch(WRONG)
    assert (telemetry.attributes["callspan.outcome"], telemetry.attributes["error.type"]) == (
        "error",
        "overloaded",
    )


def test_a_choice_that_has_failed(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """The finish reason `error` means failure, also where nothing else is said of it."""
    choice = {
        "index": 0,
        "finish_reason": "error",
        "message": {"role": "assistant", "content": "Ro"},
    }
    model_server.enqueue(Reply(raw=json.dumps({"id": "c-1", "model": MODEL, "choices": [choice]})))
    program.chat()
    assert (telemetry.attributes["callspan.outcome"], telemetry.attributes["error.type"]) == (
        "error",
        "error",
    )


def test_an_empty_error_beside_an_answer(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """Some servers write the field into every answer; what is empty says nothing."""
    choice = {
        "index": 0,
        "finish_reason": "stop",
        "message": {"role": "assistant", "content": "Roses"},
    }
    for error in (None, {}, ""):
        telemetry.clear()
        model_server.enqueue(
            Reply(
                raw=json.dumps({"id": "c-1", "model": MODEL, "choices": [choice], "error": error})
            )
        )
        program.chat()
        assert telemetry.attributes["callspan.outcome"] == "completed"


@pytest.mark.skipif(
    not hasattr(anthropic, "HUMAN_PROMPT"), reason="a version without legacy completions"
)
def test_an_error_in_place_of_a_legacy_completion(
    telemetry: Telemetry, model_server: ModelServer
) -> None:
    """The same for Anthropic's legacy completions, which the client has up to its first major version."""
    model_server.enqueue(Reply(raw=json.dumps(WRONG)))
    anthropic_at(model_server.url).completions.create(
        model="claude-2", prompt="Roses?", max_tokens_to_sample=9
    )
    assert (telemetry.attributes["callspan.outcome"], telemetry.attributes["error.type"]) == (
        "error",
        "overloaded",
    )


def test_an_error_beside_an_unfinished_choice(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """A stream that ends in an error has failed, also where nobody reads its text."""
    head = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    chunks = []
    for piece in ("Ro", "ses"):
        choice = {"index": 0, "delta": {"content": piece}, "finish_reason": None}
        chunks.append({**head, "choices": [choice]})
    broken = {"index": 0, "delta": {"content": ""}, "finish_reason": None}
    model_server.enqueue(sse(*chunks, {**head, "choices": [broken], **WRONG}))
    # some versions of the client raise at such a chunk
    with contextlib.suppress(Exception):
        program.stream()
    assert (telemetry.attributes["callspan.outcome"], telemetry.attributes["error.type"]) == (
        "error",
        "overloaded",
    )


@pytest.mark.parametrize("reason", ["ERROR_TOXIC", "ERROR_LIMIT", "TIMEOUT", "USER_CANCEL"])
def test_failures_of_cohere(telemetry: Telemetry, model_server: ModelServer, reason: str) -> None:
    """Each finish reason of Cohere's that means no answer is a failure."""
    model_server.enqueue(Reply(text="Ro", finish_reason=reason))
    cohere_client(model_server.url).chat(**CHAT)
    assert (telemetry.attributes["callspan.outcome"], telemetry.attributes["error.type"]) == (
        "error",
        reason,
    )
