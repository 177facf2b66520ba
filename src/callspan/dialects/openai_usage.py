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
        cache_read=_first(count(sent, "cached_tokens"), count(stated, "prompt_cache_hit_tokens")),
        cache_write=count(sent, "cache_write_tokens"),
        reasoning=count(said, "reasoning_tokens"),
        input_text=count(sent, "text_tokens"),
        input_audio=count(sent, "audio_tokens"),
        input_image=count(sent, "image_tokens"),
        output_text=count(said, "text_tokens"),
        output_audio=count(said, "audio_tokens"),
        output_image=count(said, "image_tokens"),
    )
    return None if found.input is None and found.output is None else found


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)
