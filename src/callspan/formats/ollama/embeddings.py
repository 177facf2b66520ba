"""Ollama's embeddings, of many inputs or, as it began, of one prompt: tokens and dimensions, never vectors."""

from __future__ import annotations

from typing import Any

from callspan.events import Delta, Usage
from callspan.formats.errors import with_failures
from callspan.formats.fields import Body, count, get, read_settings, text
from callspan.formats.format import Format


def parameters(body: Body) -> dict[str, Any]:
    """The request's settings."""
    return read_settings(body, {"dimensions": "dimensions"})


def read(answer: Any, _needs_text: bool) -> Delta | None:
    """A whole answer; that to one prompt has a vector and nothing else."""
    evaluated = count(answer, "prompt_eval_count")
    vector = next(iter(get(answer, "embeddings") or ()), None) or get(answer, "embedding")
    return Delta(
        model=text(get(answer, "model")),
        usage=None if evaluated is None else Usage(input=evaluated),
        details={"dimensions": len(vector)} if vector else None,
    )


EMBEDDINGS = Format("embeddings", parameters, with_failures(read))
