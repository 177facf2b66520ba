"""Cohere's token counts."""

from __future__ import annotations

from typing import Any

from callspan.events import Usage
from callspan.formats.fields import count, get


def read_usage(stated: Any) -> Usage | None:
    """The tokens that a model has read and written, else those that are billed.

    What is billed leaves out what Cohere itself puts into a prompt, and can be less than what came from its cache.
    """
    tokens, units = get(stated, "tokens"), get(stated, "billed_units")
    read, said = count(tokens, "input_tokens"), count(tokens, "output_tokens")
    image = count(units, "image_tokens")
    searches = count(units, "search_units")
    billed = Usage(
        _first(count(units, "input_tokens"), image),
        count(units, "output_tokens"),
        input_image=image,
        details={"rerank_searches": searches} if searches else None,
    )
    found = Usage(
        input=_first(read, billed.input),
        output=_first(said, billed.output),
        cache_read=count(stated, "cached_tokens"),
        input_image=image,
        billed=None if billed.input is None else billed,
        details=billed.details,
    )
    return None if found.states_nothing else found


def _first(one: int | None, other: int | None) -> int | None:
    return other if one is None else one
