"""The attributes of token counts and of costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Any

from callspan.events import Call, Usage
from callspan.semconv import names
from callspan.semconv.conventions import Convention

Attributes = dict[str, Any]
"""Attributes by name, with values of the types that OpenTelemetry takes."""
# Fields of `Usage` that are parts of a total.
_PARTS = {
    "cache_read": names.CACHE_READ_TOKENS,
    "reasoning": names.REASONING_TOKENS,
    "input_text": "gen_ai.usage.text.input_tokens",
    "input_audio": "gen_ai.usage.audio.input_tokens",
    "input_image": "gen_ai.usage.image.input_tokens",
    "output_text": "gen_ai.usage.text.output_tokens",
    "output_audio": "gen_ai.usage.audio.output_tokens",
    "output_image": "gen_ai.usage.image.output_tokens",
}
# one call for all fields, as this runs at the end of each call
_parts_of = attrgetter(*_PARTS)
_FEES = {
    "web_searches": names.WEB_SEARCHES,
    "web_fetches": names.WEB_FETCHES,
    "social_searches": names.SOCIAL_SEARCHES,
    "storage_searches": names.STORAGE_SEARCHES,
    "search_sources": names.SEARCH_SOURCES,
    "code_executions": names.CODE_EXECUTIONS,
    "rerank_searches": names.RERANK_SEARCHES,
    "audio_seconds": names.AUDIO_SECONDS,
}
"""Things that a provider bills beside tokens or in place of them, such as each use of a tool of its own."""


def usage(counts: Usage, conventions: Iterable[Convention]) -> Attributes:
    """Return the attributes of token counts. A part of 0 is left out, a total of 0 is not."""
    attributes: Attributes = {}
    if counts.input is not None:
        attributes[names.INPUT_TOKENS] = counts.input
    if counts.output is not None:
        attributes[names.OUTPUT_TOKENS] = counts.output
    parts = _parts_of(counts)
    if any(parts):
        _add_parts(attributes, parts)
    if counts.cache_write:
        # the versions of the conventions have two names for it
        for convention in conventions:
            attributes[convention.cache_write] = counts.cache_write
    if counts.source != "provider":
        attributes[names.USAGE_SOURCE] = counts.source
    if counts.details:
        _add_fees(attributes, counts.details)
    return attributes


def _add_parts(attributes: Attributes, parts: Iterable[int | None]) -> None:
    for name, value in zip(_PARTS.values(), parts, strict=True):
        if value:
            attributes[name] = value


def _add_fees(attributes: Attributes, details: Mapping[str, float]) -> None:
    for name, number in details.items():
        # the others, such as kinds of cached input, serve for the price alone
        if number and name in _FEES:
            attributes[_FEES[name]] = number


def estimate(call: Call, conventions: Iterable[Convention]) -> Attributes:
    """Return the estimated counts that the provider left out, with the source of the estimate."""
    if call.estimate is None or call.estimate.usage is None:
        return {}
    attributes = usage(call.estimate.usage, conventions)
    if call.estimate.not_counted:
        attributes[names.USAGE_NOT_COUNTED] = call.estimate.not_counted
    return attributes


def cost(usd: float | None, source: str | None, unknown: str | None) -> Attributes:
    """Return the cost of a call in US dollars and who stated it, or why it is not known."""
    # one of the two is always there, so that an unknown cost is never taken for none
    if usd is None:
        return {names.COST_UNKNOWN: unknown or ""}
    return {names.COST: usd, names.COST_SOURCE: source or ""}
