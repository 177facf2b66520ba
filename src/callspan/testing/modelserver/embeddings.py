"""Vectors in which texts that share words lie close together."""

from __future__ import annotations

import base64
import math
import struct
from typing import Any
from zlib import crc32

from .exchange import Answer, Exchange, JsonObject

_DIMENSIONS = 256


def embeddings(exchange: Exchange) -> Answer:
    """Answer POST /embeddings, with lists of floats or in base64."""
    counts = exchange.count_tokens()
    data: list[JsonObject] = []
    for index, vector in enumerate(vectors(exchange.body)):
        embedding = _encode(vector, exchange.body)
        data.append({"object": "embedding", "index": index, "embedding": embedding})
    body: JsonObject = {"object": "list", "data": data, "model": exchange.model}
    if exchange.sends_usage:
        body["usage"] = {"prompt_tokens": counts.input, "total_tokens": counts.input}
    return exchange.answer(body, counts, has_usage=exchange.sends_usage)


def vectors(body: JsonObject) -> list[list[float]]:
    """Return a vector for each text of the input."""
    return [_vector(text, body) for text in _inputs(body["input"])]


def _inputs(value: Any) -> list[str]:
    """Return the texts of an input: one text, several, or the same as lists of token numbers."""
    # A list of numbers is one text as its tokens, and no list of texts.
    if isinstance(value, list) and not all(isinstance(item, int) for item in value):
        return [_words(item) for item in value]
    return [_words(value)]


def _words(item: str | int | list[int]) -> str:
    if isinstance(item, list):
        return " ".join(map(str, item))
    return str(item)


def _vector(text: str, body: JsonObject) -> list[float]:
    """Return the vector of a text, in which each word adds to the dimension that its sum names."""
    size = int(body.get("dimensions") or _DIMENSIONS)
    vector = [0.0] * size
    for word in text.lower().split() or [""]:
        # The same number in each run and on each machine, which Python's `hash` is not.
        checksum = crc32(word.strip(".,:;!?").encode("utf-8", "replace"))
        vector[checksum % size] += 1.0
    length = math.hypot(*vector)
    # Most parts are zero, and all of these stay one object.
    return [part / length if part else part for part in vector]


def _encode(vector: list[float], body: JsonObject) -> list[float] | str:
    if body.get("encoding_format") != "base64":
        return vector
    # OpenAI's client asks for base64 by itself, as it is shorter; 32-bit floats, least byte first.
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
