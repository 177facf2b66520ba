"""Cohere's chat, embeddings and reranking: its second API."""

from __future__ import annotations

import re

from .embeddings import vectors
from .exchange import Answer, Exchange, JsonObject, frame, optional_array, to_json
from .ledger import Counts
from .openai_shapes import MODEL, SAMPLING, TOKENS, TOOLS, chat_messages
from .reply import Reply
from .shapes import MAPPING, TEXT, TEXTS, Shape, array, either, integer, mapping
from .text import fragments, pieces
from .wire import DONE, Endpoint, Format

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
_ERRORS = {
    401: "invalid api token",
    404: "model not found",
    429: "You are using a Trial key, which is limited.",
    500: "internal server error",
}


def translate(_path: str, body: JsonObject) -> JsonObject:
    """Return a request for embeddings in OpenAI's words; a chat has them already."""
    return {
        **body,
        "input": optional_array(body, "texts"),
        "dimensions": body.get("output_dimension"),
    }


def chat(exchange: Exchange) -> Answer:
    """Answer POST /v2/chat."""
    counts = exchange.count_tokens(exchange.text, *exchange.call_texts)
    if not exchange.is_streamed:
        message = _message(exchange)
        whole = {"id": _id(exchange), "message": message, **_ending(exchange, counts)}
        return exchange.answer(whole, counts, has_usage=exchange.sends_usage)
    # Each event has its name twice, in the line of the event and in its data.
    frames = [frame(event, event["type"]) for event in _events(exchange, counts)]
    return exchange.stream(
        [*frames, DONE],
        counts,
        usage_at=len(frames) - 1 if exchange.sends_usage else None,
        error_frame=_error_frame(exchange.reply),
    )


def _id(exchange: Exchange) -> str:
    return f"co-{exchange.number:06}"


def _ending(exchange: Exchange, counts: Counts) -> JsonObject:
    """Return the reason for which the answer ends, and the usage."""
    reason = "TOOL_CALL" if exchange.reply.tool_calls else "COMPLETE"
    ending: JsonObject = {"finish_reason": exchange.reply.finish_reason or reason}
    if exchange.sends_usage:
        ending["usage"] = usage(counts)
    return ending


def usage(counts: Counts) -> JsonObject:
    """Return usage in Cohere's words, where fewer tokens are billed than were read."""
    tokens = {"input_tokens": counts.input, "output_tokens": counts.output}
    # One token less than was read, so that a test sees which of the two is taken.
    billed = {**tokens, "input_tokens": max(0, counts.input - counts.cached - 1)}
    return {"billed_units": billed, "tokens": tokens, "cached_tokens": counts.cached}


def _message(exchange: Exchange) -> JsonObject:
    reply = exchange.reply
    content: list[JsonObject] = []
    if reply.reasoning:
        content.append({"type": "thinking", "thinking": reply.reasoning})
    if exchange.text:
        content.append({"type": "text", "text": exchange.text})
    message: JsonObject = {"role": "assistant", "content": content}
    if reply.tool_calls:
        message["tool_calls"] = [
            _call(exchange, position, call.arguments)
            for position, call in enumerate(reply.tool_calls)
        ]
    return message


def _call(exchange: Exchange, position: int, arguments: str) -> JsonObject:
    name = exchange.reply.tool_calls[position].name
    function = {"name": name, "arguments": arguments}
    return {"id": exchange.call_id(position), "type": "function", "function": function}


def _events(exchange: Exchange, counts: Counts) -> list[JsonObject]:
    """Return the events of a stream: thoughts and text as blocks, then the tool calls."""
    reply = exchange.reply
    message = {"role": "assistant", "content": [], "tool_calls": []}
    events = [_event("message-start", message, id=_id(exchange))]
    texts = {"thinking": reply.reasoning, "text": exchange.text}
    blocks = [(kind, text) for kind, text in texts.items() if text]
    for index, (kind, text) in enumerate(blocks):
        events += _block_events(index, kind, pieces(text, reply.chunk_size))
    for position in range(len(reply.tool_calls)):
        events += _call_events(exchange, position)
    events.append({"type": "message-end", "id": _id(exchange), "delta": _ending(exchange, counts)})
    return events


def _event(kind: str, message: JsonObject, **fields: str | int) -> JsonObject:
    return {"type": kind, **fields, "delta": {"message": message}}


def _block_events(index: int, kind: str, words: list[str]) -> list[JsonObject]:
    content = {"type": kind, kind: ""}
    events = [_event("content-start", {"content": content}, index=index)]
    for word in words:
        events.append(_event("content-delta", {"content": {kind: word}}, index=index))
    events.append({"type": "content-end", "index": index})
    return events


def _call_events(exchange: Exchange, position: int) -> list[JsonObject]:
    # The start has the id and the name; the arguments follow in pieces.
    call = _call(exchange, position, "")
    events = [_event("tool-call-start", {"tool_calls": call}, index=position)]
    for piece in fragments(exchange.reply.tool_calls[position].arguments):
        delta = {"function": {"arguments": piece}}
        events.append(_event("tool-call-delta", {"tool_calls": delta}, index=position))
    events.append({"type": "tool-call-end", "index": position})
    return events


def embed(exchange: Exchange) -> Answer:
    """Answer POST /v1/embed and /v2/embed."""
    counts = exchange.count_tokens()
    embeddings = vectors(exchange.body)
    body: JsonObject = {"id": _id(exchange)}
    if exchange.body.get("embedding_types"):
        body["response_type"] = "embeddings_by_type"
        body["embeddings"] = {"float": embeddings}
    else:
        body["response_type"] = "embeddings_floats"
        body["embeddings"] = embeddings
    if exchange.sends_usage:
        body["meta"] = {"billed_units": {"input_tokens": counts.input}}
    return exchange.answer(body, counts, has_usage=exchange.sends_usage)


def rerank(exchange: Exchange) -> Answer:
    """Answer POST /v1/rerank and /v2/rerank.

    The documents that share most words with the query come first.
    """
    query = set(str(exchange.body["query"]).lower().split())
    scores: list[float] = []
    for document in exchange.body["documents"]:
        words = str(document).lower().split()
        scores.append(len(query.intersection(words)) / max(1, len(query)))
    # The sort is stable, so documents of the same score stay in the order of the request.
    order = sorted(range(len(scores)), key=lambda index: -scores[index])
    best = order[: exchange.body.get("top_n")]
    results = [{"index": index, "relevance_score": scores[index]} for index in best]
    meta = {"billed_units": {"search_units": 1}}
    body = {"id": _id(exchange), "results": results, "meta": meta}
    return Answer(to_json(body), model=exchange.model)


def error(reply: Reply, status: int) -> JsonObject:
    """Return an error in Cohere's words."""
    message = reply.error_message or _ERRORS.get(status, "invalid request")
    return {"id": "co-error", "message": message}


def _error_frame(reply: Reply) -> bytes:
    # Cohere ends a broken stream as a sound one, but for the reason.
    delta = {"finish_reason": "ERROR", "error": reply.error_message or _ERRORS[500]}
    return frame({"type": "message-end", "delta": delta}, "message-end")


COHERE = Format(
    address=re.compile(r"/v2(?P<endpoint>/.+)"),
    endpoints={
        "/chat": Endpoint(chat, _CHAT, is_written=True),
        "/embed": Endpoint(embed, mapping(_EMBEDDING_FIELDS, required=("model",))),
        "/rerank": Endpoint(
            rerank, mapping(_RERANK_FIELDS, required=("model", "query", "documents"))
        ),
    },
    error=error,
    error_frame=_error_frame,
    translate=translate,
)
