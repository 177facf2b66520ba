"""Token counts."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(slots=True)
class Usage:
    """Token counts of one answer; `None` where nobody said, never 0 for unknown.

    `input` includes what was read from or written to a cache, `output` includes reasoning, for every provider.
    `source` names who counted: `provider`, or `requested` when the provider counted because callspan asked it to;
    in an estimate `tiktoken`, or `heuristic` for a quarter of the bytes.
    `cache_write_1h` is the part of `cache_write` that is kept for an hour, which costs more.
    `uncached` is for providers that state the rest of the input without its cached parts; `input` follows from it.
    `billed` is for providers that charge for other counts than the model's.
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
    source: str = "provider"
    billed: Usage | None = None

    def __post_init__(self) -> None:
        if self.uncached is not None:
            self._sum_input()

    def _sum_input(self) -> None:
        if self.uncached is not None:
            self.input = self.uncached + (self.cache_read or 0) + (self.cache_write or 0)

    @property
    def total(self) -> int | None:
        """Input and output tokens together; `None` when neither is known."""
        if self.input is None and self.output is None:
            return None
        return (self.input or 0) + (self.output or 0)

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
        self.billed = newer.billed or self.billed
        self._sum_input()

    def fill(self, other: Usage) -> None:
        """Take over what is not known yet."""
        for name in _COUNTS:
            if getattr(self, name) is None:
                setattr(self, name, getattr(other, name))


_COUNTS = tuple(f.name for f in fields(Usage) if f.name not in ("source", "billed"))
