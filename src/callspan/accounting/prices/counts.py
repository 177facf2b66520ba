"""The counts of an answer by the names that genai-prices has for them."""

from __future__ import annotations

from collections.abc import Iterator

from callspan.events import Usage
from callspan.events.usage import DETAILS, UNITS

_FIELDS = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "cache_write_1h": "cache_write_1h_tokens",
    "reasoning": "output_reasoning_tokens",
    "input_text": "input_text_tokens",
    "input_audio": "input_audio_tokens",
    "input_image": "input_image_tokens",
    "output_text": "output_text_tokens",
    "output_audio": "output_audio_tokens",
    "output_image": "output_image_tokens",
}
_DETAILS = {
    "cache_read_text": "cache_text_read_tokens",
    "cache_read_audio": "cache_audio_read_tokens",
    "cache_read_image": "cache_image_read_tokens",
    "cache_read_video": "cache_video_read_tokens",
    "input_video": "input_video_tokens",
    "output_video": "output_video_tokens",
    "citations": "output_citation_tokens",
}
"""Details that have other names there; the rest, such as `web_searches`, have the same."""
NAMES = (*_FIELDS.values(), *_DETAILS.values(), *DETAILS, "cache_write_5m_tokens")
"""All names that counts may have here."""
_MODALITIES = ("text", "audio", "image", "video")

Counts = dict[str, float]
"""Counts by genai-prices' names."""


def counts(usage: Usage) -> list[Counts]:
    """Return the counts; two versions where nobody stated of which kind the cached input was.

    They have the least and the most sound, image or text that can have been cached. Only a cost
    that is the same for both is known.
    """
    amounts = _provider_counts(usage)
    missing = [kind for kind in _MODALITIES if _is_missing(amounts, kind)]
    if not missing:
        return [amounts]
    least = {**amounts, **dict(_guess(amounts, missing, least=True))}
    most = {**amounts, **dict(_guess(amounts, missing, least=False))}
    return [least, most]


def _provider_counts(usage: Usage) -> Counts:
    """Return the counts that the provider stated."""
    amounts: Counts = {}
    for name, key in _FIELDS.items():
        number = getattr(usage, name)
        if number is not None:
            amounts[key] = number
    for name, number in (usage.details or {}).items():
        # what is billed by tokens is not billed by the second as well
        if name in UNITS and usage.input is not None:
            continue
        amounts[_DETAILS.get(name, name)] = number
    citations = amounts.get("output_citation_tokens")
    if citations is not None:
        # providers state them beside the output; for genai-prices they are a part of it
        amounts["output_tokens"] = amounts.get("output_tokens", 0) + citations
    if usage.cache_write_1h is not None and usage.cache_write is not None:
        # genai-prices has a count for each lifetime; what has no other one lives for five minutes
        others = usage.cache_write_1h + amounts.get("cache_write_other", 0)
        amounts["cache_write_5m_tokens"] = max(0, usage.cache_write - others)
    return amounts


def _is_missing(amounts: Counts, kind: str) -> bool:
    """Whether input of this kind may have been cached, and nobody stated how much of it."""
    if f"cache_{kind}_read_tokens" in amounts or not amounts.get("cache_read_tokens"):
        return False
    # of a kind that is not in the input nothing can have been cached
    return amounts.get(f"input_{kind}_tokens", 0) != 0


def _guess(amounts: Counts, missing: list[str], least: bool) -> Iterator[tuple[str, float]]:
    """Yield a possible count of cached tokens for each kind.

    The first kind has the least, or the most, that is possible; the kinds behind it have the rest,
    so that all the cached input is of some kind.
    """
    room, others = _undivided(amounts)
    for kind in missing:
        amount = amounts[f"input_{kind}_tokens"]
        others -= amount
        cached = room
        # what the rest of the input cannot hold must be of this kind
        if least:
            cached -= max(0, others)
        cached = max(0, min(cached, amount))
        room -= cached
        yield f"cache_{kind}_read_tokens", cached


def _undivided(amounts: Counts) -> tuple[float, float]:
    """Return the cached input of which no kind is stated, and the input that may contain it."""
    room = amounts["cache_read_tokens"]
    whole = amounts.get("input_tokens", 0)
    for kind in _MODALITIES:
        cached = amounts.get(f"cache_{kind}_read_tokens")
        if cached is not None:
            room -= cached
            whole -= max(cached, amounts.get(f"input_{kind}_tokens", 0))
    return max(0, room), whole
