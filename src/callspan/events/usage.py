"""Token counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields


@dataclass(slots=True)
class Usage:
    """Token counts of one answer; `None` where nobody said, never 0 for unknown.

    `input` includes what was read from or written to a cache, `output` includes reasoning, for every provider.
    `source` names who counted: `provider`, or `requested` when the provider counted because callspan asked it to;
    in an estimate `tiktoken`, or `heuristic` for a quarter of the bytes.
    `cache_write_1h` is the part of `cache_write` that is kept for an hour, which costs more.
    `uncached` is for providers that state the rest of the input without its cached parts; `input` follows from it.
    `prompt` and `tool_input` are for providers that state what their own tools put in beside the prompt, `answer` for
    those that state the output without its reasoning; `input` and `output` follow from them.
    `billed` is for providers that charge for other counts than the model's.
    `details` has counts that few answers state, by the names in `DETAILS`.
    `shares` has the parts of an answer that were sampled in requests of their own; their sum is the whole.
    `cost` is what the provider says that the call cost, in US dollars.
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
    details: Mapping[str, int] | None = None
    shares: tuple[Share, ...] = ()
    cost: float | None = None

    def __post_init__(self) -> None:
        self._add_up()

    def _add_up(self) -> None:
        if self.uncached is not None:
            self.input = self.uncached + (self.cache_read or 0) + (self.cache_write or 0)
        elif self.prompt is not None or self.tool_input is not None:
            self.input = (self.prompt or 0) + (self.tool_input or 0)
        if self.answer is not None:
            self.output = self.answer + (self.reasoning or 0)

    @property
    def total(self) -> int | None:
        """Input and output tokens together; `None` when neither is known."""
        if self.input is None and self.output is None:
            return None
        return (self.input or 0) + (self.output or 0)

    @property
    def states_nothing(self) -> bool:
        """Whether there is no count at all, not even of a part; an event of a stream may state a part alone."""
        return (
            not self.details
            and self.cost is None
            and all(getattr(self, name) is None for name in _COUNTS)
        )

    @property
    def charged(self) -> Usage:
        """The counts that a price is for."""
        return self.billed or self

    def update(self, newer: Usage) -> None:
        """Take over what a newer count states: providers repeat running totals, so the last word wins.

        A zero takes nothing back: totals only grow, and some servers write it for what they do not repeat.
        """
        for name in _COUNTS:
            value = getattr(newer, name)
            if value or (value == 0 and getattr(self, name) is None):
                setattr(self, name, value)
        if self.billed is not None and newer.billed is not None:
            self.billed.update(newer.billed)
        else:
            self.billed = newer.billed or self.billed
        self.shares = newer.shares or self.shares
        if newer.cost is not None:
            self.cost = newer.cost
        if newer.details:
            self.details = _merged(self.details or {}, newer.details)
        self._add_up()

    def fill(self, other: Usage) -> None:
        """Take over what is not known yet."""
        for name in _COUNTS:
            if getattr(self, name) is None:
                setattr(self, name, getattr(other, name))
        if self.cost is None:
            self.cost = other.cost


@dataclass(frozen=True, slots=True)
class Share:
    """The counts of one request that a provider made for an answer; `model` is `None` where it was the call's own."""

    model: str | None
    usage: Usage


CACHED = ("cache_read_text", "cache_read_audio", "cache_read_image", "cache_read_video")
"""Parts of `cache_read`, by what was cached."""
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
"""Uses of what runs at the provider, which may cost something beside the tokens."""
DETAILS = (
    *CACHED,
    *TOOL_USES,
    "input_video",
    "output_video",
    "citations",
    "cache_write_12h",
    "upstream_requests",
)
"""Counts that few answers state."""


def _merged(older: Mapping[str, int], newer: Mapping[str, int]) -> Mapping[str, int]:
    """Both, with the newer count where it is not a zero that only repeats nothing."""
    return {
        **older,
        **{name: number for name, number in newer.items() if number or name not in older},
    }


_NOT_COUNTS = ("source", "billed", "details", "shares", "cost")
_COUNTS = tuple(f.name for f in fields(Usage) if f.name not in _NOT_COUNTS)
