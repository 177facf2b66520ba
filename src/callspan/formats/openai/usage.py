"""Token counts as OpenAI's APIs state them, and as the servers do that follow them more or less."""

from __future__ import annotations

from typing import Any

from callspan.events import Usage
from callspan.events.usage import Share
from callspan.formats.fields import Body, all_fields, count
from callspan.formats.openai import billing as billing
from callspan.runtime.number import token_count


def read_usage(stated: Any) -> Usage | None:
    """The counts of a `usage` object, by its old names (prompt, completion) or its new ones (input, output)."""
    if stated is None:
        return None
    told = all_fields(stated)
    sent = (
        told.get("prompt_tokens_details")
        or told.get("input_tokens_details")
        or told.get("input_token_details")
    )
    said = told.get("completion_tokens_details") or told.get("output_tokens_details")
    found = Usage(
        token_count(told.get("prompt_tokens")), token_count(told.get("completion_tokens"))
    )
    if found.input is None:
        found.input = token_count(told.get("input_tokens"))
    if found.output is None:
        found.output = token_count(told.get("output_tokens"))
    if sent is not None:
        _count_sent(found, all_fields(sent))
    if said is not None:
        _count_said(found, all_fields(said))
    if not billing.FIELDS.isdisjoint(told) or (
        sent is not None and not billing.PARTS.isdisjoint(all_fields(sent))
    ):
        billing.add(found, told, all_fields(sent))
    for name, part in _ELSEWHERE.items():
        if name in told and getattr(found, part) is None:
            setattr(found, part, token_count(told[name]))
    _include(found, token_count(told.get("total_tokens")))
    if found.input is None and found.output is None and found.states_nothing:
        return None
    return found


_ELSEWHERE = {
    "prompt_cache_hit_tokens": "cache_read",  # DeepSeek
    "cached_tokens": "cache_read",  # Moonshot, Together
    "cache_read_input_tokens": "cache_read",  # gateways to Anthropic's models
    "cache_creation_input_tokens": "cache_write",
    "reasoning_tokens": "reasoning",  # SGLang, Perplexity
}
"""Names beside the totals, for what OpenAI states in details."""


def _include(found: Usage, total: int | None) -> None:
    """Put into input and output what a server leaves out of them: it can only be told by the numbers.

    The total is more than the sum by what was reasoned (xAI; Gemini, which does not say that it was), or by what was
    cached (Portkey before Anthropic); and a part that is more than its whole stands beside it (Perplexity's research).
    """
    if found.input is None or found.output is None:
        return
    reasoned, cached = found.reasoning or 0, (found.cache_read or 0) + (found.cache_write or 0)
    missing = (total or 0) - found.input - found.output
    if reasoned > found.output or (reasoned and missing in (reasoned, reasoned + cached)):
        found.output += reasoned
        missing -= reasoned
    if cached > found.input or (cached and missing == cached):
        found.input += cached
    elif missing > 0 and not reasoned:
        found.output += missing


def read_shares(breakdown: Any) -> tuple[Share, ...]:
    """Return what each model has used that a system of Groq's asked."""
    found = [(model, read_usage(stated)) for model, stated in billing.models(breakdown)]
    return tuple(Share(model, counts) for model, counts in found if counts is not None)


def read_timings(timings: Any) -> Usage | None:
    """What llama.cpp's server says that it worked on, in the last chunk of a stream that was not asked for usage."""
    said, read, cached = (count(timings, name) for name in ("predicted_n", "prompt_n", "cache_n"))
    if said is None:
        return None
    # older ones do not say how much of the prompt they had already
    sent = None if read is None or cached is None else read + cached
    return Usage(input=sent, output=said, cache_read=cached)


def _count_sent(found: Usage, sent: Body) -> None:
    found.cache_read = token_count(sent.get("cached_tokens"))
    found.cache_write = token_count(sent.get("cache_write_tokens"))
    if found.cache_write is None:
        found.cache_write = token_count(sent.get("cache_creation_tokens"))  # LiteLLM's proxy
    found.input_text = token_count(sent.get("text_tokens"))
    found.input_audio = token_count(sent.get("audio_tokens"))
    found.input_image = token_count(sent.get("image_tokens"))


def _count_said(found: Usage, said: Body) -> None:
    found.reasoning = token_count(said.get("reasoning_tokens"))
    found.output_text = token_count(said.get("text_tokens"))
    found.output_audio = token_count(said.get("audio_tokens"))
    found.output_image = token_count(said.get("image_tokens"))
