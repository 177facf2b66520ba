"""Embeddings by Titan, Nova and Cohere on Bedrock: tokens and dimensions, never vectors."""

from __future__ import annotations

from collections.abc import Mapping

from callspan.events import Delta, ParameterName, Parameters, Usage
from callspan.formats.fields import (
    Body,
    Item,
    all_fields,
    count,
    first_item,
    get_first,
    read_settings,
)
from callspan.formats.format import Format

_SETTINGS: dict[str, ParameterName] = {
    "dimensions": "dimensions",
    "output_dimension": "dimensions",  # Cohere
    "outputEmbeddingLength": "dimensions",  # Titan's images
    "embeddingDimension": "dimensions",  # Nova
    "embeddingTypes": "encoding_formats",  # Titan
    "embedding_types": "encoding_formats",  # Cohere
}
_UNPACKED = ("embedding", "float", "int8", "uint8")
"""Fields that have one number a dimension; a packed vector has eight dimensions in each."""


def parameters(body: Body) -> Parameters:
    """Return the request's settings; some stand one level deeper."""
    config = all_fields(body.get("embeddingConfig"))
    nova = all_fields(body.get("singleEmbeddingParams"))
    # `embeddingConfig` is Titan's, the other Nova's
    return read_settings({**body, **config, **nova}, _SETTINGS)


def read(answer: Item, _needs_text: bool) -> Delta | None:
    """Read a whole answer."""
    delta = Delta()
    # Titan's own; those of the others stand in the headers of InvokeModel
    tokens = count(answer, "inputTextTokenCount")
    if tokens is not None:
        delta.usage = Usage(input=tokens)
    vectors = get_first(answer, "embedding", "embeddingsByType", "embeddings")
    dimensions = _dimensions(vectors)
    if dimensions:
        delta.details = {"dimensions": dimensions}
    return delta


def _dimensions(vectors: Item) -> int | None:
    """Return the length of the first vector, in a list or in an object with one for each type."""
    if isinstance(vectors, Mapping):
        for field in _UNPACKED:
            dimensions = _dimensions(vectors.get(field))
            if dimensions:
                return dimensions
        return None
    first = first_item(vectors)
    if first is None:
        return None
    if isinstance(first, (list, Mapping)):
        return _dimensions(first)
    return len(vectors)


EMBEDDINGS = Format("embeddings", parameters, read)
