"""Token counts as OpenAI's APIs state them; cached tokens are inside the input, reasoning inside the output."""

from __future__ import annotations

from typing import Any

from callspan.dialects.dialect import count, get
from callspan.events import Usage


def usage(stated: Any) -> Usage | None:
    """The counts of a `usage` object, by its old names (prompt, completion) or its new ones (input, output)."""
    if stated is None:
        return None
    sent = (
        get(stated, "prompt_tokens_details")
        or get(stated, "input_tokens_details")
        or get(stated, "input_token_details")
    )
    said = get(stated, "completion_tokens_details") or get(stated, "output_tokens_details")
    found = Usage(
        input=_first(count(stated, "prompt_tokens"), count(stated, "input_tokens")),
        output=_first(count(stated, "completion_tokens"), count(stated, "output_tokens")),
    )
    if sent is not None:
        found.cache_read = count(sent, "cached_tokens")
        found.cache_write = count(sent, "cache_write_tokens")
        found.input_text = count(sent, "text_tokens")
        found.input_audio = count(sent, "audio_tokens")
        found.input_image = count(sent, "image_tokens")
    if said is not None:
        found.reasoning = count(said, "reasoning_tokens")
        found.output_text = count(said, "text_tokens")
        found.output_audio = count(said, "audio_tokens")
        found.output_image = count(said, "image_tokens")
    if found.cache_read is None:
        found.cache_read = count(stated, "prompt_cache_hit_tokens")  # DeepSeek's name for it
    return None if found.input is None and found.output is None else found


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)
