"""Gemini's token counts."""

from __future__ import annotations

from typing import Any

from callspan.dialects.dialect import count, get, items
from callspan.events import Usage

_MODALITIES = {"TEXT": "text", "AUDIO": "audio", "IMAGE": "image"}
_DETAILS = {
    "promptTokensDetails": "input",
    "toolUsePromptTokensDetails": "input",
    "candidatesTokensDetails": "output",
}


def usage(stated: Any) -> Usage | None:
    """The counts as they are stated: thoughts stand beside the candidates, and what a tool put in beside the prompt."""
    prompt, tools = count(stated, "promptTokenCount"), count(stated, "toolUsePromptTokenCount")
    said, thought = count(stated, "candidatesTokenCount"), count(stated, "thoughtsTokenCount")
    if prompt is tools is said is thought is None:
        return None
    return Usage(
        input=_sum(prompt, tools),
        output=_sum(said, thought),
        cache_read=count(stated, "cachedContentTokenCount"),
        reasoning=thought,
        **_by_modality(stated),
    )


def _sum(*counts: int | None) -> int | None:
    known = [number for number in counts if number is not None]
    return sum(known) if known else None


def _by_modality(stated: Any) -> dict[str, Any]:
    found: dict[str, int] = {}
    for field, side in _DETAILS.items():
        for detail in items(get(stated, field)):
            kind, number = _MODALITIES.get(str(get(detail, "modality"))), count(detail, "tokenCount")
            if kind is not None and number is not None:
                found[f"{side}_{kind}"] = found.get(f"{side}_{kind}", 0) + number
    return found
