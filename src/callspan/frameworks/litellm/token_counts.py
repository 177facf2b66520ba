"""Token counts that are the provider's own: LiteLLM counts itself where a provider states none.

A count of a whole answer is kept if it follows from numbers in the provider's text that have names
of token counts; a count of a stream, if it stands in a chunk that LiteLLM keeps.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import combinations, permutations
from typing import Any

from callspan.events import Usage
from callspan.formats.fields import count, get
from callspan.formats.usage import read_usage

_QUOTED = re.compile(r'"(\w+)"\s*:\s*(\d{1,15})')
_BARE = re.compile(r"\b(\w+)=(\d{1,15})")
"""Names of numbers in JSON, and in the description of an object."""
_HEADERS = ("x-amzn-bedrock-input-token-count", "x-amzn-bedrock-output-token-count")
_COST = re.compile(r"\b\w*cost\w*\W{1,3}[\d{]")
"""A cost in a provider's text; LiteLLM works one out by itself as well."""
_MOST_NUMBERS = 16
"""Numbers that are combined to make a count; a provider's answer has fewer."""
Count = tuple[str, int]
"""The provider's name of a number, and the number."""
Item = Any
"""A stream or a usage object of LiteLLM's, or a dict in place of one."""
# the second is Ollama's
_COUNT = re.compile("token|eval_count")
_SETTING = re.compile("max|min_|budget|limit|per_")
"""Words in the names of settings, which some providers repeat in their answers."""
_PART = re.compile(
    "cach|reason|thought|thinking|audio|image|video|text_|accepted|rejected|citation"
)
_INPUT = re.compile("input|prompt|query")
# Ollama's `prompt_eval_count` is input, its `eval_count` output
_OUTPUT = re.compile("output|completion|generat|candidate|(?<!prompt_)eval_count")
_PARTS = {
    "cache_read": re.compile("cach"),
    "cache_write": re.compile("cach"),
    "cache_write_1h": re.compile("cach|_1h_"),
    "reasoning": re.compile("reason|thought|thinking"),
    # Gemini's details have `tokenCount` beside a modality
    "input_text": re.compile("text_tokens|^tokencount"),
    "input_audio": re.compile("audio|^tokencount"),
    "input_image": re.compile("image|^tokencount"),
    "output_text": re.compile("text_tokens|^tokencount"),
    "output_audio": re.compile("audio|^tokencount"),
    "output_image": re.compile("image|^tokencount"),
}
"""Counts that are parts of others, with the words in a provider's name for them."""


def of_answer(
    raw: str, headers: Mapping[str, str], usage: Usage | None, litellm_usage: Item
) -> Usage | None:
    """Return the counts of a whole answer that the provider has stated.

    Args:
        raw: The answer as the provider wrote it.
        headers: The headers of its response.
        usage: The counts in LiteLLM's answer. They are changed.
        litellm_usage: LiteLLM's object of them.
    """
    # LiteLLM writes zeros where it has counted nothing
    if usage is None or not usage.total:
        return None
    counts = [*_counts_in_text(raw), *_counts_in_headers(headers)]
    # by LiteLLM's own name, which OpenAI's format does not have
    usage.cache_write = _cache_write(litellm_usage)
    if usage.cost is not None and not _COST.search(raw):
        usage.cost = None
    _remove_unnamed_parts(usage, counts)
    usage.input = _provider_total(usage.input, counts, _INPUT, _OUTPUT)
    usage.output = _provider_total(usage.output, counts, _OUTPUT, _INPUT)
    return usage if usage.total else None


def _remove_unnamed_parts(usage: Usage, counts: list[Count]) -> None:
    """Remove the parts for which the provider has no name: LiteLLM has worked them out."""
    names = [name for name, _ in counts]
    for part, words in _PARTS.items():
        if getattr(usage, part) is None:
            continue
        has_name = any(map(words.search, names))
        if not has_name:
            setattr(usage, part, None)


def _counts_in_text(raw: str) -> Iterator[Count]:
    """Yield the token counts in a provider's text with their names in lower case."""
    pattern = _QUOTED if raw.startswith(("{", "[")) else _BARE
    for match in pattern.finditer(raw):
        # a model may write about tokens: quotes in its text are escaped
        if raw[match.start() - 1] == "\\":
            continue
        name = match[1].lower()
        if _COUNT.search(name) and not _SETTING.search(name):
            yield name, int(match[2])


def _counts_in_headers(headers: Mapping[str, str]) -> Iterator[Count]:
    for name in _HEADERS:
        value = headers.get(name) or ""
        if value.isdecimal():
            yield name, int(value)


def _provider_total(
    litellm_count: int | None,
    counts: list[Count],
    side: re.Pattern[str],
    other_side: re.Pattern[str],
) -> int | None:
    """Return the tokens of a side, input or output.

    That is LiteLLM's count if the provider's numbers make it, else the one number that the
    provider states for the side.
    """
    totals = [(name, value) for name, value in counts if not _PART.search(name)]
    own = {value for name, value in totals if side.search(name)}
    # such as a total of both sides
    has_common = any(not other_side.search(name) for name, _ in totals)
    if not own and not has_common:
        return None
    if _follows_from(litellm_count, counts):
        return litellm_count
    return own.pop() if len(own) == 1 else None


def _follows_from(litellm_count: int | None, counts: list[Count]) -> bool:
    """Whether the provider's numbers make a count of LiteLLM's; one that it has not is right."""
    if litellm_count is None:
        return True
    # the combinations of many numbers would make any count: 16 have 680 sums of two or three
    numbers = [value for _, value in counts[:_MOST_NUMBERS]]
    return _follows(litellm_count, numbers)


def _follows(count: int, numbers: list[int]) -> bool:
    """Whether a count is one of the numbers, a sum of two or three, or a difference of two.

    Providers divide their counts in other ways than LiteLLM: with or without cached tokens or
    reasoning in a total.
    """
    if count in numbers:
        return True
    # as Anthropic's input is uncached, read from the cache and written to it
    for size in (2, 3):
        for group in combinations(numbers, size):
            if sum(group) == count:
                return True
    return any(larger - smaller == count for larger, smaller in permutations(numbers, 2))


def _cache_write(litellm_usage: Item) -> int | None:
    """Return the tokens written to a cache, by LiteLLM's names."""
    detail = count(litellm_usage, "prompt_tokens_details", "cache_creation_tokens")
    if detail is not None:
        return detail
    return count(litellm_usage, "cache_creation_input_tokens")


def of_stream(stream: Item, usage: Usage | None) -> Usage | None:
    """Return the counts in the chunks that a stream keeps, or `usage` if it keeps none.

    LiteLLM keeps the chunks on its stream, or on the stream inside for some providers.
    """
    chunks = getattr(stream, "chunks", None)
    if not chunks:
        inner = getattr(stream, "completion_stream", None)
        chunks = getattr(inner, "chunks", None)
    if chunks is None:
        return usage
    total = Usage()
    # a copy, for another thread may be reading the stream
    for chunk in list(chunks):
        litellm_usage = get(chunk, "usage")
        if not litellm_usage:
            continue
        newer = read_usage(litellm_usage)
        if newer is not None:
            newer.cache_write = _cache_write(litellm_usage)
            # a later chunk states a count anew, and leaves out others
            total.update(newer)
    return _without_zeros(total) if total.total else None


def _without_zeros(usage: Usage) -> Usage:
    """Remove zeros, which LiteLLM writes for counts that nobody has stated.

    Its text counts go too: for some providers they are a remainder that LiteLLM works out.
    """
    for part in ("input", *_PARTS):
        setattr(usage, part, getattr(usage, part) or None)
    usage.input_text = usage.output_text = None
    return usage
