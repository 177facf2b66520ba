"""Ollama's chat, generate and embeddings, whole or streamed as one object a line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from .embeddings import vectors
from .exchange import Answer, Exchange, to_json
from .ledger import Counts
from .openai_shapes import DIMENSIONS, MODEL, MOST_INPUTS, TOOLS, chat_messages
from .reply import Reply
from .shapes import MAPPING, TEXT, TEXTS, Shape, array, boolean, either, mapping, number
from .text import pieces
from .wire import Endpoint, Format, lines

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
_CREATED = "2026-09-21T14:13:20Z"
_KNOWN = {
    401: "unauthorized",
    404: "model not found",
    429: "too many requests",
    500: "the model runner has stopped",
}


def _asked(path: str, body: dict[str, Any]) -> dict[str, Any]:
    if path.endswith("/embeddings"):
        return {"model": body.get("model"), "input": body.get("prompt")}
    return {"stream": not path.endswith("/embed"), **body}


def chat(exchange: Exchange) -> Answer:
    """POST /api/chat."""
    return _spoken(exchange, lambda said: {"message": {"role": "assistant", "content": "", **said}})


def generate(exchange: Exchange) -> Answer:
    """POST /api/generate."""
    return _spoken(exchange, lambda said: {"response": said.get("content", ""), **_thinking(said)})


def _thinking(said: dict[str, Any]) -> dict[str, Any]:
    return {"thinking": said["thinking"]} if "thinking" in said else {}


def _spoken(exchange: Exchange, shaped: Callable[[dict[str, Any]], dict[str, Any]]) -> Answer:
    reply = exchange.reply
    calls = [text for call in reply.tool_calls for text in (call.name, call.arguments)]
    counts = exchange.tally(exchange.text, *calls)
    last = {"done": True, "done_reason": reply.finish_reason or "stop", **_counts(exchange, counts)}
    tells = reply.usage is not False
    told: dict[str, Any] = {"model": exchange.model, "counts": counts}
    if not exchange.body["stream"]:
        whole = {**_envelope(exchange), **shaped(_whole(exchange)), **last}
        return Answer(to_json(whole), told_at=0 if tells else None, **told)
    chunks = [{**_envelope(exchange), **shaped(said), "done": False} for said in _chunks(exchange)]
    chunks.append({**_envelope(exchange), **shaped({}), **last})
    told_at = len(chunks) - 1 if tells else None
    return Answer(
        frames=tuple(map(_line, chunks)), told_at=told_at, error_frame=_broken(reply), **told
    )


def _envelope(exchange: Exchange) -> dict[str, Any]:
    return {"model": exchange.model, "created_at": _CREATED}


def _counts(exchange: Exchange, counts: Counts) -> dict[str, Any]:
    if exchange.reply.usage is False:
        return {}
    return {
        "prompt_eval_count": counts.input,
        "eval_count": counts.output,
        "total_duration": 5_000_000,
    }


def _whole(exchange: Exchange) -> dict[str, Any]:
    thought = {"thinking": exchange.reply.reasoning} if exchange.reply.reasoning else {}
    calls = list(map(_call, exchange.reply.tool_calls))
    return {"content": exchange.text, **thought, **({"tool_calls": calls} if calls else {})}


def _call(call: Any) -> dict[str, Any]:
    return {"function": {"name": call.name, "arguments": json.loads(call.arguments)}}


def _chunks(exchange: Exchange) -> list[dict[str, Any]]:
    reply = exchange.reply
    return [
        *({"thinking": piece} for piece in pieces(reply.reasoning, reply.chunk_size)),
        *({"content": piece} for piece in pieces(exchange.text, reply.chunk_size)),
        *({"tool_calls": [_call(call)]} for call in reply.tool_calls),
    ]


def embed(exchange: Exchange) -> Answer:
    """POST /api/embed."""
    counts = exchange.tally()
    tells = exchange.reply.usage is not False
    told = {"prompt_eval_count": counts.input} if tells else {}
    body = {"model": exchange.model, "embeddings": vectors(exchange.body), **told}
    return Answer(to_json(body), model=exchange.model, counts=counts, told_at=0 if tells else None)


def embed_one(exchange: Exchange) -> Answer:
    """POST /api/embeddings, which states no tokens."""
    [vector] = vectors(exchange.body)
    return Answer(to_json({"embedding": vector}), model=exchange.model, counts=exchange.tally())


def error(reply: Reply, status: int) -> dict[str, Any]:
    """An error as Ollama words it: a sentence."""
    return {"error": reply.error_message or _KNOWN.get(status, "invalid request")}


def _broken(reply: Reply) -> bytes:
    return _line(error(reply, 500))


def _line(value: Any) -> bytes:
    return to_json(value) + b"\n"


OLLAMA = Format(
    address=re.compile("/api(?P<end>/.+)"),
    endpoints={
        "/chat": Endpoint(chat, mapping(_FIELDS, required=("model", "messages")), spoken=True),
        "/generate": Endpoint(
            generate, mapping(_FIELDS, required=("model", "prompt")), spoken=True
        ),
        "/embed": Endpoint(embed, mapping(_FIELDS, required=("model", "input"))),
        "/embeddings": Endpoint(embed_one, mapping(_FIELDS, required=("model", "prompt"))),
    },
    error=error,
    broken=_broken,
    asked=_asked,
    frames=lines,
    streamed="application/x-ndjson",
)
