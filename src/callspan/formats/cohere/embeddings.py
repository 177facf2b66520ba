"""Cohere's embeddings, plain or by type: tokens and dimensions, never vectors."""

from __future__ import annotations

from typing import Any

from callspan.events import Delta
from callspan.formats.cohere.usage import read_usage
from callspan.formats.errors import with_failures
from callspan.formats.fields import Body, get, id_text, items, read_settings
from callspan.formats.format import Format

_SETTINGS = {"output_dimension": "dimensions", "embedding_types": "encoding_formats"}
_NUMBERS = ("float", "float_", "int8", "uint8")
_PACKED = ("binary", "ubinary")
"""Types of vector that hold eight numbers in one."""


def parameters(body: Body) -> dict[str, Any]:
    """The request's settings."""
    return read_settings(body, _SETTINGS)


def read(answer: Any, _needs_text: bool) -> Delta | None:
    """A whole answer."""
    size = _dimensions(get(answer, "embeddings"))
    return Delta(
        id=id_text(get(answer, "id")),
        usage=read_usage(get(answer, "meta")),
        details={"dimensions": size} if size else None,
    )


def _dimensions(given: Any) -> int:
    """The length of the vectors: of a list of them, or of one for each type that was asked for."""
    if isinstance(given, list):
        return _length(given)
    plainly = (_length(get(given, kind)) for kind in _NUMBERS)
    packed = (8 * _length(get(given, kind)) for kind in _PACKED)
    return next((size for size in (*plainly, *packed) if size), 0)


def _length(vectors: Any) -> int:
    return len(items(next(iter(items(vectors)), None)))


EMBEDDINGS = Format("embeddings", parameters, with_failures(read))
