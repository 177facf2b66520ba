"""Vectors in which texts that share words lie close together."""

from __future__ import annotations

import base64
import math
import struct
from typing import Any
from zlib import crc32

from .exchange import Answer, Exchange, to_json

_DIMENSIONS = 256


def embeddings(exchange: Exchange) -> Answer:
    """POST /embeddings, as lists of floats or in base64."""
    counts = exchange.tally()
    data = [
        {"object": "embedding", "index": index, "embedding": _encoded(vector, exchange.body)}
        for index, vector in enumerate(vectors(exchange.body))
    ]
    answer: dict[str, Any] = {"object": "list", "data": data, "model": exchange.model}
    tells = exchange.reply.usage is not False
    if tells:
        answer["usage"] = {"prompt_tokens": counts.input, "total_tokens": counts.input}
    return Answer(
        to_json(answer), model=exchange.model, counts=counts, told_at=0 if tells else None
    )


def vectors(body: dict[str, Any]) -> list[list[float]]:
    """A vector for each text of the input."""
    return [_vector(text, body) for text in _inputs(body["input"])]


def _inputs(value: Any) -> list[str]:
    """The input is one text, several, or the same as lists of token numbers."""
    many = isinstance(value, list) and not all(isinstance(item, int) for item in value)
    return [_words(item) for item in (value if many else [value])]


def _words(item: str | int | list[int]) -> str:
    return " ".join(map(str, item)) if isinstance(item, list) else str(item)


def _vector(text: str, body: dict[str, Any]) -> list[float]:
    size = int(body.get("dimensions") or _DIMENSIONS)
    vector = [0.0] * size
    for word in text.lower().split() or [""]:
        vector[crc32(word.strip(".,:;!?").encode("utf-8", "replace")) % size] += 1.0
    length = math.hypot(*vector)
    return [part / length if part else part for part in vector]  # all zeros stay one object


def _encoded(vector: list[float], body: dict[str, Any]) -> list[float] | str:
    if body.get("encoding_format") != "base64":
        return vector
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
