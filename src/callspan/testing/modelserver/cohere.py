"""Cohere's chat, embeddings and reranking: its second API."""

from __future__ import annotations

import re
from typing import Any

from .embeddings import vectors
from .exchange import Answer, Exchange, frame, to_json
from .ledger import Counts
from .openai_shapes import MODEL, SAMPLING, TOKENS, TOOLS, chat_messages
from .reply import Reply
from .shapes import MAPPING, TEXT, TEXTS, Shape, array, either, integer, mapping
from .text import fragments, pieces
from .wire import Endpoint, Format

_DONE = b"data: [DONE]\n\n"
_FIELDS: dict[str, Shape] = {
    **SAMPLING,
    "messages": chat_messages(),
    "tools": TOOLS,
    "max_tokens": TOKENS,
    "stop_sequences": TEXTS,
    "documents": array(either({str: TEXT, dict: MAPPING})),
    "response_format": MAPPING,
    "thinking": MAPPING,
}
_CHAT = mapping(_FIELDS, required=("model", "messages"))
_EMBEDDING_FIELDS: dict[str, Shape] = {
    "model": MODEL,
    "texts": array(TEXT, most=96),
    "images": TEXTS,
    "inputs": array(MAPPING, most=96),
    "embedding_types": TEXTS,
    "input_type": TEXT,
    "output_dimension": integer(1, 1536),
}
EMBEDDING = mapping(_EMBEDDING_FIELDS)
_RERANK_FIELDS: dict[str, Shape] = {
    "model": MODEL,
    "query": TEXT,
    "documents": array(either({str: TEXT, dict: MAPPING}), most=10_000),
    "top_n": integer(1),
}
RERANK = mapping(_RERANK_FIELDS, required=("query", "documents"))
_KNOWN = {
    401: "invalid api token",
    404: "model not found",
    429: "You are using a Trial key, which is limited.",
    500: "internal server error",
}


def asked(_path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The request in the words of chat or embeddings."""
    return {**body, "input": body.get("texts") or [], "dimensions": body.get("output_dimension")}


def chat(exchange: Exchange) -> Answer:
    """POST /v2/chat."""
    calls = [text for call in exchange.reply.tool_calls for text in (call.name, call.arguments)]
    counts = exchange.tally(exchange.text, *calls)
    told: dict[str, Any] = {"model": exchange.model, "counts": counts}
    tells = exchange.reply.usage is not False
    if not exchange.body.get("stream"):
        whole = {"id": _id(exchange), "message": _message(exchange), **_ending(exchange, counts)}
        return Answer(to_json(whole), told_at=0 if tells else None, **told)
    frames = [frame(event, event["type"]) for event in _events(exchange, counts)]
    told_at = len(frames) - 1 if tells else None
    return Answer(
        frames=(*frames, _DONE), told_at=told_at, error_frame=_broken(exchange.reply), **told
    )


def _id(exchange: Exchange) -> str:
    return f"co-{exchange.number:06}"


def _ending(exchange: Exchange, counts: Counts) -> dict[str, Any]:
    reason = exchange.reply.finish_reason or (
        "TOOL_CALL" if exchange.reply.tool_calls else "COMPLETE"
    )
    return {
        "finish_reason": reason,
        **({"usage": usage(counts)} if exchange.reply.usage is not False else {}),
    }


def usage(counts: Counts) -> dict[str, Any]:
    """Usage in Cohere's words: what is billed is less than what was read."""
    read = {"input_tokens": counts.input, "output_tokens": counts.output}
    billed = {**read, "input_tokens": max(0, counts.input - counts.cached - 1)}
    return {"billed_units": billed, "tokens": read, "cached_tokens": counts.cached}


def _message(exchange: Exchange) -> dict[str, Any]:
    reply, calls = (
        exchange.reply,
        [_call(exchange, at) for at in range(len(exchange.reply.tool_calls))],
    )
    content = [{"type": "thinking", "thinking": reply.reasoning}] if reply.reasoning else []
    content += [{"type": "text", "text": exchange.text}] if exchange.text else []
    return {"role": "assistant", "content": content, **({"tool_calls": calls} if calls else {})}


def _call(exchange: Exchange, position: int, arguments: str | None = None) -> dict[str, Any]:
    call = exchange.reply.tool_calls[position]
    function = {"name": call.name, "arguments": call.arguments if arguments is None else arguments}
    return {"id": exchange.call_id(position), "type": "function", "function": function}


def _events(exchange: Exchange, counts: Counts) -> list[dict[str, Any]]:
    reply = exchange.reply
    said = [("thinking", reply.reasoning), ("text", exchange.text)]
    blocks = [(kind, pieces(text, reply.chunk_size)) for kind, text in said if text]
    return [
        _event(
            "message-start",
            id=_id(exchange),
            message={"role": "assistant", "content": [], "tool_calls": []},
        ),
        *(event for at, (kind, words) in enumerate(blocks) for event in _block(at, kind, words)),
        *(event for at in range(len(reply.tool_calls)) for event in _call_events(exchange, at)),
        {"type": "message-end", "id": _id(exchange), "delta": _ending(exchange, counts)},
    ]


def _event(kind: str, message: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": kind, **more, "delta": {"message": message}}


def _block(at: int, kind: str, words: list[str]) -> list[dict[str, Any]]:
    begin = _event("content-start", {"content": {"type": kind, kind: ""}}, index=at)
    middle = [_event("content-delta", {"content": {kind: word}}, index=at) for word in words]
    return [begin, *middle, {"type": "content-end", "index": at}]


def _call_events(exchange: Exchange, at: int) -> list[dict[str, Any]]:
    begin = _event("tool-call-start", {"tool_calls": _call(exchange, at, "")}, index=at)
    given = [
        {"function": {"arguments": piece}}
        for piece in fragments(exchange.reply.tool_calls[at].arguments)
    ]
    middle = [_event("tool-call-delta", {"tool_calls": piece}, index=at) for piece in given]
    return [begin, *middle, {"type": "tool-call-end", "index": at}]


def embed(exchange: Exchange) -> Answer:
    """POST /v1/embed and /v2/embed."""
    counts, tells = exchange.tally(), exchange.reply.usage is not False
    typed = exchange.body.get("embedding_types")
    found = vectors(exchange.body)
    meta = {"meta": {"billed_units": {"input_tokens": counts.input}}} if tells else {}
    kind = {"response_type": "embeddings_by_type" if typed else "embeddings_floats"}
    body = {"id": _id(exchange), **kind, "embeddings": {"float": found} if typed else found, **meta}
    return Answer(to_json(body), model=exchange.model, counts=counts, told_at=0 if tells else None)


def rerank(exchange: Exchange) -> Answer:
    """POST /v1/rerank and /v2/rerank: the documents that share most words with the query first."""
    wanted = set(str(exchange.body["query"]).lower().split())
    documents = [str(document).lower().split() for document in exchange.body["documents"]]
    scores = [len(wanted.intersection(words)) / max(1, len(wanted)) for words in documents]
    order = sorted(range(len(scores)), key=lambda at: -scores[at])[: exchange.body.get("top_n")]
    found = [{"index": at, "relevance_score": scores[at]} for at in order]
    body = {"id": _id(exchange), "results": found, "meta": {"billed_units": {"search_units": 1}}}
    return Answer(to_json(body), model=exchange.model)


def error(reply: Reply, status: int) -> dict[str, Any]:
    """An error as Cohere words it."""
    return {
        "id": "co-error",
        "message": reply.error_message or _KNOWN.get(status, "invalid request"),
    }


def _broken(reply: Reply) -> bytes:
    delta = {"finish_reason": "ERROR", "error": reply.error_message or _KNOWN[500]}
    return frame({"type": "message-end", "delta": delta}, "message-end")


COHERE = Format(
    address=re.compile(r"/v2(?P<end>/.+)"),
    endpoints={
        "/chat": Endpoint(chat, _CHAT, spoken=True),
        "/embed": Endpoint(embed, mapping(_EMBEDDING_FIELDS, required=("model",))),
        "/rerank": Endpoint(
            rerank, mapping(_RERANK_FIELDS, required=("model", "query", "documents"))
        ),
    },
    error=error,
    broken=_broken,
    asked=asked,
)
