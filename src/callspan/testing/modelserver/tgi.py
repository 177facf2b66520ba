"""Text generation and embeddings of Hugging Face's servers, which speak OpenAI's chat too."""

from __future__ import annotations

import re

from . import embeddings
from .exchange import Answer, Exchange, JsonObject, frame, optional_object
from .ledger import Counts
from .openai_shapes import INTEGER, MODEL, MOST_INPUTS, TOKENS
from .reply import Reply
from .shapes import TEXTS, Shape, array, boolean, either, mapping, number, text
from .text import pieces
from .wire import Endpoint, Format, find_error

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
# Each token of the input may be an object in the answer, so the input must be short.
_INPUT = text(most=100_000)
_GENERATION = mapping(
    {"inputs": _INPUT, "stream": boolean, "model": MODEL, "parameters": mapping(_PARAMETERS)},
    required=("inputs",),
)
_FEATURES = mapping(
    {"inputs": either({str: _INPUT, list: array(_INPUT, most=MOST_INPUTS)})}, required=("inputs",)
)
# By status: type, message.
_ERRORS = {
    401: (None, "Invalid credentials in Authorization header"),
    422: ("validation", "Input validation error"),
    424: ("generation", "Request failed during generation"),
    429: ("overloaded", "Model is overloaded"),
    500: ("incomplete_generation", "Incomplete generation"),
}


def generate(exchange: Exchange) -> Answer:
    """Answer POST /generate; the counts are in a stream, or where the request wants details."""
    counts = exchange.count_tokens(exchange.text)
    details: JsonObject = {
        "finish_reason": exchange.reply.finish_reason or "eos_token",
        "generated_tokens": counts.output,
    }
    if exchange.is_streamed:
        return _stream(exchange, counts, {**details, "input_length": counts.input, "seed": None})
    parameters = optional_object(exchange.body, "parameters")
    prefill: list[JsonObject] = []
    if parameters.get("decoder_input_details"):
        prefill = [{"id": index, "text": "", "logprob": None} for index in range(counts.input)]
    generation: JsonObject = {"generated_text": exchange.text}
    if parameters.get("details"):
        generation["details"] = {**details, "prefill": prefill, "tokens": [], "seed": None}
    # Without the tokens of the input, a client cannot count these.
    return exchange.answer([generation], counts, has_usage=bool(prefill))


def _stream(exchange: Exchange, counts: Counts, details: JsonObject) -> Answer:
    frames: list[bytes] = []
    for index, word in enumerate(pieces(exchange.text, exchange.reply.chunk_size)):
        token = {"id": index, "text": word, "logprob": -0.1, "special": False}
        frames.append(_event(index, token, None, None))
    usage_at = len(frames)
    # The last token ends the text: it has none of its own, and brings the whole.
    token = {"id": 2, "text": "</s>", "logprob": -0.1, "special": True}
    frames.append(_event(usage_at, token, exchange.text, details))
    return exchange.stream(
        frames, counts, usage_at=usage_at, error_frame=_error_frame(exchange.reply)
    )


def _event(
    index: int, token: JsonObject, generated_text: str | None, details: JsonObject | None
) -> bytes:
    event = {
        "index": index,
        "token": token,
        "generated_text": generated_text,
        "details": details,
    }
    return frame(event)


def features(exchange: Exchange) -> Answer:
    """Answer POST /features: vectors and nothing else."""
    return exchange.answer(embeddings.vectors(exchange.body), exchange.count_tokens())


def _error(reply: Reply, status: int) -> JsonObject:
    kind, message = find_error(_ERRORS, status, client_error=422)
    error: JsonObject = {"error": reply.error_message or message}
    error_type = reply.error_type or kind
    if error_type:
        error["error_type"] = error_type
    return error


def _error_frame(reply: Reply) -> bytes:
    return frame(_error(reply, 424))


def _translate(path: str, body: JsonObject) -> JsonObject:
    """Return a request in OpenAI's words."""
    field = "input" if path.endswith("features") else "prompt"
    return {**body, field: body.get("inputs")}


TGI = Format(
    address=re.compile("(?P<endpoint>/generate|/features)"),
    endpoints={
        "/generate": Endpoint(generate, _GENERATION, is_written=True),
        "/features": Endpoint(features, _FEATURES),
    },
    error=_error,
    error_frame=_error_frame,
    translate=_translate,
)
