"""Gemini's token counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callspan.events import Conditions, Usage
from callspan.events.usage import DETAILS
from callspan.formats.fields import Item, count, get, items, text

_MODALITIES = {"TEXT": "text", "AUDIO": "audio", "IMAGE": "image", "VIDEO": "video"}
_SIDES = {
    "promptTokensDetails": "input",
    # added to those of the prompt, as `tool_input` is to `prompt`
    "toolUsePromptTokensDetails": "input",
    "candidatesTokensDetails": "output",
    # of live sessions
    "responseTokensDetails": "output",
    "cacheTokensDetails": "cache_read",
}
_TRAFFIC = {
    "ON_DEMAND_PRIORITY": "priority",
    "ON_DEMAND_FLEX": "flex",
    "ON_DEMAND_OFFPEAK": "offpeak",
    "PROVISIONED_THROUGHPUT": "provisioned_throughput",
}
"""Vertex's names of the Gemini API's service tiers; any other is the list price."""


def read_usage(source: Item) -> Usage | None:
    """Return the counts; thoughts stand beside the candidates, tools' input beside the prompt."""
    if source is None:
        return None
    counts = read_modalities(source, _SIDES, "tokenCount")
    details = take_details(counts)
    usage = Usage(
        # with what was cached, unlike Anthropic's input
        prompt=count(source, "promptTokenCount"),
        tool_input=count(source, "toolUsePromptTokenCount"),
        answer=_answer(source),
        cache_read=count(source, "cachedContentTokenCount"),
        reasoning=count(source, "thoughtsTokenCount"),
        details=details or None,
        **counts,
    )
    return None if usage.states_nothing else usage


def _answer(source: Item) -> int | None:
    """Return the count of the candidates; 0 if there are thoughts alone, which are output too."""
    candidates = count(source, "candidatesTokenCount")
    if candidates is None:
        # the name in live sessions
        candidates = count(source, "responseTokenCount")
    if candidates is None and count(source, "thoughtsTokenCount") is not None:
        return 0
    return candidates


def read_modalities(source: Item, sides: Mapping[str, str], field: str) -> dict[str, Any]:
    """Return the counts of text, sound and images, by the names of `Usage`.

    Args:
        source: The object with the counts.
        sides: The fields that are lists of counts by modality, with the count that each divides.
        field: The field that has the number, in an item of a list.
    """
    counts: dict[str, int] = {}
    for name, side in sides.items():
        for item in items(get(source, name)):
            modality = _MODALITIES.get(str(get(item, "modality")).upper())
            tokens = count(item, field)
            # a kind without a name here, such as DOCUMENT, stays in the whole alone
            if modality is None or tokens is None:
                continue
            key = f"{side}_{modality}"
            counts[key] = counts.get(key, 0) + tokens
    return counts


def take_details(counts: dict[str, Any]) -> dict[str, int]:
    """Remove the rare counts from the others and return them, for `Usage.details`."""
    details: dict[str, int] = {}
    for name in DETAILS:
        # the counts of `Usage` itself stay, as they are its arguments
        if name in counts:
            details[name] = counts.pop(name)
    return details


def read_tier(usage: Item) -> Conditions:
    """Return the service tier by which the counts are billed, if it is stated."""
    tier = text(get(usage, "serviceTier"))
    if tier is None:
        tier = _TRAFFIC.get(str(get(usage, "trafficType")).upper())
    return {"service_tier": tier} if tier else {}
