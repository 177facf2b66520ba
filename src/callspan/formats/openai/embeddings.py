"""OpenAI's embeddings: tokens and dimensions, never vectors."""

from __future__ import annotations

from typing import Any

from callspan.events import Delta, Usage
from callspan.formats.errors import with_failures
from callspan.formats.fields import Body, get, id_text, items, read_settings, text
from callspan.formats.format import Format
from callspan.formats.openai.usage import read_usage

_SETTINGS = {"dimensions": "dimensions", "encoding_format": "encoding_formats"}
_FLOAT_BYTES = 4


def parameters(body: Body) -> dict[str, Any]:
    """The request's settings. The client asks for base64 by itself where the app names no encoding."""
    return read_settings(body, _SETTINGS)


def read(answer: Any, _needs_text: bool) -> Delta | None:
    """A whole answer."""
    counts = read_usage(get(answer, "usage"))
    data = items(get(answer, "data"))
    size = _dimensions(get(data[0], "embedding")) if data else None
    return Delta(
        id=id_text(get(answer, "id")),
        model=text(get(answer, "model")),
        usage=Usage(input=counts.input) if counts is not None else None,
        details={"dimensions": size} if size else None,
    )


def _dimensions(vector: Any) -> int | None:
    """The length of a vector, also of one that came as base64 text of 32-bit numbers."""
    if isinstance(vector, str):
        return (len(vector.rstrip("=")) * 3 // 4) // _FLOAT_BYTES
    return len(vector) if hasattr(vector, "__len__") else None


EMBEDDINGS = Format("embeddings", parameters, with_failures(read))
