"""Token counts of LiteLLM's answers that are the provider's own: LiteLLM counts by itself what a provider leaves out.

A count of a whole answer is kept if it follows from numbers in the provider's text that have names of token counts; a
count of a stream, if it stands in a chunk that LiteLLM keeps.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import combinations, permutations
from typing import Any

from callspan.events import Usage
from callspan.formats.fields import count, get
from callspan.formats.openai.usage import read_usage

_QUOTED = re.compile(r'"(\w+)"\s*:\s*(\d{1,15})')
_BARE = re.compile(r"\b(\w+)=(\d{1,15})")
"""Names of numbers in JSON, and in the description of an object."""
_HEADERS = ("x-amzn-bedrock-input-token-count", "x-amzn-bedrock-output-token-count")
_COST = re.compile(r"\b\w*cost\w*\W{1,3}[\d{]")
"""A cost in what a provider has sent; LiteLLM works one out by itself as well."""
_MOST_NUMBERS = 16
Count = tuple[str, int]
"""A number, and the name that the provider has for it."""
_COUNT = re.compile("token|eval_count")
_SETTING = re.compile("max|min_|budget|limit|per_")
"""Words in the names of settings, which some providers repeat in their answers."""
_PART = re.compile(
    "cach|reason|thought|thinking|audio|image|video|text_|accepted|rejected|citation"
)
_INPUT = re.compile("input|prompt|query")
_OUTPUT = re.compile("output|completion|generat|candidate|(?<!prompt_)eval_count")
_PARTS = {
    "cache_read": re.compile("cach"),
    "cache_write": re.compile("cach"),
    "cache_write_1h": re.compile("cach|_1h_"),
    "reasoning": re.compile("reason|thought|thinking"),
    "input_text": re.compile("text_tokens|^tokencount"),
    "input_audio": re.compile("audio|^tokencount"),
    "input_image": re.compile("image|^tokencount"),
    "output_text": re.compile("text_tokens|^tokencount"),
    "output_audio": re.compile("audio|^tokencount"),
    "output_image": re.compile("image|^tokencount"),
}
"""Counts that are parts of others, and the words in a field's name by which providers state them."""


def of_answer(
    raw: str, headers: Mapping[str, str], usage: Usage | None, litellm_usage: Any
) -> Usage | None:
    """Return the counts of a whole answer that the provider has stated in its text or in headers."""
    if usage is None or not usage.total:
        return None
    stated = [*_stated_counts(raw), *_header_counts(headers)]
    names = [name for name, _ in stated]
    usage.cache_write = _cache_write(litellm_usage)
    if usage.cost is not None and not _COST.search(raw):
        usage.cost = None
    for part, words in _PARTS.items():
        if getattr(usage, part) is not None and not any(map(words.search, names)):
            setattr(usage, part, None)
    usage.input = _total(usage.input, stated, _INPUT, _OUTPUT)
    usage.output = _total(usage.output, stated, _OUTPUT, _INPUT)
    return usage if usage.total else None


def _stated_counts(raw: str) -> Iterator[Count]:
    """Yield the token counts in a provider's text with their names, in lower case; what a model writes is escaped."""
    pattern = _QUOTED if raw.startswith(("{", "[")) else _BARE
    for match in pattern.finditer(raw):
        name = match[1].lower()
        if raw[match.start() - 1] != "\\" and _COUNT.search(name) and not _SETTING.search(name):
            yield name, int(match[2])


def _header_counts(headers: Mapping[str, str]) -> Iterator[Count]:
    for name in _HEADERS:
        value = headers.get(name) or ""
        if value.isdecimal():
            yield name, int(value)


def _total(
    count: int | None, stated: list[Count], side: re.Pattern[str], other: re.Pattern[str]
) -> int | None:
    """Return LiteLLM's count of a side if the provider's numbers make it, else the one number that is stated for it."""
    totals = [(name, value) for name, value in stated if not _PART.search(name)]
    own = {value for name, value in totals if side.search(name)}
    of_both = any(not side.search(name) and not other.search(name) for name, _ in totals)
    if not own and not of_both:
        return None
    if count is None or _follows(count, [value for _, value in stated[:_MOST_NUMBERS]]):
        return count
    return own.pop() if len(own) == 1 else None


def _follows(count: int, numbers: list[int]) -> bool:
    """Whether a count is one of the numbers, the sum of some or the difference of two: providers divide otherwise."""
    if count in numbers:
        return True
    sums = (sum(group) for size in (2, 3) for group in combinations(numbers, size))
    differences = (larger - smaller for larger, smaller in permutations(numbers, 2))
    return count in sums or count in differences


def _cache_write(litellm_usage: Any) -> int | None:
    """Return the tokens written to a cache, by LiteLLM's names."""
    detail = count(litellm_usage, "prompt_tokens_details", "cache_creation_tokens")
    return count(litellm_usage, "cache_creation_input_tokens") if detail is None else detail


def of_stream(stream: Any, usage: Usage | None) -> Usage | None:
    """Return the counts in the chunks that a stream keeps, or those given if it keeps none."""
    kept = getattr(stream, "chunks", None) or getattr(
        getattr(stream, "completion_stream", None), "chunks", None
    )
    if kept is None:
        return usage
    total = Usage()
    for litellm_usage in filter(None, (get(chunk, "usage") for chunk in list(kept))):
        newer = read_usage(litellm_usage)
        if newer is not None:
            newer.cache_write = _cache_write(litellm_usage)
            total.update(newer)
    return _without_zeros(total) if total.total else None


def _without_zeros(usage: Usage) -> Usage:
    """Take out the zeros that LiteLLM writes for what nobody has stated, and its own remainder for some providers."""
    for part in ("input", *_PARTS):
        setattr(usage, part, getattr(usage, part) or None)
    usage.input_text = usage.output_text = None
    return usage
