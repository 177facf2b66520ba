"""Mistral's formats: chat, agents, completion in the middle, embeddings, and conversations.

They stand below `/mistral`, since most of their paths are OpenAI's too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace

from . import chat, embeddings
from .exchange import Answer, Exchange, JsonObject, frame, to_json
from .ledger import Counts
from .openai_shapes import (
    CHAT_FIELDS,
    DIMENSIONS,
    MODEL,
    MOST_INPUTS,
    SAMPLING,
    TOOLS,
    chat_messages,
    inputs,
)
from .reply import Reply
from .shapes import MAPPING, TEXT, Shape, array, either, mapping
from .text import pieces
from .wire import DONE, Endpoint, Format, find_error

# Mistral's clients send the arguments of a call as text or as an object.
_CHAT: dict[str, Shape] = {
    **CHAT_FIELDS,
    "messages": chat_messages(either({str: TEXT, dict: MAPPING})),
    "agent_id": TEXT,
    "prompt": TEXT,
    "suffix": TEXT,
}
_CONVERSATION: dict[str, Shape] = {
    **SAMPLING,
    "inputs": either({str: TEXT, list: array(MAPPING)}),
    "agent_id": TEXT,
    "instructions": TEXT,
    "tools": TOOLS,
    "completion_args": MAPPING,
}
_EMBEDDING: dict[str, Shape] = {"model": MODEL, "output_dimension": DIMENSIONS}
_EMBEDDING |= dict.fromkeys(("input", "inputs"), inputs(MOST_INPUTS))
_ADDRESS = re.compile(
    r"/mistral/v1"
    r"(?P<endpoint>/(?:chat|agents|fim)/completions|/embeddings|/conversations)"
    r"(?:/[^/]+(?:/restart)?)?"
)
_EVENT_HEAD = b"data: "
# By status: type, code, message.
_ERRORS = {
    400: ("invalid_request_error", "3051", "The request is not valid."),
    401: (None, None, "Unauthorized"),
    404: ("invalid_model", "1500", "Invalid model."),
    429: ("rate_limited", "1300", "Rate limit exceeded"),
    500: ("internal_server_error", "3000", "Service unavailable."),
}


def answer(exchange: Exchange) -> Answer:
    """Answer POST /chat/completions, and the endpoints that speak as it does."""
    if not exchange.is_streamed:
        return chat.chat(exchange)
    # Mistral sends usage unasked, so OpenAI's chat is asked for it here.
    body = {**exchange.body, "stream_options": {"include_usage": True}}
    openai = chat.chat(replace(exchange, body=body))
    openai = replace(openai, error_frame=_error_frame(exchange.reply))
    if openai.usage_at is None:
        return openai
    # OpenAI sends usage in a chunk of its own, Mistral with the last chunk of text.
    *chunks, last, usage = _read_events((openai.frames or ())[:-1])
    frames: list[bytes] = []
    for chunk in chunks:
        del chunk["usage"]
        frames.append(frame(chunk))
    usage_at = len(frames)
    frames += [frame({**last, "usage": usage["usage"]}), DONE]
    return replace(openai, frames=tuple(frames), usage_at=usage_at)


def _read_events(frames: Sequence[bytes]) -> list[JsonObject]:
    return [json.loads(event.removeprefix(_EVENT_HEAD)) for event in frames]


def embed(exchange: Exchange) -> Answer:
    """Answer POST /embeddings, with an id, and with usage as that of a chat."""
    # OpenAI's answer, with what Mistral has more.
    openai = embeddings.embeddings(exchange)
    body: JsonObject = {"id": f"embd-{exchange.number:06}", **json.loads(openai.body)}
    if "usage" in body:
        body["usage"]["completion_tokens"] = 0
    return replace(openai, body=to_json(body))


def converse(exchange: Exchange) -> Answer:
    """Answer POST /conversations: begin one, add to one, or begin anew within one."""
    counts = exchange.count_tokens(exchange.text, *exchange.call_texts)
    if not exchange.is_streamed:
        whole = {
            "object": "conversation.response",
            "conversation_id": _conversation_id(exchange),
            "outputs": _entries(exchange),
            "usage": _usage(counts),
        }
        return exchange.answer(whole, counts, has_usage=True)
    frames = [frame(event, event["type"]) for event in _events(exchange, counts)]
    return exchange.stream(
        frames,
        counts,
        usage_at=len(frames) - 1,
        error_frame=_conversation_error_frame(exchange.reply),
    )


def _conversation_id(exchange: Exchange) -> str:
    return f"conv_{exchange.number:06}"


def _usage(counts: Counts) -> JsonObject:
    return {
        "prompt_tokens": counts.input,
        "completion_tokens": counts.output,
        "total_tokens": counts.input + counts.output,
    }


def _entries(exchange: Exchange) -> list[JsonObject]:
    entries: list[JsonObject] = []
    if exchange.text:
        message = {
            "type": "message.output",
            "role": "assistant",
            "content": exchange.text,
            "id": f"msg_{exchange.number:06}",
        }
        entries.append(message)
    for position in range(len(exchange.reply.tool_calls)):
        entries.append({"type": "function.call", **_call(exchange, position)})
    return [{"object": "entry", "model": exchange.model, **entry} for entry in entries]


def _call(exchange: Exchange, position: int) -> JsonObject:
    call = exchange.reply.tool_calls[position]
    call_id = exchange.call_id(position)
    return {
        "id": f"fc_{call_id}",
        "tool_call_id": call_id,
        "name": call.name,
        "arguments": call.arguments,
    }


def _events(exchange: Exchange, counts: Counts) -> list[JsonObject]:
    """Return the events of a conversation's stream."""
    events: list[JsonObject] = [
        {"type": "conversation.response.started", "conversation_id": _conversation_id(exchange)}
    ]
    for word in pieces(exchange.text, exchange.reply.chunk_size):
        delta = {
            "type": "message.output.delta",
            "id": f"msg_{exchange.number:06}",
            "model": exchange.model,
            "role": "assistant",
            "output_index": 0,
            "content": word,
        }
        events.append(delta)
    for position in range(len(exchange.reply.tool_calls)):
        call = _call(exchange, position)
        events.append({"type": "function.call.delta", "output_index": 1 + position, **call})
    events.append({"type": "conversation.response.done", "usage": _usage(counts)})
    return events


def _error(reply: Reply, status: int) -> JsonObject:
    kind, code, message = find_error(_ERRORS, status)
    error: JsonObject = {"message": reply.error_message or message}
    error_type = reply.error_type or kind
    # A refused key has a message and nothing else (401).
    if error_type:
        error["type"] = error_type
        error["code"] = reply.error_code or code
        error["param"] = reply.error_param
        error["object"] = "error"
    return error


def _error_frame(reply: Reply) -> bytes:
    return frame(_error(reply, 500))


def _conversation_error_frame(reply: Reply) -> bytes:
    error = _error(reply, 500)
    event = {
        "type": "conversation.response.error",
        "message": error["message"],
        "code": int(error["code"]),
    }
    return frame(event, event["type"])


def _translate(_path: str, body: JsonObject) -> JsonObject:
    """Return a request in OpenAI's words, in which most of it is already."""
    request = dict(body)
    if "inputs" in body:
        request["input"] = body["inputs"]
    if body.get("tool_choice") == "any":
        request["tool_choice"] = "required"
    return request


MISTRAL = Format(
    address=_ADDRESS,
    endpoints={
        "/chat/completions": Endpoint(
            answer, mapping(_CHAT, required=("model", "messages")), is_written=True
        ),
        "/agents/completions": Endpoint(
            answer, mapping(_CHAT, required=("agent_id", "messages")), is_written=True
        ),
        "/fim/completions": Endpoint(
            answer, mapping(_CHAT, required=("model", "prompt")), is_written=True
        ),
        "/conversations": Endpoint(
            converse, mapping(_CONVERSATION, required=("inputs",)), is_written=True
        ),
        "/embeddings": Endpoint(embed, mapping(_EMBEDDING, required=("model", "input"))),
    },
    error=_error,
    error_frame=_error_frame,
    translate=_translate,
)
