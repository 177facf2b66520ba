"""Gemini's generateContent and embeddings, whole or streamed; the model stands in the path."""

from __future__ import annotations

import json
import re
from itertools import zip_longest
from typing import Any

from .embeddings import vectors
from .exchange import Answer, Exchange, frame, to_json
from .ledger import Counts
from .media import PNG
from .openai_shapes import DIMENSIONS, INTEGER, NAME, SCHEMA, TOKENS
from .reply import Reply
from .shapes import MAPPING, TEXT, TEXTS, Shape, array, integer, mapping, number
from .text import count as count_of
from .text import pieces
from .wire import Endpoint, Format

_ADDRESS = re.compile(r"/v1(?:beta1?)?/(?:.+/)?models/(?P<model>[^/:]+)(?P<end>:\w+)")
_STREAMED = ":streamGenerateContent"
_BATCH = ":batchEmbedContents"
_PREDICT = ":predict"

_PARTS = ("functionCall", "functionResponse", "inlineData", "fileData")
_PART = mapping({"text": TEXT, **dict.fromkeys(_PARTS, MAPPING)})
_CONTENT = mapping({"role": TEXT, "parts": array(_PART)})
_CONFIG: dict[str, Shape] = {
    "candidateCount": integer(1, 8),
    "maxOutputTokens": TOKENS,
    "temperature": number(0, 2),
    "topP": number(0, 1),
    "topK": number(0),
    "seed": INTEGER,
    "stopSequences": TEXTS,
    "thinkingConfig": MAPPING,
}
_FUNCTION: dict[str, Shape] = {
    "name": NAME,
    "description": TEXT,
    "parameters": SCHEMA,
    "parametersJsonSchema": SCHEMA,
}
_FIELDS: dict[str, Shape] = {
    "contents": array(_CONTENT),
    "systemInstruction": _CONTENT,
    "generationConfig": mapping(_CONFIG),
    "tools": array(mapping({"functionDeclarations": array(mapping(_FUNCTION), most=128)})),
    "toolConfig": MAPPING,
    "safetySettings": array(MAPPING),
}
_GENERATION = mapping(_FIELDS, required=("contents",))
_EMBEDDED = mapping(
    {"content": _CONTENT, "outputDimensionality": DIMENSIONS, "taskType": TEXT},
    required=("content",),
)
_EMBEDDING = mapping({"requests": array(_EMBEDDED, least=1, most=100)}, required=("requests",))
_INSTANCE = mapping({"prompt": TEXT, "content": TEXT})
_PARAMETERS = mapping({"sampleCount": integer(1, 8), "outputDimensionality": DIMENSIONS})
_INSTANCES = array(_INSTANCE, least=1, most=250)
_PREDICTION = mapping({"instances": _INSTANCES, "parameters": _PARAMETERS}, required=("instances",))

# status: the provider's code, message
_KNOWN: dict[int, tuple[str, str]] = {
    400: ("INVALID_ARGUMENT", "The request is not valid."),
    401: ("UNAUTHENTICATED", "API keys are not supported by this API."),
    404: ("NOT_FOUND", "The model does not exist."),
    429: ("RESOURCE_EXHAUSTED", "You exceeded your current quota."),
    500: ("INTERNAL", "An internal error has occurred."),
    503: ("UNAVAILABLE", "The model is overloaded."),
}


def _asked(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The request in the words of chat or embeddings; the model stands in the path."""
    found = _ADDRESS.fullmatch(path)
    model, end = found.groups() if found else ("", "")
    if end == _BATCH:
        requests = body.get("requests") or []
        size = next((request.get("outputDimensionality") for request in requests), None)
        return {
            "model": model,
            "input": [_said(request.get("content")) for request in requests],
            "dimensions": size,
        }
    if end == _PREDICT:
        return {
            "model": model,
            **_to_predict(body.get("instances") or [], body.get("parameters") or {}),
        }
    system = (
        [{"role": "system", "content": _said(body["systemInstruction"])}]
        if body.get("systemInstruction")
        else []
    )
    functions = [
        declared
        for tool in body.get("tools") or []
        for declared in tool.get("functionDeclarations") or []
    ]
    return {
        "model": model,
        "stream": end == _STREAMED,
        "n": (body.get("generationConfig") or {}).get("candidateCount"),
        "messages": [*system, *map(_message, body.get("contents") or [])],
        "tools": [{"type": "function", "function": _function(declared)} for declared in functions],
    }


def _to_predict(instances: list[dict[str, Any]], settings: dict[str, Any]) -> dict[str, Any]:
    if any("prompt" in instance for instance in instances):
        prompts = [instance.get("prompt") for instance in instances]
        return {"prompt": prompts, "n": settings.get("sampleCount")}
    texts = [instance.get("content") or "" for instance in instances]
    return {"input": texts, "dimensions": settings.get("outputDimensionality")}


def _function(declared: dict[str, Any]) -> dict[str, Any]:
    schema = declared.get("parametersJsonSchema") or declared.get("parameters") or {}
    kinds = {name: _kind(kind) for name, kind in (schema.get("properties") or {}).items()}
    return {"name": declared.get("name") or "", "parameters": {"properties": kinds}}


def _kind(kind: Any) -> dict[str, Any]:
    """Return the schema of a parameter, which may also be true or false, with its type in lower case."""
    schema = kind if isinstance(kind, dict) else {}
    return {**schema, "type": str(schema.get("type")).lower()}


def _message(content: dict[str, Any]) -> dict[str, Any]:
    answers = [
        part["functionResponse"]
        for part in content.get("parts") or []
        if part.get("functionResponse")
    ]
    if answers:
        return {
            "role": "tool",
            "content": json.dumps(answers[-1].get("response"), ensure_ascii=False),
        }
    return {"role": content.get("role") or "user", "content": _said(content)}


def _said(content: Any) -> str:
    return "".join(part.get("text") or "" for part in (content or {}).get("parts") or [])


def generate(exchange: Exchange) -> Answer:
    """POST /models/MODEL:generateContent and :streamGenerateContent."""
    calls = [text for call in exchange.reply.tool_calls for text in (call.name, call.arguments)]
    counts = exchange.tally(*exchange.choices, *calls)
    columns = [_column(exchange, number, text) for number, text in enumerate(exchange.choices)]
    if exchange.body.get("stream"):
        return _streamed(exchange, counts, columns)
    whole = [_joined(exchange, number, column) for number, column in enumerate(columns)]
    body = {"candidates": whole, **_envelope(exchange), **_usage(exchange, counts)}
    return Answer(
        to_json(body),
        model=exchange.model,
        counts=counts,
        told_at=0 if exchange.reply.usage is not False else None,
    )


def count(exchange: Exchange) -> Answer:
    """POST /models/MODEL:countTokens."""
    return Answer(to_json({"totalTokens": exchange.tally().input}))


def embed(exchange: Exchange) -> Answer:
    """POST /models/MODEL:batchEmbedContents; no tokens are stated."""
    found = [{"values": vector} for vector in vectors(exchange.body)]
    return Answer(to_json({"embeddings": found}), model=exchange.model, counts=exchange.tally())


def predict(exchange: Exchange) -> Answer:
    """POST /models/MODEL:predict, which is Imagen's images, and embeddings on Vertex."""
    counts = exchange.tally()
    if "prompt" in exchange.body:
        image = {"mimeType": "image/png", "bytesBase64Encoded": PNG}
        made = [image] * int(exchange.body.get("n") or 1)
        return Answer(to_json({"predictions": made}), model=exchange.model, counts=counts)
    texts = exchange.body["input"]
    stated = [{"token_count": count_of(text), "truncated": False} for text in texts]
    found = [
        {"values": vector, "statistics": told}
        for vector, told in zip(vectors(exchange.body), stated, strict=True)
    ]
    body = {"predictions": [{"embeddings": one} for one in found]}
    return Answer(to_json(body), model=exchange.model, counts=counts, told_at=0)


def error(reply: Reply, status: int) -> dict[str, Any]:
    """An error as Google words it."""
    code, message = _KNOWN.get(status, _KNOWN[400 if status < 500 else 500])
    told = {
        "code": status,
        "message": reply.error_message or message,
        "status": reply.error_code or code,
    }
    return {"error": told}


def _envelope(exchange: Exchange) -> dict[str, Any]:
    return {"modelVersion": exchange.model, "responseId": f"gen-{exchange.number:06}"}


def _usage(exchange: Exchange, counts: Counts) -> dict[str, Any]:
    told = {
        "promptTokenCount": counts.input,
        "cachedContentTokenCount": counts.cached,
        "candidatesTokenCount": counts.output - counts.reasoning,
        "thoughtsTokenCount": counts.reasoning,
        "totalTokenCount": counts.input + counts.output,
    }
    return {"usageMetadata": told} if exchange.reply.usage is not False else {}


def _column(exchange: Exchange, number: int, text: str) -> list[dict[str, Any]]:
    """The pieces of one candidate, the last with its reason."""
    reply = exchange.reply
    parts: list[dict[str, Any]] = [
        *({"text": piece, "thought": True} for piece in pieces(reply.reasoning, reply.chunk_size)),
        *({"text": piece} for piece in pieces(text, reply.chunk_size)),
        *(
            {"functionCall": {"name": call.name, "args": json.loads(call.arguments)}}
            for call in reply.tool_calls
        ),
    ]
    column = [_candidate(number, [part]) for part in parts or [{"text": ""}]]
    column[-1]["finishReason"] = reply.finish_reason or "STOP"
    return column


def _candidate(number: int, parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {"content": {"parts": parts, "role": "model"}, "index": number}


def _joined(exchange: Exchange, number: int, column: list[dict[str, Any]]) -> dict[str, Any]:
    reply, text = exchange.reply, exchange.choices[number]
    thought = [{"text": reply.reasoning, "thought": True}] if reply.reasoning else []
    calls = [
        part for piece in column for part in piece["content"]["parts"] if "functionCall" in part
    ]
    said = [{"text": text}] if text or not (thought or calls) else []
    return {
        **_candidate(number, [*thought, *said, *calls]),
        "finishReason": column[-1]["finishReason"],
    }


def _streamed(exchange: Exchange, counts: Counts, columns: list[list[dict[str, Any]]]) -> Answer:
    pieces = [piece for row in zip_longest(*columns) for piece in row if piece is not None]
    chunks = [{"candidates": [piece], **_envelope(exchange)} for piece in pieces]
    chunks[-1] |= _usage(exchange, counts)
    tells = exchange.reply.usage is not False
    return Answer(
        frames=tuple(map(frame, chunks)),
        model=exchange.model,
        counts=counts,
        told_at=len(chunks) - 1 if tells else None,
        error_frame=_broken(exchange.reply),
    )


def _broken(reply: Reply) -> bytes:
    return frame(error(reply, 500))


GEMINI = Format(
    address=_ADDRESS,
    endpoints={
        ":generateContent": Endpoint(generate, _GENERATION, spoken=True),
        _STREAMED: Endpoint(generate, _GENERATION, spoken=True),
        ":countTokens": Endpoint(count, mapping(_FIELDS)),
        _PREDICT: Endpoint(predict, _PREDICTION),
        _BATCH: Endpoint(embed, _EMBEDDING),
    },
    error=error,
    broken=_broken,
    asked=_asked,
)
