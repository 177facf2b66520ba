"""Token counts under the names of many providers: those that the provider states are kept, LiteLLM's own are not."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

import callspan
from callspan.testing.modelserver import ModelServer
from frameworks.litellm.models import ASK, litellm
from telemetry import Telemetry, counts

pytestmark = pytest.mark.breaks(
    "span.required",
    "Bedrock's span wants a guardrail's id, which a call without a guardrail does not have",
)
WAYS = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
AWS = {"aws_access_key_id": "id", "aws_secret_access_key": "secret", "aws_region_name": "us-east-1"}


def _answer(options: dict[str, Any], asynchronous: bool) -> Any:
    async def read() -> Any:
        answer = await litellm.acompletion(messages=ASK, **options)
        return [chunk async for chunk in answer] if options.get("stream") else answer

    if asynchronous:
        return asyncio.run(read())
    answer = litellm.completion(messages=ASK, **options)
    return list(answer) if options.get("stream") else answer


STREAMS: dict[str, dict[str, Any]] = {
    "plain": {},
    "stream": {"stream": True},
    "stream with usage": {"stream": True, "stream_options": {"include_usage": True}},
}


@WAYS
@pytest.mark.parametrize("mode", STREAMS)
@pytest.mark.parametrize(
    "model", ["anthropic.claude-3-5-sonnet-20240620-v1:0", "amazon.nova-lite-v1:0"]
)
def test_bedrock_converse(
    telemetry: Telemetry, model_server: ModelServer, model: str, mode: str, asynchronous: bool
) -> None:
    """Converse counts in names of its own, and in a stream only after the model has finished."""
    endpoint = model_server.url.removesuffix("/v1")
    _answer(
        {
            "model": f"bedrock/{model}",
            "aws_bedrock_runtime_endpoint": endpoint,
            **AWS,
            **STREAMS[mode],
        },
        asynchronous,
    )
    total = model_server.ledger.total_told
    assert telemetry.tokens == {"input": total.input, "output": total.output}
    assert telemetry.attributes["gen_ai.provider.name"] == "aws.bedrock"


@WAYS
@pytest.mark.parametrize("mode", STREAMS)
@pytest.mark.parametrize("model", ["ollama/llama3", "ollama_chat/llama3"])
def test_ollama(
    telemetry: Telemetry, model_server: ModelServer, model: str, mode: str, asynchronous: bool
) -> None:
    """LiteLLM does not log what Ollama answers; its own HTTP client receives it."""
    _answer(
        {"model": model, "api_base": model_server.url.removesuffix("/v1"), **STREAMS[mode]},
        asynchronous,
    )
    total = model_server.ledger.total_told
    assert telemetry.tokens == {"input": total.input, "output": total.output}


class _Server(ThreadingHTTPServer):
    """Answers every request with one body, and some headers."""

    body: bytes = b"{}"
    headers: ClassVar[dict[str, str]] = {}


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(self.server.body)))
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[_Server]:
    """A server of any provider's."""
    with _Server(("127.0.0.1", 0), _Handler) as found:
        thread = threading.Thread(target=found.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


TITAN = {
    "inputTextTokenCount": 6,
    "results": [{"tokenCount": 3, "outputText": "Roses.", "completionReason": "FINISH"}],
}
LLAMA = {
    "generation": "Roses.",
    "prompt_token_count": 6,
    "generation_token_count": 3,
    "stop_reason": "stop",
}
MISTRAL = {"outputs": [{"text": "Roses.", "stop_reason": "stop"}]}
WATSONX = {
    "model_id": "granite",
    "results": [
        {
            "generated_text": "Roses.",
            "generated_token_count": 3,
            "input_token_count": 6,
            "stop_reason": "eos_token",
        }
    ],
}
NLP_CLOUD = {"generated_text": "Roses.", "nb_input_tokens": 6, "nb_generated_tokens": 3}
COHERE = {
    "id": "c1",
    "finish_reason": "COMPLETE",
    "message": {"role": "assistant", "content": [{"type": "text", "text": "Roses."}]},
    "usage": {
        "billed_units": {"input_tokens": 6, "output_tokens": 3},
        "tokens": {"input_tokens": 6, "output_tokens": 3},
    },
}
CHAT = {
    "id": "x",
    "object": "chat.completion",
    "created": 1,
    "model": "x",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Roses."}}
    ],
}
USAGE = {"prompt_tokens": 6, "completion_tokens": 3, "total_tokens": 9}
QUOTE = {
    "index": 0,
    "finish_reason": "stop",
    "message": {"role": "assistant", "content": '{"prompt_tokens": 6}'},
}
OLLAMA = {
    "model": "llama3",
    "created_at": "2026-01-01T00:00:00Z",
    "response": "Roses.",
    "done": True,
}
BOTH = {"input_tokens": 6, "output_tokens": 3}
ANSWERS: dict[str, tuple[str, Any, dict[str, int]]] = {
    "titan": ("bedrock/amazon.titan-text-express-v1", TITAN, BOTH),
    "llama": ("bedrock/invoke/meta.llama3-8b-instruct-v1:0", LLAMA, BOTH),
    "bedrock without counts": ("bedrock/invoke/mistral.mistral-7b-instruct-v0:2", MISTRAL, {}),
    "watsonx": ("watsonx_text/granite", WATSONX, BOTH),
    "nlp cloud": ("nlp_cloud//dolphin", NLP_CLOUD, BOTH),
    "cohere": ("cohere_chat/command-r", COHERE, BOTH),
    "databricks": ("databricks/dbrx", {**CHAT, "usage": USAGE}, BOTH),
    "ollama": ("ollama/llama3", {**OLLAMA, "prompt_eval_count": 6, "eval_count": 3}, BOTH),
    "ollama with the prompt in its cache": (
        "ollama/llama3",
        {**OLLAMA, "eval_count": 3},
        {"output_tokens": 3},
    ),
    "ollama without counts": ("ollama/llama3", OLLAMA, {}),
    "settings that are no counts": (
        "hosted_vllm/x",
        {**CHAT, "max_tokens": 100, "token_budget": 9},
        {},
    ),
    "counts in the model's words": ("hosted_vllm/x", {**CHAT, "choices": [QUOTE]}, {}),
}


@WAYS
@pytest.mark.parametrize("case", ANSWERS)
def test_names_of_counts(
    telemetry: Telemetry, server: _Server, case: str, asynchronous: bool
) -> None:
    """Each side of the counts is the provider's, or is left out where only LiteLLM has counted it."""
    model, body, expected = ANSWERS[case]
    server.body = json.dumps(body).encode()
    url = f"http://127.0.0.1:{server.server_port}"
    base = (
        {"aws_bedrock_runtime_endpoint": url, **AWS}
        if model.startswith("bedrock")
        else {"api_base": url}
    )
    more = {"token": "t", "project_id": "p"} if model.startswith("watsonx") else {}
    answer = _answer({"model": model, "api_key": "sk-test-secret", **base, **more}, asynchronous)
    assert answer.usage.total_tokens > 0 or not expected
    assert counts(telemetry) == expected


def test_counts_in_headers(
    telemetry: Telemetry, server: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bedrock counts in headers what the vendor's format has no place for."""
    monkeypatch.setattr(
        server,
        "headers",
        {"x-amzn-bedrock-input-token-count": "6", "x-amzn-bedrock-output-token-count": "3"},
    )
    server.body = json.dumps(MISTRAL).encode()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    _answer(
        {
            "model": "bedrock/invoke/mistral.mistral-7b-instruct-v0:2",
            "aws_bedrock_runtime_endpoint": endpoint,
            **AWS,
        },
        False,
    )
    assert counts(telemetry) == BOTH


@WAYS
def test_an_address_that_is_none(telemetry: Telemetry, asynchronous: bool) -> None:
    """LiteLLM logs an address whose port is no number: the error of the app's is what it is without us."""
    options = {"model": "nlp_cloud/dolphin", "api_base": "http://127.0.0.1:80", "api_key": "k"}
    errors = []
    for _ in range(2):
        with pytest.raises(litellm.exceptions.APIConnectionError) as caught:
            _answer(options, asynchronous)
        errors.append(str(caught.value).splitlines()[0])
        callspan.uninstrument()
    assert errors[0] == errors[1]
    assert telemetry.span.status.status_code.name == "ERROR"
