"""Anthropic's messages: text and tool calls, whole or streamed."""

from __future__ import annotations

import json

from .exchange import Answer, Exchange, JsonObject, frame
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
from .wire import VERSIONED, Endpoint, Format, find_error

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

# By status: type, message.
_ERRORS: dict[int, tuple[str, str]] = {
    400: ("invalid_request_error", "The request is not valid."),
    401: ("authentication_error", "invalid x-api-key"),
    404: ("not_found_error", "The model does not exist."),
    429: ("rate_limit_error", "Number of requests has exceeded your rate limit."),
    500: ("api_error", "Internal server error"),
    529: ("overloaded_error", "Overloaded"),
}


def messages(exchange: Exchange) -> Answer:
    """Answer POST /messages."""
    counts = exchange.count_tokens(exchange.text, *exchange.call_texts)
    if exchange.is_streamed:
        return _stream(exchange, counts)
    whole = {
        **_envelope(exchange, _usage(counts)),
        "content": _content(exchange),
        **_ending(exchange),
    }
    return exchange.answer(whole, counts, has_usage=True)


def error(reply: Reply, status: int) -> JsonObject:
    """Return an error in Anthropic's words."""
    kind, message = find_error(_ERRORS, status)
    facts = {"type": reply.error_type or kind, "message": reply.error_message or message}
    return {"type": "error", "error": facts}


def _envelope(exchange: Exchange, usage: JsonObject) -> JsonObject:
    """Return a message without its content, as a stream begins with it."""
    return {
        "id": f"msg_{exchange.number:06}",
        "type": "message",
        "role": "assistant",
        "model": exchange.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }


def _usage(counts: Counts) -> JsonObject:
    # Anthropic counts what is read from the cache or written into it beside the other input.
    return {
        "input_tokens": counts.input - counts.cached - counts.cache_write,
        "cache_creation_input_tokens": counts.cache_write,
        "cache_read_input_tokens": counts.cached,
        "output_tokens": counts.output,
    }


def _ending(exchange: Exchange) -> JsonObject:
    reason = "tool_use" if exchange.reply.tool_calls else "end_turn"
    return {"stop_reason": exchange.reply.finish_reason or reason, "stop_sequence": None}


def _content(exchange: Exchange) -> list[JsonObject]:
    content: list[JsonObject] = []
    if exchange.text:
        content.append({"type": "text", "text": exchange.text})
    for position, call in enumerate(exchange.reply.tool_calls):
        # Here the input is an object; OpenAI has JSON text.
        block = _call(exchange, position)
        content.append({**block, "input": json.loads(call.arguments)})
    return content


def _call(exchange: Exchange, position: int) -> JsonObject:
    name = exchange.reply.tool_calls[position].name
    return {"type": "tool_use", "id": exchange.call_id(position), "name": name, "input": {}}


def _stream(exchange: Exchange, counts: Counts) -> Answer:
    # The first event states one token of output, as Anthropic's does; the last states all.
    message = _envelope(exchange, {**_usage(counts), "output_tokens": 1})
    events: list[JsonObject] = [{"type": "message_start", "message": message}]
    for index, (block, deltas) in enumerate(_blocks(exchange)):
        events += _block_events(index, block, deltas)
    ending = {
        "type": "message_delta",
        "delta": _ending(exchange),
        "usage": {"output_tokens": counts.output},
    }
    # The output is complete only here: the counts of the first event are told anew.
    usage_at = len(events)
    events += [ending, {"type": "message_stop"}]
    return exchange.stream(
        [frame(event, event["type"]) for event in events],
        counts,
        usage_at=usage_at,
        error_frame=_error_frame(exchange.reply),
    )


def _blocks(exchange: Exchange) -> list[tuple[JsonObject, list[JsonObject]]]:
    """Return the blocks of a stream, each with the deltas that follow it."""
    blocks: list[tuple[JsonObject, list[JsonObject]]] = []
    words = pieces(exchange.text, exchange.reply.chunk_size)
    if words:
        deltas: list[JsonObject] = [{"type": "text_delta", "text": word} for word in words]
        blocks.append(({"type": "text", "text": ""}, deltas))
    for position, call in enumerate(exchange.reply.tool_calls):
        deltas = []
        for fragment in fragments(call.arguments):
            deltas.append({"type": "input_json_delta", "partial_json": fragment})
        blocks.append((_call(exchange, position), deltas))
    return blocks


def _block_events(index: int, block: JsonObject, deltas: list[JsonObject]) -> list[JsonObject]:
    events: list[JsonObject] = [
        {"type": "content_block_start", "index": index, "content_block": block}
    ]
    for delta in deltas:
        events.append({"type": "content_block_delta", "index": index, "delta": delta})
    events.append({"type": "content_block_stop", "index": index})
    return events


def _error_frame(reply: Reply) -> bytes:
    return frame(error(reply, 500), "error")


MESSAGES = Format(
    address=VERSIONED,
    endpoints={"/messages": Endpoint(messages, _BODY, is_written=True)},
    error=error,
    error_frame=_error_frame,
)
