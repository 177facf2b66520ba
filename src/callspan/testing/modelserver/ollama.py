"""Ollama's chat, generate and embeddings, whole or streamed as one object a line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from .embeddings import vectors
from .exchange import Answer, Exchange, JsonObject, to_json
from .ledger import Counts
from .openai_shapes import DIMENSIONS, MODEL, MOST_INPUTS, TOOLS, chat_messages
from .reply import Reply, ToolCall
from .shapes import MAPPING, TEXT, TEXTS, Shape, array, boolean, either, mapping, number
from .text import pieces
from .wire import Endpoint, Format, split_lines

_FIELDS: dict[str, Shape] = {
    "model": MODEL,
    "messages": chat_messages(MAPPING, TEXT),
    "prompt": TEXT,
    "tools": TOOLS,
    "stream": boolean,
    "options": MAPPING,
    "format": either({str: TEXT, dict: MAPPING}),
    "think": either({bool: boolean, str: TEXT}),
    "keep_alive": either({str: TEXT, int: number(), float: number()}),
    "images": TEXTS,
    **dict.fromkeys(("system", "suffix", "template"), TEXT),
    "raw": boolean,
    "input": either({str: TEXT, list: array(TEXT, most=MOST_INPUTS)}),
    "dimensions": DIMENSIONS,
}
# A fixed time, so that answers are the same in each run.
_CREATED = "2026-09-21T14:13:20Z"
_ERRORS = {
    401: "unauthorized",
    404: "model not found",
    429: "too many requests",
    500: "the model runner has stopped",
}


def _translate(path: str, body: JsonObject) -> JsonObject:
    """Return a request in OpenAI's words; Ollama streams unless the request forbids it."""
    if path.endswith("/embeddings"):
        # The older of two endpoints for vectors, which takes one text.
        return {"model": body.get("model"), "input": body.get("prompt")}
    # The request's own `stream` wins, as it stands last.
    return {"stream": not path.endswith("/embed"), **body}


def chat(exchange: Exchange) -> Answer:
    """Answer POST /api/chat."""
    return _generate(exchange, _chat_fields)


def generate(exchange: Exchange) -> Answer:
    """Answer POST /api/generate."""
    return _generate(exchange, _generate_fields)


def _chat_fields(delta: JsonObject) -> JsonObject:
    return {"message": {"role": "assistant", "content": "", **delta}}


def _generate_fields(delta: JsonObject) -> JsonObject:
    fields = {"response": delta.get("content", "")}
    if "thinking" in delta:
        fields["thinking"] = delta["thinking"]
    return fields


def _generate(exchange: Exchange, to_fields: Callable[[JsonObject], JsonObject]) -> Answer:
    """Return an answer; `to_fields` puts the words of one object into the endpoint's fields."""
    reply = exchange.reply
    counts = exchange.count_tokens(exchange.text, *exchange.call_texts)
    ending = {"done": True, "done_reason": reply.finish_reason or "stop"}
    if exchange.sends_usage:
        ending |= _usage(counts)
    envelope = {"model": exchange.model, "created_at": _CREATED}
    if not exchange.is_streamed:
        whole = {**envelope, **to_fields(_whole(exchange)), **ending}
        return exchange.answer(whole, counts, has_usage=exchange.sends_usage)
    chunks: list[JsonObject] = []
    for delta in _deltas(exchange):
        chunks.append({**envelope, **to_fields(delta), "done": False})
    # In the last object, which says that it is done.
    usage_at = len(chunks) if exchange.sends_usage else None
    chunks.append({**envelope, **to_fields({}), **ending})
    return exchange.stream(
        map(_line, chunks), counts, usage_at=usage_at, error_frame=_error_frame(reply)
    )


def _usage(counts: Counts) -> JsonObject:
    return {
        "prompt_eval_count": counts.input,
        "eval_count": counts.output,
        "total_duration": 5_000_000,
    }


def _whole(exchange: Exchange) -> JsonObject:
    reply = exchange.reply
    whole: JsonObject = {"content": exchange.text}
    if reply.reasoning:
        whole["thinking"] = reply.reasoning
    if reply.tool_calls:
        whole["tool_calls"] = list(map(_call, reply.tool_calls))
    return whole


def _call(call: ToolCall) -> JsonObject:
    # Here arguments are an object, where OpenAI has JSON text.
    return {"function": {"name": call.name, "arguments": json.loads(call.arguments)}}


def _deltas(exchange: Exchange) -> list[JsonObject]:
    reply = exchange.reply
    deltas: list[JsonObject] = []
    for piece in pieces(reply.reasoning, reply.chunk_size):
        deltas.append({"thinking": piece})
    for piece in pieces(exchange.text, reply.chunk_size):
        deltas.append({"content": piece})
    # A call comes whole, where OpenAI's comes in pieces.
    for call in reply.tool_calls:
        deltas.append({"tool_calls": [_call(call)]})
    return deltas


def embed(exchange: Exchange) -> Answer:
    """Answer POST /api/embed."""
    counts = exchange.count_tokens()
    body: JsonObject = {"model": exchange.model, "embeddings": vectors(exchange.body)}
    if exchange.sends_usage:
        body["prompt_eval_count"] = counts.input
    return exchange.answer(body, counts, has_usage=exchange.sends_usage)


def embed_one(exchange: Exchange) -> Answer:
    """Answer POST /api/embeddings, which has no usage."""
    [vector] = vectors(exchange.body)
    return exchange.answer({"embedding": vector}, exchange.count_tokens())


def error(reply: Reply, status: int) -> JsonObject:
    """Return an error in Ollama's words: a sentence."""
    return {"error": reply.error_message or _ERRORS.get(status, "invalid request")}


def _error_frame(reply: Reply) -> bytes:
    return _line(error(reply, 500))


def _line(value: JsonObject) -> bytes:
    return to_json(value) + b"\n"


OLLAMA = Format(
    address=re.compile("/api(?P<endpoint>/.+)"),
    endpoints={
        "/chat": Endpoint(chat, mapping(_FIELDS, required=("model", "messages")), is_written=True),
        "/generate": Endpoint(
            generate, mapping(_FIELDS, required=("model", "prompt")), is_written=True
        ),
        "/embed": Endpoint(embed, mapping(_FIELDS, required=("model", "input"))),
        "/embeddings": Endpoint(embed_one, mapping(_FIELDS, required=("model", "prompt"))),
    },
    error=error,
    error_frame=_error_frame,
    translate=_translate,
    split=split_lines,
    stream_type="application/x-ndjson",
)
