"""Anthropic's token counts, and the conditions of the price of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from callspan.events import ConditionName, Details, Usage
from callspan.events.usage import Share
from callspan.formats.billing import written_without_price
from callspan.formats.fields import Item, count, get, get_nested, items, text

# the types of anthropic 2.14; see tests/test_anthropic_iterations.py
_WITHIN = frozenset({"message", "fallback_message"})
"""The types of iterations that the counts of the whole answer include."""
_BESIDE = frozenset({"compaction", "advisor_message"})
"""The types that they do not include, though they are billed; of other types the numbers tell."""
_TOOL_USES = {
    "web_search_requests": "web_searches",
    "web_fetch_requests": "web_fetches",
    "code_execution_requests": "code_executions",
}
_CONDITIONS: tuple[ConditionName, ...] = ("service_tier", "speed", "inference_geo")
_SUMMED = ("uncached", "output", "cache_read", "cache_write", "cache_write_1h")
"""The counts of which each iteration has a share."""


def read_usage(source: Item) -> Usage | None:
    """Return the counts; those of a cache stand beside the rest of the input.

    Where the answer was sampled in several requests (`iterations`), each is a share of it, and
    the counts are those of all of them together. A compaction, for one, is billed, and is not in
    the counts of the whole answer.
    """
    if source is None:
        return None
    usage = _counts(source)
    usage.details = _details(source)
    iterations = items(get(source, "iterations"))
    if not iterations:
        return usage
    shares = _shares(iterations, usage)
    if not shares:
        return usage
    # `replace` makes the usage anew, so that its input follows from these sums
    sums = {name: _sum(name, shares) for name in _SUMMED}
    return replace(usage, **sums, shares=shares)


def _counts(source: Item) -> Usage:
    return Usage(
        uncached=count(source, "input_tokens"),
        output=count(source, "output_tokens"),
        cache_read=count(source, "cache_read_input_tokens"),
        cache_write=count(source, "cache_creation_input_tokens"),
        cache_write_1h=count(source, "cache_creation", "ephemeral_1h_input_tokens"),
        reasoning=count(source, "output_tokens_details", "thinking_tokens"),
    )


def _details(source: Item) -> dict[str, int] | None:
    """Return the uses of tools, and the tokens written to a cache of a lifetime without a price."""
    details: dict[str, int] = {}
    tool_use = get(source, "server_tool_use")
    if tool_use is not None:
        for field, name in _TOOL_USES.items():
            number = count(tool_use, field)
            if number is not None:
                details[name] = number
    unpriced = written_without_price(get(source, "cache_creation"))
    if unpriced:
        details["cache_write_other"] = unpriced
    return details or None


def _shares(iterations: list[Item], whole: Usage) -> tuple[Share, ...]:
    """Return the counts of each request, and as one more share the rest of the whole answer."""
    kinds = [text(get(iteration, "type")) for iteration in iterations]
    every = [Share(text(get(item, "model")), _counts(item)) for item in iterations]
    shares = [share for share in every if share.usage.total is not None]
    if not shares:
        return ()
    rest = _rest(whole, _included(kinds, every, whole))
    written_for_hour = rest["cache_write_1h"] or 0
    # What an hour's cache holds beyond the rest was written by iterations that do not state it.
    rest["cache_write_1h"] = min(written_for_hour, rest["cache_write"] or 0)
    shares = _add_hours(shares, written_for_hour - rest["cache_write_1h"])
    # what no iteration states was used by the call's own model
    if any(rest.values()):
        shares.insert(0, Share(None, Usage(**rest)))
    return tuple(shares)


def _included(kinds: list[str | None], every: list[Share], whole: Usage) -> list[Share]:
    """Return the shares that the counts of the whole answer include."""
    pairs = list(zip(kinds, every, strict=True))
    included = [share for kind, share in pairs if kind not in _BESIDE]
    total = sum(share.usage.total or 0 for share in included)
    # a type that is not listed is taken to be in the whole, as long as the numbers allow that
    if total <= (whole.total or 0):
        return included
    # Together they are more than the whole, so the types that are not listed stand beside it.
    return [share for kind, share in pairs if kind in _WITHIN]


def _rest(whole: Usage, included: list[Share]) -> dict[str, Any]:
    """Return the part of each count of the whole that no share has."""
    rest: dict[str, Any] = {}
    for name in _SUMMED:
        number = getattr(whole, name)
        if number is not None:
            # never below 0: totals may agree where one of their counts does not
            number = max(0, number - (_sum(name, included) or 0))
        rest[name] = number
    return rest


def _add_hours(shares: list[Share], tokens: int) -> list[Share]:
    """Return the shares, with `tokens` of an hour's cache given to those that state no lifetime."""
    result: list[Share] = []
    for share in shares:
        usage = share.usage
        if usage.cache_write_1h is None and usage.cache_write:
            part = min(tokens, usage.cache_write)
            tokens -= part
            share = Share(share.model, replace(usage, cache_write_1h=part))
        result.append(share)
    return result


def _sum(name: str, shares: Sequence[Share]) -> int | None:
    """Return the sum of a count over the shares that state it; `None` if none does."""
    numbers = [getattr(share.usage, name) for share in shares]
    numbers = [number for number in numbers if number is not None]
    return sum(numbers) if numbers else None


def read_conditions(usage: Item) -> Details:
    """Return the conditions of the price of an answer, by the names that settings have."""
    conditions: Details = {}
    for name in _CONDITIONS:
        value = text(get(usage, name))
        if value:
            conditions[name] = value
    credit = text(get_nested(usage, "fallback_credit", "status", "type"))
    # billed as if this model had had the conversation from the start: a price of its own
    if credit == "redeemed":
        conditions["repricing"] = credit
    return conditions
