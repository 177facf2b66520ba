"""Mistral's formats, below `/mistral` since most of their paths are OpenAI's: chat and its kin, and conversations."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from . import chat, embeddings
from .exchange import Answer, Exchange, frame, to_json
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
from .wire import Endpoint, Format

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
    r"/mistral/v1(?P<end>/(?:chat|agents|fim)/completions|/embeddings|/conversations)(?:/[^/]+(?:/restart)?)?"
)
# status: type, code, message
_KNOWN = {
    400: ("invalid_request_error", "3051", "The request is not valid."),
    401: (None, None, "Unauthorized"),
    404: ("invalid_model", "1500", "Invalid model."),
    429: ("rate_limited", "1300", "Rate limit exceeded"),
    500: ("internal_server_error", "3000", "Service unavailable."),
}
_DONE = b"data: [DONE]\n\n"


def answer(exchange: Exchange) -> Answer:
    """POST /chat/completions and what answers in the same way: a stream tells its counts with its last chunk."""
    if not exchange.body.get("stream"):
        return chat.chat(exchange)
    asked = {**exchange.body, "stream_options": {"include_usage": True}}
    told = replace(chat.chat(replace(exchange, body=asked)), error_frame=_broken(exchange.reply))
    if told.told_at is None:
        return told
    *chunks, last, usage = (json.loads(one[len(b"data: ") :]) for one in (told.frames or ())[:-1])
    frames = [
        frame({name: value for name, value in chunk.items() if name != "usage"}) for chunk in chunks
    ]
    return replace(
        told, frames=(*frames, frame({**last, "usage": usage["usage"]}), _DONE), told_at=len(frames)
    )


def embed(exchange: Exchange) -> Answer:
    """POST /embeddings, whose answers have an id, and counts as those of a chat."""
    told = embeddings.embeddings(exchange)
    body = json.loads(told.body)
    usage = {"usage": {**body["usage"], "completion_tokens": 0}} if "usage" in body else {}
    return replace(told, body=to_json({"id": f"embd-{exchange.number:06}", **body, **usage}))


def converse(exchange: Exchange) -> Answer:
    """POST /conversations, to begin one, to add to one, or to begin anew within one."""
    calls = [text for call in exchange.reply.tool_calls for text in (call.name, call.arguments)]
    counts = exchange.tally(exchange.text, *calls)
    if not exchange.body.get("stream"):
        whole = {
            "object": "conversation.response",
            "conversation_id": _name(exchange),
            "outputs": _entries(exchange),
        }
        body = to_json({**whole, "usage": _usage(counts)})
        return Answer(body, model=exchange.model, counts=counts, told_at=0)
    frames = tuple(frame(event, event["type"]) for event in _events(exchange, counts))
    at, broken = len(frames) - 1, _broken_conversation(exchange.reply)
    return Answer(
        frames=frames, model=exchange.model, counts=counts, told_at=at, error_frame=broken
    )


def _name(exchange: Exchange) -> str:
    return f"conv_{exchange.number:06}"


def _usage(counts: Counts) -> dict[str, Any]:
    total = counts.input + counts.output
    return {
        "prompt_tokens": counts.input,
        "completion_tokens": counts.output,
        "total_tokens": total,
    }


def _entries(exchange: Exchange) -> list[dict[str, Any]]:
    said = {
        "type": "message.output",
        "role": "assistant",
        "content": exchange.text,
        "id": f"msg_{exchange.number:06}",
    }
    entries = [said] if exchange.text else []
    entries += [
        {"type": "function.call", **_call(exchange, at)}
        for at in range(len(exchange.reply.tool_calls))
    ]
    return [{"object": "entry", "model": exchange.model, **entry} for entry in entries]


def _call(exchange: Exchange, position: int) -> dict[str, Any]:
    call = exchange.reply.tool_calls[position]
    identity = exchange.call_id(position)
    return {
        "id": f"fc_{identity}",
        "tool_call_id": identity,
        "name": call.name,
        "arguments": call.arguments,
    }


def _events(exchange: Exchange, counts: Counts) -> list[dict[str, Any]]:
    said = {
        "type": "message.output.delta",
        "id": f"msg_{exchange.number:06}",
        "model": exchange.model,
    }
    words = pieces(exchange.text, exchange.reply.chunk_size)
    calls = range(len(exchange.reply.tool_calls))
    return [
        {"type": "conversation.response.started", "conversation_id": _name(exchange)},
        *({**said, "role": "assistant", "output_index": 0, "content": word} for word in words),
        *(
            {"type": "function.call.delta", "output_index": 1 + at, **_call(exchange, at)}
            for at in calls
        ),
        {"type": "conversation.response.done", "usage": _usage(counts)},
    ]


def _error(reply: Reply, status: int) -> dict[str, Any]:
    kind, code, message = _KNOWN.get(status, _KNOWN[400 if status < 500 else 500])
    said = {"message": reply.error_message or message}
    named = {
        "type": reply.error_type or kind,
        "code": reply.error_code or code,
        "param": reply.error_param,
    }
    return {**said, **named, "object": "error"} if named["type"] else said


def _broken(reply: Reply) -> bytes:
    return frame(_error(reply, 500))


def _broken_conversation(reply: Reply) -> bytes:
    said = _error(reply, 500)
    event = {
        "type": "conversation.response.error",
        "message": said["message"],
        "code": int(said["code"]),
    }
    return frame(event, event["type"])


def _asked(_path: str, body: dict[str, Any]) -> dict[str, Any]:
    said = {"input": body["inputs"]} if "inputs" in body else {}
    choice = {"tool_choice": "required"} if body.get("tool_choice") == "any" else {}
    return {**body, **said, **choice}


MISTRAL = Format(
    address=_ADDRESS,
    endpoints={
        "/chat/completions": Endpoint(
            answer, mapping(_CHAT, required=("model", "messages")), spoken=True
        ),
        "/agents/completions": Endpoint(
            answer, mapping(_CHAT, required=("agent_id", "messages")), spoken=True
        ),
        "/fim/completions": Endpoint(
            answer, mapping(_CHAT, required=("model", "prompt")), spoken=True
        ),
        "/conversations": Endpoint(
            converse, mapping(_CONVERSATION, required=("inputs",)), spoken=True
        ),
        "/embeddings": Endpoint(embed, mapping(_EMBEDDING, required=("model", "input"))),
    },
    error=_error,
    broken=_broken,
    asked=_asked,
)
