"""Embeddings by Titan, Nova and Cohere on Bedrock: tokens and dimensions, never vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callspan.events import Delta, Usage
from callspan.formats.fields import Body, all_fields, count, get, items, read_settings
from callspan.formats.format import Format

_SETTINGS = {
    "dimensions": "dimensions",
    "output_dimension": "dimensions",
    "outputEmbeddingLength": "dimensions",
    "embeddingDimension": "dimensions",
    "embeddingTypes": "encoding_formats",
    "embedding_types": "encoding_formats",
}


def parameters(body: Body) -> dict[str, Any]:
    """The request's settings; some stand one level deeper."""
    inner = {
        **all_fields(body.get("embeddingConfig")),
        **all_fields(body.get("singleEmbeddingParams")),
    }
    return read_settings({**body, **inner}, _SETTINGS)


def read(answer: Any, _needs_text: bool) -> Delta | None:
    """A whole answer."""
    asked = count(answer, "inputTextTokenCount")
    size = _dimensions(
        get(answer, "embedding") or get(answer, "embeddingsByType") or get(answer, "embeddings")
    )
    return Delta(
        usage=None if asked is None else Usage(input=asked),
        details={"dimensions": size} if size else None,
    )


def _dimensions(vectors: Any) -> int | None:
    """The length of the first vector, wherever it stands; of packed ones the length is another."""
    if isinstance(vectors, Mapping):
        kinds = ("embedding", "float", "int8", "uint8")
        return next((size for kind in kinds if (size := _dimensions(vectors.get(kind)))), None)
    first = next(iter(items(vectors)), None)
    return (
        _dimensions(first)
        if isinstance(first, (list, Mapping))
        else len(vectors)
        if first is not None
        else None
    )


EMBEDDINGS = Format("embeddings", parameters, read)
