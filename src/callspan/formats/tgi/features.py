"""Embeddings as Hugging Face's servers speak them: lists of numbers and nothing else, of which the length is told."""

from __future__ import annotations

from typing import Any

from callspan.events import Delta
from callspan.formats.errors import with_failures
from callspan.formats.fields import Body, items
from callspan.formats.format import Format
from callspan.formats.openai.embeddings import parameters as openai_parameters


def parameters(body: Body) -> dict[str, Any]:
    """The request's settings, which stand beside the texts or apart from them."""
    return openai_parameters({**(body.get("parameters") or {}), **body})


def read(answer: Any, _needs_text: bool) -> Delta | None:
    """A whole answer: a vector for each text, or for each token of each text."""
    while (inner := items(answer)) and isinstance(inner[0], list):
        answer = inner[0]
    return Delta(details={"dimensions": len(inner)} if inner else None)


FEATURES = Format("embeddings", parameters, with_failures(read))
