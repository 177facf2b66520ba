"""Cohere's first API: chat as a message with what went before, streamed as one object a line."""

from __future__ import annotations

import json
import re
from typing import Any

from .cohere import EMBEDDING, RERANK, asked, embed, error, rerank, usage
from .exchange import Answer, Exchange, to_json
from .openai_shapes import NAME, SAMPLING, TOKENS
from .reply import Reply
from .shapes import MAPPING, TEXT, TEXTS, Shape, array, boolean, either, mapping, mapping_of
from .text import fragments, pieces
from .wire import Endpoint, Format, lines

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


def _asked(path: str, body: dict[str, Any]) -> dict[str, Any]:
    if "message" not in body:
        return asked(path, body)
    history = [_message(item) for item in body.get("chat_history") or []]
    results = (
        [{"role": "tool", "content": json.dumps(body["tool_results"])}]
        if body.get("tool_results")
        else []
    )
    said = {"role": "user", "content": body["message"]}
    tools = [{"type": "function", "function": _function(tool)} for tool in body.get("tools") or []]
    return {**body, "messages": [*history, said, *results], "tools": tools}


def _message(item: dict[str, Any]) -> dict[str, Any]:
    return {"role": _ROLES.get(item["role"], "tool"), "content": item.get("message") or ""}


def _function(tool: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": tool["name"],
        "parameters": {"properties": tool.get("parameter_definitions") or {}},
    }


def chat(exchange: Exchange) -> Answer:
    """POST /v1/chat."""
    calls = [text for call in exchange.reply.tool_calls for text in (call.name, call.arguments)]
    counts = exchange.tally(exchange.text, *calls)
    tells = exchange.reply.usage is not False
    told: dict[str, Any] = {"model": exchange.model, "counts": counts}
    whole = {**_whole(exchange), **({"meta": usage(counts)} if tells else {})}
    if not exchange.body.get("stream"):
        return Answer(to_json(whole), told_at=0 if tells else None, **told)
    events = [
        *_events(exchange),
        _event("stream-end", finish_reason=whole["finish_reason"], response=whole),
    ]
    told_at = len(events) - 1 if tells else None
    return Answer(
        frames=tuple(map(_line, events)),
        told_at=told_at,
        error_frame=_broken(exchange.reply),
        **told,
    )


def _whole(exchange: Exchange) -> dict[str, Any]:
    calls = [
        {"name": call.name, "parameters": json.loads(call.arguments)}
        for call in exchange.reply.tool_calls
    ]
    return {
        "response_id": f"co-{exchange.number:06}",
        "generation_id": f"gen-{exchange.number:06}",
        "text": exchange.text,
        "finish_reason": exchange.reply.finish_reason or "COMPLETE",
        **({"tool_calls": calls} if calls else {}),
    }


def _events(exchange: Exchange) -> list[dict[str, Any]]:
    reply = exchange.reply
    words = [
        _event("text-generation", text=word) for word in pieces(exchange.text, reply.chunk_size)
    ]
    calls = [
        event
        for at, call in enumerate(reply.tool_calls)
        for event in _call_events(at, call.name, call.arguments)
    ]
    return [_event("stream-start", generation_id=f"gen-{exchange.number:06}"), *words, *calls]


def _call_events(at: int, name: str, arguments: str) -> list[dict[str, Any]]:
    given = [{"parameters": piece} for piece in fragments(arguments)]
    return [
        _event("tool-calls-chunk", tool_call_delta={"index": at, **piece})
        for piece in ({"name": name}, *given)
    ]


def _event(kind: str, **more: Any) -> dict[str, Any]:
    return {"is_finished": kind == "stream-end", "event_type": kind, **more}


def _line(event: dict[str, Any]) -> bytes:
    return to_json(event) + b"\n"


def _broken(_reply: Reply) -> bytes:
    return _line(
        _event("stream-end", finish_reason="ERROR", response={"text": "", "finish_reason": "ERROR"})
    )


COHERE_V1 = Format(
    address=re.compile(r"/v1(?P<end>/.+)"),
    endpoints={
        "/chat": Endpoint(chat, _CHAT, spoken=True),
        "/embed": Endpoint(embed, EMBEDDING),
        "/rerank": Endpoint(rerank, RERANK),
    },
    error=error,
    broken=_broken,
    asked=_asked,
    frames=lines,
    streamed="application/stream+json",
)
