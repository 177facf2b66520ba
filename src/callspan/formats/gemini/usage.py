"""Gemini's token counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callspan.events import Usage
from callspan.events.usage import DETAILS
from callspan.formats.fields import count, get, items, text

_MODALITIES = {"TEXT": "text", "AUDIO": "audio", "IMAGE": "image", "VIDEO": "video"}
_DETAILS = {
    "promptTokensDetails": "input",
    "toolUsePromptTokensDetails": "input",
    "candidatesTokensDetails": "output",
    "cacheTokensDetails": "cache_read",
}
_TRAFFIC = {
    "ON_DEMAND_PRIORITY": "priority",
    "ON_DEMAND_FLEX": "flex",
    "ON_DEMAND_OFFPEAK": "offpeak",
    "PROVISIONED_THROUGHPUT": "provisioned_throughput",
}
"""Vertex's words for what the Gemini API calls service tiers; any other is the list price."""


def read_usage(stated: Any) -> Usage | None:
    """The counts as they are stated: thoughts stand beside the candidates, and what a tool put in beside the prompt."""
    if stated is None:
        return None
    parts = read_modalities(stated, _DETAILS, "tokenCount")
    found = Usage(
        prompt=count(stated, "promptTokenCount"),
        tool_input=count(stated, "toolUsePromptTokenCount"),
        answer=_answer(stated),
        cache_read=count(stated, "cachedContentTokenCount"),
        reasoning=count(stated, "thoughtsTokenCount"),
        details={name: parts.pop(name) for name in DETAILS if name in parts} or None,
        **parts,
    )
    return None if found.states_nothing else found


def _answer(stated: Any) -> int | None:
    """Return the count of what was said; 0 while there are thoughts alone, so that these are output as well."""
    said, thought = count(stated, "candidatesTokenCount"), count(stated, "thoughtsTokenCount")
    return 0 if said is None and thought is not None else said


def read_modalities(stated: Any, lists: Mapping[str, str], number: str) -> dict[str, Any]:
    """Return the counts of text, sound and images, of each side or of what was cached, which stand in lists."""
    found: dict[str, int] = {}
    for name, side in lists.items():
        for detail in items(get(stated, name)):
            kind, tokens = (
                _MODALITIES.get(str(get(detail, "modality")).upper()),
                count(detail, number),
            )
            if kind is not None and tokens is not None:
                found[f"{side}_{kind}"] = found.get(f"{side}_{kind}", 0) + tokens
    return found


def read_tier(stated: Any) -> dict[str, Any]:
    """Return the service tier that the counts are billed by, if they say so."""
    found = text(get(stated, "serviceTier")) or _TRAFFIC.get(
        str(get(stated, "trafficType")).upper()
    )
    return {"service_tier": found} if found else {}
