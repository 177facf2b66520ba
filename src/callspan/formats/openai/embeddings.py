"""OpenAI's embeddings: tokens and dimensions, never vectors."""

from __future__ import annotations

from callspan.events import Delta, ParameterName, Parameters, Usage
from callspan.formats.errors import with_failures
from callspan.formats.fields import (
    Body,
    Item,
    decoded_size,
    first_item,
    get,
    id_text,
    read_settings,
    text,
)
from callspan.formats.format import Format
from callspan.formats.usage import read_usage

_SETTINGS: dict[str, ParameterName] = {
    "dimensions": "dimensions",
    "encoding_format": "encoding_formats",
}
_FLOAT_BYTES = 4


def parameters(body: Body) -> Parameters:
    """Return the request's settings.

    The client asks for base64 by itself where the app names no encoding.
    """
    return read_settings(body, _SETTINGS)


def read(answer: Item, needs_text: bool) -> Delta | None:
    """Read a whole answer."""
    delta = read_counts(answer, needs_text)
    # the first vector stands for all, as one request has one size
    dimensions = _dimensions(get(first_item(get(answer, "data")), "embedding"))
    if dimensions:
        delta.details = {"dimensions": dimensions}
    return delta


def read_counts(answer: Item, _needs_text: bool) -> Delta:
    """Read a whole answer without its vectors, whose numbers may be smaller than 32 bits."""
    delta = Delta(id=id_text(get(answer, "id")), model=text(get(answer, "model")))
    usage = read_usage(get(answer, "usage"))
    if usage is not None:
        # Some servers state output tokens as well, though nothing is written.
        delta.usage = Usage(input=usage.input)
    return delta


def _dimensions(vector: Item) -> int | None:
    """Return the length of a vector, also of one that is base64 text of 32-bit numbers."""
    if isinstance(vector, str):
        return decoded_size(vector) // _FLOAT_BYTES
    if hasattr(vector, "__len__"):
        return len(vector)
    return None


EMBEDDINGS = Format("embeddings", parameters, with_failures(read))
PACKED_EMBEDDINGS = Format("embeddings", parameters, with_failures(read_counts))
