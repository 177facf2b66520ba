"""Errors of Google's APIs."""

from __future__ import annotations

from callspan.formats.fields import Item, get, get_nested, items, text


def read_retry_delay(answer: Item) -> str | None:
    """Return the seconds to wait before the next try, which stand in the details of the error."""
    for detail in items(get_nested(answer, "error", "details")):
        delay = text(get(detail, "retryDelay"))
        if delay:
            return delay.removesuffix("s")
    return None
