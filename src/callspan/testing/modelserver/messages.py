"""Anthropic's messages: text and tool calls, whole or streamed."""

from __future__ import annotations

import json
from typing import Any

from .exchange import Answer, Exchange, frame, to_json
from .ledger import Counts
from .openai_shapes import MODEL, NAME, SCHEMA, TOKENS
from .reply import Reply
from .shapes import (
    MAPPING,
    TEXT,
    TEXTS,
    Shape,
    array,
    boolean,
    either,
    integer,
    mapping,
    number,
    one_of,
    tagged,
)
from .text import fragments, pieces
from .wire import VERSIONED, Endpoint, Format

_PARTS: dict[str, Shape] = {
    "text": mapping({"text": TEXT}, required=("text",)),
    "tool_use": mapping({"id": TEXT, "name": TEXT, "input": MAPPING}, required=("name",)),
    "tool_result": mapping(
        {"tool_use_id": TEXT, "content": either({str: TEXT, list: array(MAPPING)})}
    ),
    **dict.fromkeys(("image", "document"), mapping({"source": MAPPING}, required=("source",))),
}
_CONTENT = either({str: TEXT, list: array(tagged("type", _PARTS, MAPPING))})
_MESSAGE = mapping(
    {"role": one_of("user", "assistant", "system"), "content": _CONTENT},
    required=("role", "content"),
)
MESSAGES_FIELDS: dict[str, Shape] = {
    "model": MODEL,
    "messages": array(_MESSAGE, least=1),
    "max_tokens": TOKENS,
    "system": _CONTENT,
    "stream": boolean,
    "temperature": number(0, 1),
    "top_p": number(0, 1),
    "top_k": integer(0),
    "stop_sequences": TEXTS,
    "tools": array(mapping({"name": NAME, "input_schema": SCHEMA}, required=("name",))),
    "tool_choice": mapping({"type": TEXT, "name": TEXT}, required=("type",)),
    "thinking": mapping({"type": TEXT, "budget_tokens": TOKENS}),
    "metadata": MAPPING,
}
_BODY = mapping(MESSAGES_FIELDS, required=("model", "messages", "max_tokens"))

# status: type, message
_KNOWN: dict[int, tuple[str, str]] = {
    400: ("invalid_request_error", "The request is not valid."),
    401: ("authentication_error", "invalid x-api-key"),
    404: ("not_found_error", "The model does not exist."),
    429: ("rate_limit_error", "Number of requests has exceeded your rate limit."),
    500: ("api_error", "Internal server error"),
    529: ("overloaded_error", "Overloaded"),
}


def messages(exchange: Exchange) -> Answer:
    """POST /messages."""
    calls = [text for call in exchange.reply.tool_calls for text in (call.name, call.arguments)]
    counts = exchange.tally(exchange.text, *calls)
    if exchange.body.get("stream"):
        return _streamed(exchange, counts)
    whole = {
        **_envelope(exchange, _usage(counts)),
        "content": _content(exchange),
        **_ending(exchange),
    }
    return Answer(to_json(whole), model=exchange.model, counts=counts, told_at=0)


def error(reply: Reply, status: int) -> dict[str, Any]:
    """An error as Anthropic words it."""
    kind, message = _KNOWN.get(status, _KNOWN[400 if status < 500 else 500])
    said = {"type": reply.error_type or kind, "message": reply.error_message or message}
    return {"type": "error", "error": said}


def _envelope(exchange: Exchange, usage: dict[str, Any]) -> dict[str, Any]:
    identity = {
        "id": f"msg_{exchange.number:06}",
        "type": "message",
        "role": "assistant",
        "model": exchange.model,
    }
    return {**identity, "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}


def _usage(counts: Counts) -> dict[str, Any]:
    return {
        "input_tokens": counts.input - counts.cached - counts.cache_write,
        "cache_creation_input_tokens": counts.cache_write,
        "cache_read_input_tokens": counts.cached,
        "output_tokens": counts.output,
    }


def _ending(exchange: Exchange) -> dict[str, Any]:
    reason = exchange.reply.finish_reason or (
        "tool_use" if exchange.reply.tool_calls else "end_turn"
    )
    return {"stop_reason": reason, "stop_sequence": None}


def _content(exchange: Exchange) -> list[dict[str, Any]]:
    said = [{"type": "text", "text": exchange.text}] if exchange.text else []
    calls = enumerate(exchange.reply.tool_calls)
    return [
        *said,
        *({**_call(exchange, at), "input": json.loads(call.arguments)} for at, call in calls),
    ]


def _call(exchange: Exchange, position: int) -> dict[str, Any]:
    name = exchange.reply.tool_calls[position].name
    return {"type": "tool_use", "id": exchange.call_id(position), "name": name, "input": {}}


def _streamed(exchange: Exchange, counts: Counts) -> Answer:
    begun = _envelope(exchange, {**_usage(counts), "output_tokens": 1})
    events = [{"type": "message_start", "message": begun}]
    events += [event for at, block in enumerate(_blocks(exchange)) for event in _events(at, *block)]
    ending = {
        "type": "message_delta",
        "delta": _ending(exchange),
        "usage": {"output_tokens": counts.output},
    }
    frames = [frame(event, event["type"]) for event in (*events, ending, {"type": "message_stop"})]
    broken = _broken(exchange.reply)
    told = len(frames) - 2
    return Answer(
        frames=tuple(frames), model=exchange.model, counts=counts, told_at=told, error_frame=broken
    )


def _blocks(exchange: Exchange) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """What begins each block, and the pieces that follow."""
    said = [
        {"type": "text_delta", "text": piece}
        for piece in pieces(exchange.text, exchange.reply.chunk_size)
    ]
    blocks = [({"type": "text", "text": ""}, said)] if said else []
    for at, call in enumerate(exchange.reply.tool_calls):
        given = [
            {"type": "input_json_delta", "partial_json": part} for part in fragments(call.arguments)
        ]
        blocks.append((_call(exchange, at), given))
    return blocks


def _events(at: int, block: dict[str, Any], deltas: list[dict[str, Any]]) -> list[dict[str, Any]]:
    begin = {"type": "content_block_start", "index": at, "content_block": block}
    middle = [{"type": "content_block_delta", "index": at, "delta": delta} for delta in deltas]
    return [begin, *middle, {"type": "content_block_stop", "index": at}]


def _broken(reply: Reply) -> bytes:
    return frame(error(reply, 500), "error")


MESSAGES = Format(
    address=VERSIONED,
    endpoints={"/messages": Endpoint(messages, _BODY, spoken=True)},
    error=error,
    broken=_broken,
)
