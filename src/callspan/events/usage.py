"""Token counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields


def add_counts(*counts: int | None) -> int:
    """Return the sum of counts; those that nobody states add nothing."""
    total = 0
    for count in counts:
        if count is not None:
            total += count
    return total


@dataclass(slots=True, repr=False)
class Usage:
    """Token counts of one answer; `None` where the provider stated none, never 0 for unknown.

    Attributes:
        input: Input tokens, with those read from or written to a cache, for every provider.
        output: Output tokens, with reasoning, for every provider.
        cache_read: The part of the input that was read from a cache.
        cache_write: The part of the input that was written to a cache.
        cache_write_1h: The part of `cache_write` that is kept for an hour, which costs more.
        reasoning: The part of the output that is reasoning.
        input_text: The part of the input that is text; `input_audio`, `input_image` and the
            three of the output are such parts too.
        uncached: For providers that state the input without its cached parts; `input` is the sum.
        prompt: For providers that state the prompt without the input of their own tools.
        tool_input: That input of tools; `input` is the sum of both.
        answer: For providers that state the output without its reasoning; `output` is the sum.
        source: Who counted: `provider`; `requested` if the provider counted because callspan
            requested it; in an estimate `tiktoken`, or `heuristic` for a quarter of the bytes.
        billed: For providers that charge for other counts than the model's.
        details: Counts that few answers state, by the names in `DETAILS`.
        shares: The parts of an answer that was sampled in several requests; their sum is the
            whole.
        cost: The cost that the provider states, in US dollars.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    reasoning: int | None = None
    input_text: int | None = None
    input_audio: int | None = None
    input_image: int | None = None
    output_text: int | None = None
    output_audio: int | None = None
    output_image: int | None = None
    uncached: int | None = None
    prompt: int | None = None
    tool_input: int | None = None
    answer: int | None = None
    source: str = "provider"
    billed: Usage | None = None
    details: Mapping[str, float] | None = None
    shares: tuple[Share, ...] = ()
    cost: float | None = None

    def __post_init__(self) -> None:
        self._add_up()

    def __repr__(self) -> str:
        """Return the counts that are known, as one would write them."""
        counts: list[str] = []
        for field in fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                counts.append(f"{field.name}={value!r}")
        return f"Usage({', '.join(counts)})"

    def _add_up(self) -> None:
        """Work out the totals of providers that state their parts."""
        if self.uncached is not None:
            # Anthropic, and Bedrock's Converse
            self.input = add_counts(self.uncached, self.cache_read, self.cache_write)
        elif self.prompt is not None or self.tool_input is not None:
            # Gemini, which counts what its own tools put in beside the prompt
            self.input = add_counts(self.prompt, self.tool_input)
        if self.answer is not None:
            # Gemini, which counts thoughts beside the answer
            self.output = add_counts(self.answer, self.reasoning)

    @property
    def total(self) -> int | None:
        """Input and output tokens together; `None` if the provider stated neither."""
        if self.input is None and self.output is None:
            return None
        return add_counts(self.input, self.output)

    @property
    def states_nothing(self) -> bool:
        """Whether there is no count at all, not even of a part.

        An event of a stream may state one part alone.
        """
        if self.details or self.cost is not None:
            return False
        return all(getattr(self, name) is None for name in _COUNTS)

    @property
    def has_units(self) -> bool:
        """Whether there is an amount that may be billed in place of tokens, such as seconds."""
        return self.details is not None and any(name in self.details for name in UNITS)

    @property
    def charged(self) -> Usage:
        """The counts that the provider charges for."""
        return self.billed or self

    def update(self, newer: Usage) -> None:
        """Take over the counts of a later event; providers repeat running totals.

        A zero takes nothing back: totals only grow, and some servers write it for counts that they
        do not repeat.
        """
        # never added: what comes later is a running total, which has the earlier counts in it
        self._take_counts(newer)
        if newer.billed is not None:
            if self.billed is not None:
                self.billed.update(newer.billed)
            else:
                self.billed = newer.billed
        if newer.shares:
            self.shares = newer.shares
        if newer.cost is not None:
            self.cost = newer.cost
        if newer.details:
            self.details = _merge(self.details, newer.details)
        # parts of one sum may come in different events (docs/decisions/0043)
        self._add_up()

    def _take_counts(self, newer: Usage) -> None:
        for name in _COUNTS:
            value = getattr(newer, name)
            if value is None:
                continue
            if value or getattr(self, name) is None:
                setattr(self, name, value)

    def fill(self, other: Usage) -> None:
        """Take over the counts that are missing here."""
        # no sum is made anew: a platform states wholes, and a whole that is there must not change
        for name in _COUNTS:
            if getattr(self, name) is None:
                setattr(self, name, getattr(other, name))
        if self.cost is None:
            self.cost = other.cost

    def with_estimate(self, estimate: Usage) -> Usage:
        """Return the input and output tokens, with estimated ones in place of those missing."""
        tokens = Usage(input=self.input, output=self.output)
        tokens.fill(estimate)
        return tokens

    def tokens_beyond(self, provider_usage: Usage) -> tuple[int, int]:
        """Return the input and output tokens of an estimate beyond those that a provider stated."""
        # never less than 0: a provider may state more than was estimated
        return (
            max(0, (self.input or 0) - (provider_usage.input or 0)),
            max(0, (self.output or 0) - (provider_usage.output or 0)),
        )


@dataclass(frozen=True, slots=True)
class Share:
    """The counts of one request that a provider made for an answer.

    Attributes:
        model: The model of that request; `None` if it was the call's own.
        usage: The counts.
    """

    model: str | None
    usage: Usage


CACHED = ("cache_read_text", "cache_read_audio", "cache_read_image", "cache_read_video")
"""Parts of `cache_read`, by the kind of input that was cached."""
TOOL_USES = (
    "web_searches",
    "web_fetches",
    "social_searches",
    "storage_searches",
    "search_sources",
    "map_searches",
    "rerank_searches",
    "code_executions",
    "image_generations",
    "other_tools",
)
"""Uses of tools that run at the provider; some have a fee beside the tokens."""
UNITS = ("audio_seconds", "input_characters")
"""Amounts by which some models are billed in place of tokens: the length of the sound that a
model has heard in seconds, as the provider states it, and the characters that it has spoken."""
DETAILS = (
    *CACHED,
    *TOOL_USES,
    *UNITS,
    "input_video",
    "output_video",
    "citations",
    "cache_write_other",
    "upstream_requests",
)
"""Counts that few answers state."""


def _merge(older: Mapping[str, float] | None, newer: Mapping[str, float]) -> Mapping[str, float]:
    """Return both, with the newer count unless it is a zero where the older one is not."""
    if older is None:
        return dict(newer)
    result = dict(older)
    for name, number in newer.items():
        if number or name not in older:
            result[name] = number
    return result


# each of these is merged in a way of its own
_NOT_COUNTS = ("source", "billed", "details", "shares", "cost")
_COUNTS = tuple(field.name for field in fields(Usage) if field.name not in _NOT_COUNTS)
