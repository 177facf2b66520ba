"""Token counts as OpenAI's APIs state them, and as the servers do that follow them more or less."""

from __future__ import annotations

from typing import Any

from callspan.events import Usage
from callspan.events.usage import Share, add_counts
from callspan.formats import billing
from callspan.formats.fields import Body, Item, all_fields, count
from callspan.runtime.number import MOST_TOKENS, real, token_count

_TOP_LEVEL = {
    "prompt_cache_hit_tokens": "cache_read",  # DeepSeek
    "cached_tokens": "cache_read",  # Moonshot, Together
    "cache_read_input_tokens": "cache_read",  # gateways to Anthropic's models
    "cache_creation_input_tokens": "cache_write",
    "reasoning_tokens": "reasoning",  # SGLang, Perplexity
}
"""Names beside the totals, for what OpenAI states in details."""
_INPUT_DETAILS = (
    "prompt_tokens_details",
    "input_tokens_details",
    "input_token_details",  # transcriptions and sessions of OpenAI's, without the `s` of responses
    "prompt_token_details",  # Writer
)
_OUTPUT_DETAILS = (
    "completion_tokens_details",
    "output_tokens_details",
    "output_token_details",  # sessions of OpenAI's
)
_CACHE_READ = ("cached_tokens", "cache_read_input_tokens")
_CACHE_WRITE = (
    "cache_write_tokens",
    "cache_creation_tokens",  # LiteLLM's proxy
    "cache_creation_input_tokens",
)
"""Names in the details of the input; the last of both are those of Perplexity's agents."""


def read_usage(source: Item) -> Usage | None:
    """Return the counts of a `usage` object; `None` if it states none.

    It may have the names of chat (prompt, completion) or those of responses (input, output).
    """
    if source is None:
        return None
    counts = all_fields(source)  # at once, as most of the fields are looked for
    usage = Usage(
        token_count(counts.get("prompt_tokens")), token_count(counts.get("completion_tokens"))
    )
    # responses, images and transcriptions
    if usage.input is None:
        usage.input = token_count(counts.get("input_tokens"))
    if usage.output is None:
        usage.output = token_count(counts.get("output_tokens"))
    _add_details(usage, counts)
    if not _TOP_LEVEL.keys().isdisjoint(counts):
        _add_top_level(usage, counts)
    # last, as it compares the parts with the total (tests/test_compatible_servers.py)
    _include_parts(usage, token_count(counts.get("total_tokens")))
    if usage.input is None and usage.output is None and usage.states_nothing:
        return None
    return usage


def with_sound(usage: Usage | None, seconds: object) -> Usage | None:
    """Return counts with the length of the sound that a provider states, if it states any.

    Args:
        usage: The counts, which are changed; `None` if there are none.
        seconds: The length, which older servers write as a text.
    """
    length = _seconds(seconds)
    if not length or not 0 < length <= MOST_TOKENS:
        return usage
    if usage is None:
        usage = Usage()
    usage.details = {**(usage.details or {}), "audio_seconds": length}
    return usage


def _seconds(value: object) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    return real(value)


def _add_top_level(usage: Usage, counts: Body) -> None:
    for name, part in _TOP_LEVEL.items():
        if name in counts and getattr(usage, part) is None:
            setattr(usage, part, token_count(counts[name]))


def _add_details(usage: Usage, counts: Body) -> None:
    input_details = _first_details(counts, _INPUT_DETAILS)
    output_details = _first_details(counts, _OUTPUT_DETAILS)
    input_parts: Body = {}
    if input_details is not None:
        input_parts = all_fields(input_details)
        _add_input_parts(usage, input_parts)
    if output_details is not None:
        _add_output_parts(usage, all_fields(output_details))
    # Few servers have any of these, so most answers are spared the look at each.
    if billing.FIELDS.isdisjoint(counts) and billing.PARTS.isdisjoint(input_parts):
        return
    billing.add(usage, counts, input_parts)


def _first_details(counts: Body, names: tuple[str, ...]) -> Item:
    for name in names:
        details = counts.get(name)
        if details:
            return details
    return None


def _add_input_parts(usage: Usage, parts: Body) -> None:
    usage.cache_read = _first_count(parts, _CACHE_READ)
    usage.cache_write = _first_count(parts, _CACHE_WRITE)
    usage.input_text = token_count(parts.get("text_tokens"))
    usage.input_audio = token_count(parts.get("audio_tokens"))
    usage.input_image = token_count(parts.get("image_tokens"))


def _first_count(counts: Body, names: tuple[str, ...]) -> int | None:
    for name in names:
        tokens = token_count(counts.get(name))
        if tokens is not None:
            return tokens
    return None


def _add_output_parts(usage: Usage, parts: Body) -> None:
    usage.reasoning = token_count(parts.get("reasoning_tokens"))
    usage.output_text = token_count(parts.get("text_tokens"))
    usage.output_audio = token_count(parts.get("audio_tokens"))
    usage.output_image = token_count(parts.get("image_tokens"))


def _include_parts(usage: Usage, total: int | None) -> None:
    """Add to input and output the parts that a server leaves out of them, as the numbers show.

    No server says whether its parts are in its wholes, and the same server may differ by model.
    """
    if usage.input is None or usage.output is None:
        return
    reasoning = usage.reasoning or 0
    cached = add_counts(usage.cache_read, usage.cache_write)
    missing = (total or 0) - usage.input - usage.output
    if (reasoning, cached, missing) == (0, 0, 0):  # most answers
        return
    usage.input, usage.output = _wholes(usage.input, usage.output, reasoning, cached, missing)


def _wholes(
    input_tokens: int, output_tokens: int, reasoning: int, cached: int, missing: int
) -> tuple[int, int]:
    """Return input and output with the parts that stand beside them.

    The total is more than the sum by the reasoning (xAI; Gemini, which does not state reasoning),
    or by the cached tokens (Portkey before Anthropic): by so many tokens the sum is too low
    (`missing`). A part that is more than its whole stands beside it (Perplexity's research).
    """
    # the reasoning comes first: if both are missing, what is left must be what was cached
    if reasoning > output_tokens or missing in (reasoning, reasoning + cached):
        output_tokens += reasoning
        missing -= reasoning
    is_cached_missing = cached > 0 and missing == cached
    if cached > input_tokens or is_cached_missing:
        input_tokens += cached
    # Gemini's endpoint for OpenAI's clients: thoughts are in the total alone
    elif missing > 0 and not reasoning:
        output_tokens += missing
    return input_tokens, output_tokens


def read_shares(breakdown: Item) -> tuple[Share, ...]:
    """Return the counts of each model that a system of Groq's asked."""
    shares: list[Share] = []
    for model, source in billing.models(breakdown):
        usage = read_usage(source)
        if usage is not None:
            shares.append(Share(model, usage))
    return tuple(shares)


def read_timings(timings: Any) -> Usage | None:
    """Return the counts of llama.cpp's server, in the last chunk of a stream without usage."""
    predicted = count(timings, "predicted_n")
    if predicted is None:
        return None
    evaluated = count(timings, "prompt_n")
    cached = count(timings, "cache_n")
    usage = Usage(output=predicted, cache_read=cached)
    # Older servers do not state how much of the prompt they had already in their cache.
    if evaluated is not None and cached is not None:
        usage.input = evaluated + cached
    return usage
