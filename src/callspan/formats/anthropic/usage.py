"""Anthropic's token counts, and what else of an answer decides what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from callspan.events import Usage
from callspan.events.usage import Share
from callspan.formats.fields import count, get, items, text

_WITHIN = frozenset({"message", "fallback_message"})
"""The types of iterations that the counts of the whole answer include."""
_BESIDE = frozenset({"compaction", "advisor_message"})
"""The types that it does not include, though they are billed; of any other type the numbers tell."""
_FEES = {
    "web_search_requests": "web_searches",
    "web_fetch_requests": "web_fetches",
    "code_execution_requests": "code_executions",
}
_CONDITIONS = ("service_tier", "speed", "inference_geo")
_ADDED = ("uncached", "output", "cache_read", "cache_write", "cache_write_1h")


def read_usage(stated: Any) -> Usage | None:
    """Return the counts: what was read from or written to a cache stands beside the rest of the input.

    Where the answer was sampled in several requests (`iterations`), each is a share of it, and the counts are those of
    all of them together. A compaction, for one, is billed, and is not in the counts of the whole answer.
    """
    if stated is None:
        return None
    whole = _counts(stated)
    whole.details = _fees(get(stated, "server_tool_use"))
    shares = _shares(stated, whole)
    if not shares:
        return whole
    sums = {name: _sum(name, shares) for name in _ADDED}
    return replace(whole, **sums, shares=shares)


def _counts(stated: Any) -> Usage:
    return Usage(
        uncached=count(stated, "input_tokens"),
        output=count(stated, "output_tokens"),
        cache_read=count(stated, "cache_read_input_tokens"),
        cache_write=count(stated, "cache_creation_input_tokens"),
        cache_write_1h=count(stated, "cache_creation", "ephemeral_1h_input_tokens"),
        reasoning=count(stated, "output_tokens_details", "thinking_tokens"),
    )


def _shares(stated: Any, whole: Usage) -> tuple[Share, ...]:
    """Return what each request has used, with what no iteration states of the whole as one more."""
    iterations = [
        (text(get(each, "type")), _share(each)) for each in items(get(stated, "iterations"))
    ]
    shares = [share for _, share in iterations if share.usage.total is not None]
    if not shares:
        return ()
    within = [share for kind, share in iterations if kind not in _BESIDE]
    if sum(share.usage.total or 0 for share in within) > (whole.total or 0):
        within = [share for kind, share in iterations if kind in _WITHIN]
    rest: dict[str, Any] = {name: _rest(name, whole, within) for name in _ADDED}
    longer = min(rest["cache_write_1h"] or 0, rest["cache_write"] or 0)
    shares = list(_kept_longer(shares, (rest["cache_write_1h"] or 0) - longer))
    rest["cache_write_1h"] = longer
    if any(rest.values()):
        shares.insert(0, Share(None, Usage(**rest)))
    return tuple(shares)


def _kept_longer(shares: list[Share], tokens: int) -> Iterator[Share]:
    """Yield the shares, with so many tokens kept for an hour where an iteration leaves that out."""
    for share in shares:
        if share.usage.cache_write_1h is None and share.usage.cache_write:
            longer = min(tokens, share.usage.cache_write)
            tokens -= longer
            yield Share(share.model, replace(share.usage, cache_write_1h=longer))
        else:
            yield share


def _share(iteration: Any) -> Share:
    return Share(text(get(iteration, "model")), _counts(iteration))


def _sum(name: str, shares: tuple[Share, ...] | list[Share]) -> int | None:
    known = [number for share in shares if (number := getattr(share.usage, name)) is not None]
    return sum(known) if known else None


def _rest(name: str, whole: Usage, within: list[Share]) -> int | None:
    """Return the part of a count of the whole that no share has."""
    number = getattr(whole, name)
    return None if number is None else max(0, number - (_sum(name, within) or 0))


def _fees(stated: Any) -> dict[str, int] | None:
    found = {
        ours: number
        for theirs, ours in _FEES.items()
        if (number := count(stated, theirs)) is not None
    }
    return found or None


def read_conditions(stated: Any) -> dict[str, Any]:
    """Return what of an answer its price depends on, by the names that settings have."""
    found = {name: value for name in _CONDITIONS if (value := text(get(stated, name)))}
    credit = text(get(get(get(stated, "fallback_credit"), "status"), "type"))
    if credit == "redeemed":
        found["repricing"] = credit
    return found
