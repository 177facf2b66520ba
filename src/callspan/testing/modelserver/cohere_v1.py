"""Cohere's first API: a chat is a message and its history, and a stream has one object a line."""

from __future__ import annotations

import json
import re

from .cohere import EMBEDDING, RERANK, embed, error, rerank, translate, usage
from .exchange import Answer, Exchange, JsonObject, optional_array, optional_object, to_json
from .openai_shapes import NAME, SAMPLING, TOKENS
from .reply import Reply
from .shapes import MAPPING, TEXT, TEXTS, Shape, array, boolean, either, mapping, mapping_of
from .text import fragments, pieces
from .wire import Endpoint, Format, split_lines

_DEFINITIONS = mapping_of(either({dict: MAPPING, bool: boolean}))
_TOOL = mapping({"name": NAME, "parameter_definitions": _DEFINITIONS}, required=("name",))
_FIELDS: dict[str, Shape] = {
    **SAMPLING,
    "message": TEXT,
    "chat_history": array(mapping({"role": TEXT, "message": TEXT}, required=("role",))),
    "tools": array(_TOOL, most=128),
    "tool_results": array(MAPPING),
    "documents": array(MAPPING),
    "preamble": TEXT,
    "max_tokens": TOKENS,
    "stop_sequences": TEXTS,
}
_CHAT = mapping(_FIELDS, required=("message",))
_ROLES = {"CHATBOT": "assistant", "SYSTEM": "system", "USER": "user"}


def _translate(path: str, body: JsonObject) -> JsonObject:
    """Return a chat, or a request for embeddings, in OpenAI's words."""
    if "message" not in body:
        return translate(path, body)
    messages = [_message(item) for item in optional_array(body, "chat_history")]
    # The new message stands beside the history, and comes after it.
    messages.append({"role": "user", "content": body["message"]})
    if body.get("tool_results"):
        messages.append({"role": "tool", "content": json.dumps(body["tool_results"])})
    tools: list[JsonObject] = []
    for tool in optional_array(body, "tools"):
        properties = optional_object(tool, "parameter_definitions")
        function = {"name": tool["name"], "parameters": {"properties": properties}}
        tools.append({"type": "function", "function": function})
    return {**body, "messages": messages, "tools": tools}


def _message(item: JsonObject) -> JsonObject:
    return {"role": _ROLES.get(item["role"], "tool"), "content": item.get("message") or ""}


def chat(exchange: Exchange) -> Answer:
    """Answer POST /v1/chat."""
    counts = exchange.count_tokens(exchange.text, *exchange.call_texts)
    whole = _whole(exchange)
    if exchange.sends_usage:
        whole["meta"] = usage(counts)
    if not exchange.is_streamed:
        return exchange.answer(whole, counts, has_usage=exchange.sends_usage)
    events = _events(exchange)
    # The last event repeats the whole answer.
    events.append(_event("stream-end", finish_reason=whole["finish_reason"], response=whole))
    return exchange.stream(
        map(_line, events),
        counts,
        usage_at=len(events) - 1 if exchange.sends_usage else None,
        error_frame=_error_frame(exchange.reply),
    )


def _whole(exchange: Exchange) -> JsonObject:
    whole: JsonObject = {
        "response_id": f"co-{exchange.number:06}",
        "generation_id": _generation_id(exchange),
        "text": exchange.text,
        "finish_reason": exchange.reply.finish_reason or "COMPLETE",
    }
    if exchange.reply.tool_calls:
        whole["tool_calls"] = [
            {"name": call.name, "parameters": json.loads(call.arguments)}
            for call in exchange.reply.tool_calls
        ]
    return whole


def _generation_id(exchange: Exchange) -> str:
    return f"gen-{exchange.number:06}"


def _events(exchange: Exchange) -> list[JsonObject]:
    reply = exchange.reply
    events = [_event("stream-start", generation_id=_generation_id(exchange))]
    for word in pieces(exchange.text, reply.chunk_size):
        events.append(_event("text-generation", text=word))
    for index, call in enumerate(reply.tool_calls):
        events += _call_events(index, call.name, call.arguments)
    return events


def _call_events(index: int, name: str, arguments: str) -> list[JsonObject]:
    deltas = [{"name": name}, *({"parameters": piece} for piece in fragments(arguments))]
    return [
        _event("tool-calls-chunk", tool_call_delta={"index": index, **delta}) for delta in deltas
    ]


def _event(kind: str, **fields: str | JsonObject) -> JsonObject:
    return {"is_finished": kind == "stream-end", "event_type": kind, **fields}


def _line(event: JsonObject) -> bytes:
    return to_json(event) + b"\n"


def _error_frame(_reply: Reply) -> bytes:
    response = {"text": "", "finish_reason": "ERROR"}
    return _line(_event("stream-end", finish_reason="ERROR", response=response))


COHERE_V1 = Format(
    address=re.compile(r"/v1(?P<endpoint>/.+)"),
    endpoints={
        "/chat": Endpoint(chat, _CHAT, is_written=True),
        "/embed": Endpoint(embed, EMBEDDING),
        "/rerank": Endpoint(rerank, RERANK),
    },
    error=error,
    error_frame=_error_frame,
    translate=_translate,
    split=split_lines,
    stream_type="application/stream+json",
)
