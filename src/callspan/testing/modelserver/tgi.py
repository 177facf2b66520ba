"""What Hugging Face's servers speak beside OpenAI's chat: text generation and embeddings."""

from __future__ import annotations

import re
from typing import Any

from . import embeddings
from .exchange import Answer, Exchange, frame, to_json
from .ledger import Counts
from .openai_shapes import INTEGER, MODEL, MOST_INPUTS, TOKENS
from .reply import Reply
from .shapes import TEXTS, Shape, array, boolean, either, mapping, number, text
from .text import pieces
from .wire import Endpoint, Format

_PARAMETERS: dict[str, Shape] = {
    **dict.fromkeys(
        ("details", "decoder_input_details", "do_sample", "return_full_text", "watermark"), boolean
    ),
    **dict.fromkeys(
        ("temperature", "top_p", "typical_p", "repetition_penalty", "frequency_penalty"), number()
    ),
    **dict.fromkeys(("top_k", "seed"), INTEGER),
    "max_new_tokens": TOKENS,
    "stop": TEXTS,
}
# Each token of the input may come back as an object, so the input is short.
_INPUT = text(most=100_000)
_GENERATION = mapping(
    {"inputs": _INPUT, "stream": boolean, "model": MODEL, "parameters": mapping(_PARAMETERS)},
    required=("inputs",),
)
_FEATURES = mapping(
    {"inputs": either({str: _INPUT, list: array(_INPUT, most=MOST_INPUTS)})}, required=("inputs",)
)
# status: kind, message
_KNOWN = {
    401: (None, "Invalid credentials in Authorization header"),
    422: ("validation", "Input validation error"),
    424: ("generation", "Request failed during generation"),
    429: ("overloaded", "Model is overloaded"),
    500: ("incomplete_generation", "Incomplete generation"),
}


def generate(exchange: Exchange) -> Answer:
    """POST /generate: only a stream, or who asks for details, is told the counts."""
    counts = exchange.tally(exchange.text)
    details = {
        "finish_reason": exchange.reply.finish_reason or "eos_token",
        "generated_tokens": counts.output,
    }
    if exchange.body.get("stream"):
        return _streamed(exchange, counts, {**details, "input_length": counts.input, "seed": None})
    asked = exchange.body.get("parameters") or {}
    whole = {**details, "prefill": [], "tokens": [], "seed": None}
    if asked.get("decoder_input_details"):
        whole["prefill"] = [{"id": at, "text": "", "logprob": None} for at in range(counts.input)]
    body = to_json(
        [{"generated_text": exchange.text, **({"details": whole} if asked.get("details") else {})}]
    )
    return Answer(
        body, model=exchange.model, counts=counts, told_at=0 if whole["prefill"] else None
    )


def _streamed(exchange: Exchange, counts: Counts, details: dict[str, Any]) -> Answer:
    words = pieces(exchange.text, exchange.reply.chunk_size)
    tokens = [
        {"id": at, "text": word, "logprob": -0.1, "special": False} for at, word in enumerate(words)
    ]
    end = {"id": 2, "text": "</s>", "logprob": -0.1, "special": True}
    events = [
        {"index": at, "token": token, "generated_text": None, "details": None}
        for at, token in enumerate(tokens)
    ]
    last = {"index": len(events), "token": end, "generated_text": exchange.text, "details": details}
    frames = tuple(frame(event) for event in (*events, last))
    broken, told = _broken(exchange.reply), len(frames) - 1
    return Answer(
        frames=frames, model=exchange.model, counts=counts, told_at=told, error_frame=broken
    )


def features(exchange: Exchange) -> Answer:
    """POST /features: vectors and nothing else."""
    return Answer(
        to_json(embeddings.vectors(exchange.body)), model=exchange.model, counts=exchange.tally()
    )


def _error(reply: Reply, status: int) -> dict[str, Any]:
    kind, message = _KNOWN.get(status, _KNOWN[422 if status < 500 else 500])
    named = {"error_type": reply.error_type or kind} if reply.error_type or kind else {}
    return {"error": reply.error_message or message, **named}


def _broken(reply: Reply) -> bytes:
    return frame(_error(reply, 424))


def _asked(path: str, body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "input" if path.endswith("features") else "prompt": body.get("inputs")}


TGI = Format(
    address=re.compile("(?P<end>/generate|/features)"),
    endpoints={
        "/generate": Endpoint(generate, _GENERATION, spoken=True),
        "/features": Endpoint(features, _FEATURES),
    },
    error=_error,
    broken=_broken,
    asked=_asked,
)
