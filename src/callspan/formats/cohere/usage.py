"""Cohere's token counts."""

from __future__ import annotations

from callspan.events import Usage
from callspan.formats.fields import Item, count, get


def read_usage(source: Item) -> Usage | None:
    """Return the tokens that a model has read and written, else those that are billed.

    The billed tokens leave out Cohere's own additions to a prompt, and can be fewer than those
    that came from its cache.
    """
    # the client for AWS writes -1 where AWS has not counted, which is no count (cohere 5.16 to 7)
    tokens = get(source, "tokens")
    units = get(source, "billed_units")
    billed = _billed(units)
    usage = Usage(
        input=count(tokens, "input_tokens"),
        output=count(tokens, "output_tokens"),
        cache_read=count(source, "cached_tokens"),
        input_image=billed.input_image,
        details=billed.details,
    )
    if usage.input is None:
        usage.input = billed.input
    if usage.output is None:
        usage.output = billed.output
    if billed.input is not None:
        usage.billed = billed
    return None if usage.states_nothing else usage


def _billed(units: Item) -> Usage:
    images = count(units, "image_tokens")
    billed = Usage(
        input=count(units, "input_tokens"),
        output=count(units, "output_tokens"),
        input_image=images,
    )
    # images are billed as input where there is no text beside them
    if billed.input is None:
        billed.input = images
    searches = count(units, "search_units")
    if searches:
        billed.details = {"rerank_searches": searches}
    return billed
