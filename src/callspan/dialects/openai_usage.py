"""Token counts as OpenAI's APIs state them; cached tokens are inside the input, reasoning inside the output."""

from __future__ import annotations

from typing import Any

from callspan.dialects.dialect import Body, fields, number
from callspan.events import Usage


def usage(stated: Any) -> Usage | None:
    """The counts of a `usage` object, by its old names (prompt, completion) or its new ones (input, output)."""
    if stated is None:
        return None
    told = fields(stated)
    sent = told.get("prompt_tokens_details") or told.get("input_tokens_details") or told.get("input_token_details")
    said = told.get("completion_tokens_details") or told.get("output_tokens_details")
    found = Usage(
        input=_either(told, "prompt_tokens", "input_tokens"),
        output=_either(told, "completion_tokens", "output_tokens"),
    )
    if sent is not None:
        _count_sent(found, fields(sent))
    if said is not None:
        _count_said(found, fields(said))
    if found.cache_read is None:
        found.cache_read = number(told.get("prompt_cache_hit_tokens"))  # DeepSeek's name for it
    return None if found.input is None and found.output is None else found


def _either(told: Body, name: str, other: str) -> int | None:
    found = number(told.get(name))
    return number(told.get(other)) if found is None else found


def _count_sent(found: Usage, sent: Body) -> None:
    found.cache_read = number(sent.get("cached_tokens"))
    found.cache_write = number(sent.get("cache_write_tokens"))
    found.input_text = number(sent.get("text_tokens"))
    found.input_audio = number(sent.get("audio_tokens"))
    found.input_image = number(sent.get("image_tokens"))


def _count_said(found: Usage, said: Body) -> None:
    found.reasoning = number(said.get("reasoning_tokens"))
    found.output_text = number(said.get("text_tokens"))
    found.output_audio = number(said.get("audio_tokens"))
    found.output_image = number(said.get("image_tokens"))
