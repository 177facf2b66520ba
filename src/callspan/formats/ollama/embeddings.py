"""Ollama's embeddings, of many inputs or of one prompt: tokens and dimensions, never vectors."""

from __future__ import annotations

from callspan.events import Delta, Parameters, Usage
from callspan.formats.errors import with_failures
from callspan.formats.fields import Body, Item, count, get, read_settings, text
from callspan.formats.format import Format


def parameters(body: Body) -> Parameters:
    """Return the request's settings."""
    return read_settings(body, {"dimensions": "dimensions"})


def read(answer: Item, _needs_text: bool) -> Delta | None:
    """Read a whole answer; that to one prompt has a vector and nothing else."""
    delta = Delta(model=text(get(answer, "model")))
    tokens = count(answer, "prompt_eval_count")
    if tokens is not None:
        delta.usage = Usage(input=tokens)
    # No copy of the list, as `items` makes: there may be thousands of vectors.
    vectors = get(answer, "embeddings") or ()
    # the older endpoint, for one prompt
    vector = next(iter(vectors), None) or get(answer, "embedding")
    if vector:
        delta.details = {"dimensions": len(vector)}
    return delta


EMBEDDINGS = Format("embeddings", parameters, with_failures(read))
