"""Voyage's embeddings and ranks, as its client returns them: one total of tokens, all of them read."""

from __future__ import annotations

from callspan.events import Delta, ParameterName, Parameters, Usage
from callspan.formats.cohere import rerank
from callspan.formats.fields import Body, Item, count, first_item, get, read_settings
from callspan.formats.format import Format

_SETTINGS: dict[str, ParameterName] = {
    "output_dimension": "dimensions",
    "output_dtype": "encoding_formats",
}


def parameters(body: Body) -> Parameters:
    """Return the request's settings."""
    return read_settings(body, _SETTINGS)


def read_total(answer: Item, _needs_text: bool) -> Delta:
    """Read the tokens of a whole answer."""
    total = count(answer, "total_tokens")
    return Delta(usage=None if total is None else Usage(input=total))


def read(answer: Item, needs_text: bool) -> Delta:
    """Read a whole answer: its tokens, and the size of its vectors."""
    delta = read_total(answer, needs_text)
    vector = first_item(get(answer, "embeddings"))
    # several documents have their vectors one level deeper
    if vector is None:
        vector = first_item(get(first_item(get(answer, "results")), "embeddings"))
    # numbers that are no floats may have several dimensions packed into each
    if isinstance(first_item(vector), float):
        delta.details = {"dimensions": len(vector)}
    return delta


EMBEDDINGS = Format("embeddings", parameters, read)
RERANK = Format("rerank", parameters, read_total, rerank.content)
