"""Embeddings of Hugging Face's servers: lists of numbers and nothing else, read by their length."""

from __future__ import annotations

from callspan.events import Delta, Parameters
from callspan.formats.errors import with_failures
from callspan.formats.fields import Body, Item, all_fields, items
from callspan.formats.format import Format
from callspan.formats.openai import embeddings


def parameters(body: Body) -> Parameters:
    """Return the request's settings, which stand beside the texts or apart from them."""
    return embeddings.parameters({**all_fields(body.get("parameters")), **body})


def read(answer: Item, _needs_text: bool) -> Delta | None:
    """Read a whole answer: a vector for each text, or for each token of each text."""
    # A vector may stand in one list or in two; the numbers are in the innermost.
    vector = items(answer)
    while vector and isinstance(vector[0], list):
        vector = vector[0]
    return Delta(details={"dimensions": len(vector)} if vector else None)


FEATURES = Format("embeddings", parameters, with_failures(read))
