"""A sound request for each endpoint of the model server, and a way to send bytes that no client would."""

from __future__ import annotations

import io
import json
import socket
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any

from callspan.testing.modelserver import ModelServer

_SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}, "any": True},
}
_TOOL = {
    "type": "function",
    "function": {"name": "get_weather", "description": "Weather.", "parameters": _SCHEMA},
}
_CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
_PARTS = [
    {"type": "text", "text": "The weather?"},
    {"type": "image_url", "image_url": {"url": "data:,"}},
]
_CHAT = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": _PARTS},
        {"role": "assistant", "content": None, "tool_calls": [_CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Sun."},
        {"role": "user", "content": "And the weather in Rome?"},
    ],
    "tools": [_TOOL],
    "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
    "n": 2,
    "stream": True,
    "stream_options": {"include_usage": True},
    "max_tokens": 9,
    "temperature": 0.5,
    "stop": ["."],
    "logit_bias": {"50256": -100},
    "service_tier": "auto",
    "response_format": {"type": "text"},
    "metadata": {"a": "b"},
}
_RESPONSE = {
    "model": "m",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "The weather in Rome?"}]},
        {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "Sun."},
    ],
    "instructions": "Be brief.",
    "tools": [{"type": "function", "name": "get_weather", "parameters": _SCHEMA}],
    "tool_choice": "auto",
    "max_output_tokens": 64,
    "stream": True,
    "text": {"format": {"type": "text"}},
    "metadata": {"a": "b"},
}
_MESSAGES = {
    "model": "m",
    "max_tokens": 9,
    "system": [{"type": "text", "text": "Be brief."}],
    "messages": [
        {"role": "user", "content": "The weather?"},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "t", "name": "get_weather", "input": {}}],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t", "content": "Sun."}],
        },
    ],
    "tools": [{"name": "get_weather", "input_schema": _SCHEMA}],
    "tool_choice": {"type": "auto"},
    "stop_sequences": ["."],
    "temperature": 0.5,
    "top_k": 3,
    "stream": True,
}
_GEMINI = {
    "contents": [
        {"role": "user", "parts": [{"text": "The weather?"}]},
        {"role": "model", "parts": [{"functionCall": {"name": "get_weather", "args": {}}}]},
        {
            "role": "user",
            "parts": [{"functionResponse": {"name": "get_weather", "response": {"sky": "blue"}}}],
        },
        {"role": "user", "parts": [{"text": "And the weather in Rome?"}]},
    ],
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "tools": [{"functionDeclarations": [{"name": "get_weather", "parameters": _SCHEMA}]}],
    "generationConfig": {
        "candidateCount": 2,
        "maxOutputTokens": 9,
        "temperature": 0.5,
        "stopSequences": ["."],
    },
}
_CONVERSE = {
    "messages": [
        {"role": "user", "content": [{"text": "The weather?"}]},
        {
            "role": "assistant",
            "content": [{"toolUse": {"toolUseId": "t", "name": "get_weather", "input": {}}}],
        },
        {
            "role": "user",
            "content": [{"toolResult": {"toolUseId": "t", "content": [{"text": "Sun."}]}}],
        },
    ],
    "system": [{"text": "Be brief."}],
    "toolConfig": {
        "tools": [{"toolSpec": {"name": "get_weather", "inputSchema": {"json": _SCHEMA}}}]
    },
    "inferenceConfig": {"maxTokens": 9, "temperature": 0.5, "stopSequences": ["."]},
}
_MISTRAL = {
    "stream": True,
    "temperature": 0.5,
    "max_tokens": 9,
    "tools": [_TOOL],
    "tool_choice": "any",
}
_ASKED: list[Any] = [{"role": "user", "content": "The weather?"}]
_OLLAMA = {
    "model": "m",
    "options": {"num_predict": 9},
    "keep_alive": 5,
    "format": "json",
    "think": False,
}
_COHERE_TOOL = {"name": "get_weather", "parameter_definitions": {"city": {"type": "str"}}}
_HISTORY = [{"role": "USER", "message": "Hi"}, {"role": "CHATBOT", "message": "Hello"}]
_UNNAMED = {name: value for name, value in _MESSAGES.items() if name not in ("model", "stream")}

SOUND: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": _CHAT,
    "/v1/completions": {
        "model": "m",
        "prompt": ["Roses", "are"],
        "n": 2,
        "stream": True,
        "logprobs": 1,
    },
    "/v1/responses": _RESPONSE,
    "/v1/embeddings": {
        "model": "m",
        "input": ["a", [1, 2]],
        "dimensions": 8,
        "encoding_format": "base64",
    },
    "/v1/images/generations": {"model": "m", "prompt": "A rose", "n": 2, "size": "1024x1024"},
    "/v1/audio/speech": {"model": "m", "input": "Hello", "voice": "alloy", "speed": 1.5},
    "/v1/audio/transcriptions": {"model": "m", "file": "sound"},
    "/v1/audio/translations": {"model": "m", "file": "sound"},
    "/v1/moderations": {"model": "m", "input": ["a", {"type": "text", "text": "b"}]},
    "/v1/messages": _MESSAGES,
    "/v1beta/models/m:generateContent": _GEMINI,
    "/v1beta/models/m:streamGenerateContent": _GEMINI,
    "/v1beta/models/m:countTokens": _GEMINI,
    "/v1beta/models/m:batchEmbedContents": {
        "requests": [{"content": {"parts": [{"text": "a"}]}, "outputDimensionality": 8}]
    },
    "/v1/projects/p/models/m:predict": {
        "instances": [{"prompt": "A rose"}, {"content": "b"}],
        "parameters": {"sampleCount": 2, "outputDimensionality": 8},
    },
    "/v1beta/interactions": {
        "model": "m",
        "input": [{"type": "text", "text": "Hi"}],
        "stream": True,
    },
    "/mistral/v1/chat/completions": {"model": "m", "messages": _ASKED, **_MISTRAL},
    "/mistral/v1/agents/completions": {"agent_id": "a", "messages": _ASKED, **_MISTRAL},
    "/mistral/v1/fim/completions": {
        "model": "m",
        "prompt": "def",
        "suffix": "return",
        "stream": True,
    },
    "/mistral/v1/conversations": {
        "model": "m",
        "inputs": _ASKED,
        "stream": True,
        "instructions": "Be brief.",
    },
    "/mistral/v1/embeddings": {"model": "m", "input": ["a", "b"], "output_dimension": 8},
    "/v2/chat": {
        "model": "m",
        "messages": _ASKED,
        "tools": [_TOOL],
        "stream": True,
        "documents": ["a"],
    },
    "/v2/embed": {
        "model": "m",
        "texts": ["a"],
        "embedding_types": ["float"],
        "output_dimension": 8,
    },
    "/v2/rerank": {"model": "m", "query": "a", "documents": ["a", "b"], "top_n": 1},
    "/v1/chat": {
        "message": "The weather?",
        "chat_history": _HISTORY,
        "tools": [_COHERE_TOOL],
        "stream": True,
    },
    "/v1/embed": {"model": "m", "texts": ["a"], "output_dimension": 8},
    "/v1/rerank": {"query": "a", "documents": ["a", {"text": "b"}], "top_n": 1},
    "/api/chat": {"messages": _ASKED, "tools": [_TOOL], **_OLLAMA},
    "/api/generate": {"prompt": "Roses", "system": "Be brief.", "raw": False, **_OLLAMA},
    "/api/embed": {"model": "m", "input": ["a"], "dimensions": 8},
    "/api/embeddings": {"model": "m", "prompt": "a"},
    "/generate": {
        "inputs": "Roses",
        "parameters": {"details": True, "max_new_tokens": 9, "stop": ["."]},
    },
    "/features": {"inputs": ["a", "b"]},
    "/model/m/converse": _CONVERSE,
    "/model/m/converse-stream": _CONVERSE,
    "/model/m/invoke": {"anthropic_version": "bedrock-2023-05-31", **_UNNAMED},
    "/model/m/invoke-with-response-stream": {"messages": _ASKED, "n": 2, "tools": [_TOOL]},
}


@dataclass(frozen=True)
class Response:
    """What the server answered; `rest` is what came behind it."""

    status: int
    headers: dict[str, str]
    body: bytes
    rest: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def post(path: str, body: bytes | Any, *headers: str) -> bytes:
    """The bytes of a request; a body that is not bytes is sent as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1",
        "host: x",
        f"content-length: {len(data)}",
        "connection: close",
        *headers,
    )
    return "\r\n".join((*head, "", "")).encode() + data


def send(server: ModelServer, request: bytes, method: str = "POST") -> Response:
    """Send bytes, say that there are no more, and read the answer."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as stream:
            received = stream.read()
    return _read(received, method)


class _Socket:
    """As much of a socket as http.client reads an answer from."""

    def __init__(self, data: bytes) -> None:
        self.stream = io.BytesIO(data)
        self.stream.close = lambda: (
            None
        )  # so that what is left can be read after http.client has closed it

    def makefile(self, _mode: str) -> io.BytesIO:
        return self.stream


def _read(received: bytes, method: str) -> Response:
    connection: Any = _Socket(received)
    answer = HTTPResponse(connection, method=method)
    answer.begin()
    headers = {name.lower(): value for name, value in answer.getheaders()}
    body = answer.read()
    return Response(answer.status, headers, body, connection.stream.read())
