"""Gemini's generateContent and embeddings, whole or streamed; the model stands in the path."""

from __future__ import annotations

import json
import re
from itertools import zip_longest
from typing import Any

from .embeddings import vectors
from .exchange import Answer, Exchange, JsonObject, frame, optional_array, optional_object, to_json
from .ledger import Counts
from .media import PNG
from .openai_shapes import DIMENSIONS, INTEGER, NAME, SCHEMA, TOKENS
from .reply import Reply
from .shapes import MAPPING, TEXT, TEXTS, Shape, array, integer, mapping, number
from .text import count, pieces
from .wire import Endpoint, Format, find_error

_ADDRESS = re.compile(r"/v1(?:beta1?)?/(?:.+/)?models/(?P<model>[^/:]+)(?P<endpoint>:\w+)")
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

# By status: the provider's code, message.
_ERRORS: dict[int, tuple[str, str]] = {
    400: ("INVALID_ARGUMENT", "The request is not valid."),
    401: ("UNAUTHENTICATED", "API keys are not supported by this API."),
    404: ("NOT_FOUND", "The model does not exist."),
    429: ("RESOURCE_EXHAUSTED", "You exceeded your current quota."),
    500: ("INTERNAL", "An internal error has occurred."),
    503: ("UNAVAILABLE", "The model is overloaded."),
}


def _translate(path: str, body: JsonObject) -> JsonObject:
    """Return a request in OpenAI's words; the model stands in the path."""
    match = _ADDRESS.fullmatch(path)
    model, endpoint = (match["model"], match["endpoint"]) if match else ("", "")
    if endpoint == _BATCH:
        return {"model": model, **_translate_batch(optional_array(body, "requests"))}
    if endpoint == _PREDICT:
        instances = optional_array(body, "instances")
        return {
            "model": model,
            **_translate_prediction(instances, optional_object(body, "parameters")),
        }
    return {
        "model": model,
        "stream": endpoint == _STREAMED,
        "n": optional_object(body, "generationConfig").get("candidateCount"),
        "messages": _messages(body),
        "tools": _tools(body),
    }


def _messages(body: JsonObject) -> list[JsonObject]:
    messages: list[JsonObject] = []
    if body.get("systemInstruction"):
        messages.append({"role": "system", "content": _text(body["systemInstruction"])})
    messages += map(_message, optional_array(body, "contents"))
    return messages


def _tools(body: JsonObject) -> list[JsonObject]:
    tools: list[JsonObject] = []
    for tool in optional_array(body, "tools"):
        # Google puts many functions into one tool.
        for declaration in optional_array(tool, "functionDeclarations"):
            tools.append({"type": "function", "function": _function(declaration)})
    return tools


def _translate_batch(requests: list[JsonObject]) -> JsonObject:
    texts = [_text(request.get("content")) for request in requests]
    # All vectors of a batch get the dimensions of the first.
    dimensions = requests[0].get("outputDimensionality") if requests else None
    return {"input": texts, "dimensions": dimensions}


def _translate_prediction(instances: list[JsonObject], parameters: JsonObject) -> JsonObject:
    if any("prompt" in instance for instance in instances):
        prompts = [instance.get("prompt") for instance in instances]
        return {"prompt": prompts, "n": parameters.get("sampleCount")}
    texts = [instance.get("content") or "" for instance in instances]
    return {"input": texts, "dimensions": parameters.get("outputDimensionality")}


def _function(declaration: JsonObject) -> JsonObject:
    schema = declaration.get("parametersJsonSchema") or optional_object(declaration, "parameters")
    properties: JsonObject = {}
    for name, parameter in optional_object(schema, "properties").items():
        properties[name] = _lower_type(parameter)
    return {"name": declaration.get("name") or "", "parameters": {"properties": properties}}


def _lower_type(parameter: Any) -> JsonObject:
    """Return the schema of a parameter with its type in lower case, as JSON Schema has it."""
    # A schema may also be true or false.
    schema = parameter if isinstance(parameter, dict) else {}
    return {**schema, "type": str(schema.get("type")).lower()}


def _message(content: JsonObject) -> JsonObject:
    answers = [part.get("functionResponse") for part in optional_array(content, "parts")]
    answers = list(filter(None, answers))
    if answers:
        text = json.dumps(answers[-1].get("response"), ensure_ascii=False)
        return {"role": "tool", "content": text}
    return {"role": content.get("role") or "user", "content": _text(content)}


def _text(content: JsonObject | None) -> str:
    if not content:
        return ""
    return "".join(part.get("text") or "" for part in optional_array(content, "parts"))


def generate(exchange: Exchange) -> Answer:
    """Answer POST /models/MODEL:generateContent and :streamGenerateContent."""
    counts = exchange.count_tokens(*exchange.choices, *exchange.call_texts)
    if exchange.is_streamed:
        return _stream(exchange, counts)
    candidates: list[JsonObject] = []
    for index, text in enumerate(exchange.choices):
        candidate = _candidate(index, _parts(exchange, text))
        candidate["finishReason"] = _finish_reason(exchange)
        candidates.append(candidate)
    body = {"candidates": candidates, **_envelope(exchange), **_usage(exchange, counts)}
    return exchange.answer(body, counts, has_usage=exchange.sends_usage)


def count_tokens(exchange: Exchange) -> Answer:
    """Answer POST /models/MODEL:countTokens."""
    return Answer(to_json({"totalTokens": exchange.count_tokens().input}))


def embed(exchange: Exchange) -> Answer:
    """Answer POST /models/MODEL:batchEmbedContents, which has no usage."""
    embeddings = [{"values": vector} for vector in vectors(exchange.body)]
    return exchange.answer({"embeddings": embeddings}, exchange.count_tokens())


def predict(exchange: Exchange) -> Answer:
    """Answer POST /models/MODEL:predict: Imagen's images, and embeddings on Vertex."""
    counts = exchange.count_tokens()
    if "prompt" in exchange.body:
        image = {"mimeType": "image/png", "bytesBase64Encoded": PNG}
        number = int(exchange.body.get("n") or 1)
        return exchange.answer({"predictions": [image] * number}, counts)
    predictions: list[JsonObject] = []
    for text, vector in zip(exchange.body["input"], vectors(exchange.body), strict=True):
        statistics = {"token_count": count(text), "truncated": False}
        predictions.append({"embeddings": {"values": vector, "statistics": statistics}})
    return exchange.answer({"predictions": predictions}, counts, has_usage=True)


def error(reply: Reply, status: int) -> JsonObject:
    """Return an error in Google's words."""
    code, message = find_error(_ERRORS, status)
    facts = {
        "code": status,
        "message": reply.error_message or message,
        "status": reply.error_code or code,
    }
    return {"error": facts}


def _envelope(exchange: Exchange) -> JsonObject:
    return {"modelVersion": exchange.model, "responseId": f"gen-{exchange.number:06}"}


def _usage(exchange: Exchange, counts: Counts) -> JsonObject:
    if not exchange.sends_usage:
        return {}
    # Google counts thoughts beside the output, and what is cached within the input.
    usage = {
        "promptTokenCount": counts.input,
        "cachedContentTokenCount": counts.cached,
        "candidatesTokenCount": counts.output - counts.reasoning,
        "thoughtsTokenCount": counts.reasoning,
        "totalTokenCount": counts.input + counts.output,
    }
    return {"usageMetadata": usage}


def _candidate(index: int, parts: list[JsonObject]) -> JsonObject:
    return {"content": {"parts": parts, "role": "model"}, "index": index}


def _finish_reason(exchange: Exchange) -> str:
    return exchange.reply.finish_reason or "STOP"


def _parts(exchange: Exchange, text: str) -> list[JsonObject]:
    """Return the parts of a whole candidate; one without thoughts and calls has a text."""
    parts: list[JsonObject] = []
    if exchange.reply.reasoning:
        parts.append({"text": exchange.reply.reasoning, "thought": True})
    calls = _call_parts(exchange)
    if text or not (parts or calls):
        parts.append({"text": text})
    return parts + calls


def _call_parts(exchange: Exchange) -> list[JsonObject]:
    parts: list[JsonObject] = []
    for call in exchange.reply.tool_calls:
        parts.append({"functionCall": {"name": call.name, "args": json.loads(call.arguments)}})
    return parts


def _column(exchange: Exchange, index: int, text: str) -> list[JsonObject]:
    """Return the pieces of one candidate, the last of which has the finish reason."""
    reply = exchange.reply
    parts: list[JsonObject] = []
    for piece in pieces(reply.reasoning, reply.chunk_size):
        parts.append({"text": piece, "thought": True})
    for piece in pieces(text, reply.chunk_size):
        parts.append({"text": piece})
    parts += _call_parts(exchange)
    if not parts:
        parts.append({"text": ""})
    column = [_candidate(index, [part]) for part in parts]
    column[-1]["finishReason"] = _finish_reason(exchange)
    return column


def _stream(exchange: Exchange, counts: Counts) -> Answer:
    columns = [_column(exchange, index, text) for index, text in enumerate(exchange.choices)]
    chunks: list[JsonObject] = []
    for row in zip_longest(*columns):
        for candidate in filter(None, row):  # a candidate that is over leaves a gap
            chunks.append({"candidates": [candidate], **_envelope(exchange)})
    chunks[-1] |= _usage(exchange, counts)
    return exchange.stream(
        map(frame, chunks),
        counts,
        usage_at=len(chunks) - 1 if exchange.sends_usage else None,
        error_frame=_error_frame(exchange.reply),
    )


def _error_frame(reply: Reply) -> bytes:
    return frame(error(reply, 500))


GEMINI = Format(
    address=_ADDRESS,
    endpoints={
        ":generateContent": Endpoint(generate, _GENERATION, is_written=True),
        _STREAMED: Endpoint(generate, _GENERATION, is_written=True),
        ":countTokens": Endpoint(count_tokens, mapping(_FIELDS)),
        _PREDICT: Endpoint(predict, _PREDICTION),
        _BATCH: Endpoint(embed, _EMBEDDING),
    },
    error=error,
    error_frame=_error_frame,
    translate=_translate,
)
