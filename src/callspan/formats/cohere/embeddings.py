"""Cohere's embeddings, plain or by type: tokens and dimensions, never vectors."""

from __future__ import annotations

from callspan.events import Delta, ParameterName, Parameters
from callspan.formats.cohere.usage import read_usage
from callspan.formats.errors import with_failures
from callspan.formats.fields import Body, Item, first_item, get, id_text, items, read_settings
from callspan.formats.format import Format

_SETTINGS: dict[str, ParameterName] = {
    "output_dimension": "dimensions",
    "embedding_types": "encoding_formats",
}
# `float_` is the name in models of Cohere's client, since `float` is a type of Python.
_NUMBERS = ("float", "float_", "int8", "uint8")
_PACKED = ("binary", "ubinary")
"""Types of vector that hold eight dimensions in one number."""


def parameters(body: Body) -> Parameters:
    """Return the request's settings."""
    return read_settings(body, _SETTINGS)


def read(answer: Item, _needs_text: bool) -> Delta | None:
    """Read a whole answer."""
    delta = Delta(id=id_text(get(answer, "id")), usage=read_usage(get(answer, "meta")))
    dimensions = _dimensions(get(answer, "embeddings"))
    if dimensions:
        delta.details = {"dimensions": dimensions}
    return delta


def _dimensions(embeddings: Item) -> int:
    """Return the length of the vectors, which are a list, or a list for each type."""
    if isinstance(embeddings, list):
        return _length(embeddings)
    # an answer may have several types; those with one number a dimension are certain
    for kind in _NUMBERS:
        length = _length(get(embeddings, kind))
        if length:
            return length
    for kind in _PACKED:
        length = _length(get(embeddings, kind))
        if length:
            return 8 * length
    return 0


def _length(vectors: Item) -> int:
    """Return the length of the first vector; 0 if there is none."""
    return len(items(first_item(vectors)))


EMBEDDINGS = Format("embeddings", parameters, with_failures(read))
