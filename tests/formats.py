"""Each wire format with a recorded answer, read by the real client: the answer as JSON, to be edited and sent."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws import bedrock
from callspan.testing.modelserver.eventstream import event, frames
from clients import (
    anthropic_at,
    google_client,
    huggingface_client,
    mistral_client,
    openai_client,
    stainless_at,
)
from creating import cohere_client, ollama_client
from torture import oddities

PAYLOADS = Path(__file__).parent / "payloads"
HELLO: list[Any] = [{"role": "user", "content": "Which flowers last longest?"}]
CHAT: dict[str, Any] = {"model": "flowers-8b", "messages": HELLO}
Ask = Callable[[str], Any]


@dataclass(frozen=True)
class Format:
    """One format: a recorded answer, and a function that reads it with the real client."""

    payload: str
    ask: Ask

    def __str__(self) -> str:
        return self.payload

    @property
    def documents(self) -> list[Any]:
        """The answer as JSON: one document, or the events of a stream."""
        body = (PAYLOADS / self.payload).read_bytes()
        match Path(self.payload).suffix:
            case ".sse":
                return oddities.frames(body.replace(b"data:{", b"data: {"))
            case ".ndjson":
                return [json.loads(line) for line in body.splitlines()]
            case ".eventstream":
                return list(map(_aws_event, frames(body)))
            case _:
                return [json.loads(body)]

    def body(self, documents: list[Any]) -> bytes:
        """Return such documents as the body of an answer."""
        match Path(self.payload).suffix:
            case ".sse":
                return oddities.written(documents)
            case ".ndjson":
                return b"".join(json.dumps(document).encode() + b"\n" for document in documents)
            case ".eventstream":
                return b"".join(map(_aws_frame, documents))
            case _:
                return json.dumps(documents[0]).encode()


def _aws_event(frame: bytes) -> dict[str, Any]:
    """Return an event of AWS's binary streams as JSON."""
    headers_end = 12 + struct.unpack_from("!I", frame, 4)[0]
    headers, at = {}, 12
    while at < headers_end:
        name_end = at + 1 + frame[at]
        value_start = name_end + 3
        value_end = value_start + struct.unpack_from("!H", frame, name_end + 1)[0]
        headers[frame[at + 1 : name_end].decode()] = frame[value_start:value_end].decode()
        at = value_end
    data = json.loads(frame[headers_end:-4])
    inner = data.get("bytes")
    return {
        "kind": headers[":event-type"],
        "data": data if inner is None else json.loads(base64.b64decode(inner)),
    }


def _aws_frame(document: dict[str, Any]) -> bytes:
    """Return such an event as it is on the wire; a chunk of a vendor's format is base64 in it."""
    data = json.dumps(document["data"]).encode()
    if document["kind"] == "chunk":
        data = json.dumps({"bytes": base64.b64encode(data).decode()}).encode()
    return event(document["kind"], data)


def _openai(path: str, **request: Any) -> Ask:
    def ask(url: str) -> Any:
        with openai_client(url) as client:
            target: Any = client
            for name in path.split("."):
                target = getattr(target, name)
            answer = target.create(**request)
            return list(answer) if request.get("stream") else answer

    return ask


def _groq(url: str) -> Any:
    with stainless_at("groq", "Groq")(url) as client:
        return client.chat.completions.create(**CHAT)


def _anthropic(stream: bool = False) -> Ask:
    def ask(url: str) -> Any:
        with anthropic_at(url) as client:
            answer = client.messages.create(**CHAT, max_tokens=64, stream=stream)
            return list(answer) if stream else answer

    return ask


def _google(method: str) -> Ask:
    def ask(url: str) -> Any:
        models = google_client(url).models
        answer = getattr(models, method)(
            model="gemini-flowers", contents="Which flowers last longest?"
        )
        return list(answer) if method.endswith("_stream") else answer

    return ask


def _mistral(method: str) -> Ask:
    def ask(url: str) -> Any:
        with mistral_client(url) as client:
            answer = getattr(client.chat, method)(**CHAT)
            return list(answer) if method == "stream" else answer

    return ask


def _cohere(version: int, method: str, **request: Any) -> Ask:
    def ask(url: str) -> Any:
        client = cohere_client(url, "ClientV2" if version == 2 else "Client")
        answer = getattr(client, method)(**request, request_options={"max_retries": 0})
        return list(answer) if method == "chat_stream" else answer

    return ask


def _ollama(method: str, **request: Any) -> Ask:
    def ask(url: str) -> Any:
        answer = getattr(ollama_client(url), method)(model="flowers-8b", **request)
        return list(answer) if request.get("stream") else answer

    return ask


def _huggingface(url: str) -> Any:
    return huggingface_client(url).chat_completion(messages=HELLO)


def _tgi(**request: Any) -> Ask:
    def ask(url: str) -> Any:
        client = huggingface_client(f"{url.removesuffix('/v1')}/generate")
        answer = client.text_generation("Red", **request)
        return list(answer) if request.get("stream") else answer

    return ask


_CONVERSE = {
    "modelId": "amazon.flowers-v1:0",
    "messages": [{"role": "user", "content": [{"text": "Which?"}]}],
}
_CLAUDE = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 64, "messages": HELLO}


def _bedrock(operation: str, **request: Any) -> Ask:
    def ask(url: str) -> Any:
        answer = getattr(bedrock(url), operation)(**request)
        body = answer.get("stream") or answer.get("body")
        if body is None:
            return answer
        return list(body) if operation.endswith("stream") else body.read()

    return ask


def _invoke(operation: str, request: dict[str, Any]) -> Ask:
    return _bedrock(operation, modelId="flowers-v1:0", body=json.dumps(request))


FORMATS = (
    Format("openai/chat_basic.json", _openai("chat.completions", **CHAT)),
    Format("openai/chat_stream_usage.sse", _openai("chat.completions", **CHAT, stream=True)),
    Format("openai/chat_stream_tool_calls.sse", _openai("chat.completions", **CHAT, stream=True)),
    Format("openai/responses_text.json", _openai("responses", model="flowers-8b", input="Which?")),
    Format(
        "openai/responses_stream_text.sse",
        _openai("responses", model="flowers-8b", input="Which?", stream=True),
    ),
    Format("openai/completion.json", _openai("completions", model="flowers-8b", prompt="Which?")),
    Format("openai/embeddings.json", _openai("embeddings", model="flowers-8b", input="Rose")),
    Format("groq/chat.json", _groq),
    Format("anthropic/message_cache.json", _anthropic()),
    Format("anthropic/stream_cache.sse", _anthropic(stream=True)),
    Format("anthropic/stream_tool_use.sse", _anthropic(stream=True)),
    Format("google_genai/generate_content_thinking.json", _google("generate_content")),
    Format("google_genai/stream.sse", _google("generate_content_stream")),
    Format("mistralai/chat.json", _mistral("complete")),
    Format("mistralai/chat_stream.sse", _mistral("stream")),
    Format("cohere/v2_chat.json", _cohere(2, "chat", **CHAT)),
    Format("cohere/v2_chat_stream.sse", _cohere(2, "chat_stream", **CHAT)),
    Format("cohere/v2_chat_stream_tools.sse", _cohere(2, "chat_stream", **CHAT)),
    Format("cohere/v1_chat.json", _cohere(1, "chat", model="flowers-8b", message="Which?")),
    Format("ollama/chat.json", _ollama("chat", messages=HELLO)),
    Format("ollama/chat_stream.ndjson", _ollama("chat", messages=HELLO, stream=True)),
    Format("ollama/generate.json", _ollama("generate", prompt="Which?")),
    Format("ollama/embed.json", _ollama("embed", input="Rose")),
    Format("huggingface_hub/chat.json", _huggingface),
    Format("huggingface_hub/generate_details.json", _tgi(details=True)),
    Format(
        "huggingface_hub/generate_stream.sse",
        _tgi(details=True, stream=True, decoder_input_details=False),
    ),
    Format("bedrock/converse.json", _bedrock("converse", **_CONVERSE)),
    Format("bedrock/converse_stream.eventstream", _bedrock("converse_stream", **_CONVERSE)),
    Format("bedrock/invoke_claude.json", _invoke("invoke_model", _CLAUDE)),
    Format(
        "bedrock/invoke_claude_stream.eventstream",
        _invoke("invoke_model_with_response_stream", _CLAUDE),
    ),
    Format("bedrock/invoke_titan_embed.json", _invoke("invoke_model", {"inputText": "Rose"})),
)
