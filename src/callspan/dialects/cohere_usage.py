"""Cohere's token counts."""

from __future__ import annotations

from typing import Any

from callspan.dialects.dialect import get
from callspan.events import Usage


def usage(stated: Any) -> Usage | None:
    """The tokens that a model has read and written, else those that are billed.

    What is billed leaves out what Cohere itself puts into a prompt, and can be less than what came from its cache.
    """
    tokens, units = get(stated, "tokens"), get(stated, "billed_units")
    read, said = _number(tokens, "input_tokens"), _number(tokens, "output_tokens")
    image = _number(units, "image_tokens")
    searches = _number(units, "search_units")
    billed = Usage(
        _first(_number(units, "input_tokens"), image),
        _number(units, "output_tokens"),
        input_image=image,
        details={"rerank_searches": searches} if searches else None,
    )
    found = Usage(
        input=_first(read, billed.input),
        output=_first(said, billed.output),
        cache_read=_number(stated, "cached_tokens"),
        input_image=image,
        billed=None if billed.input is None else billed,
        details=billed.details,
    )
    return None if found.total is None and found.details is None else found


def _first(one: int | None, other: int | None) -> int | None:
    return other if one is None else one


def _number(source: Any, name: str) -> int | None:
    """A count, which Cohere's client gives as a number with a fraction; from Bedrock, -1 is none."""
    value = get(source, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0 or value == float("inf"):
        return None
    return int(value)
