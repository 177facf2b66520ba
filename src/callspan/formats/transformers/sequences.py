"""Sequences of token numbers: which tokens of them are no padding, and why they end."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What ends a sequence, and what fills it up after that.

    Attributes:
        ends: The tokens that end a sequence.
        padding: The token that fills up sequences which end before others; `None` for none.
        most: The most tokens of an answer; `None` where that is not known.
        has_other_stops: Whether something beside an end token and the length may end a sequence,
            such as a text at which to stop.
    """

    ends: Collection[int]
    padding: int | None = None
    most: int | None = None
    has_other_stops: bool = False


def prompt_size(prompt: Sequence[int], limits: Limits) -> int:
    """Return the number of tokens of a prompt for which there is no mask of its padding."""
    padding = limits.padding
    # the package does not take such a token for padding either
    if padding is None or padding in limits.ends:
        return len(prompt)
    return sum(token != padding for token in prompt)


def without_padding(answer: Sequence[int], limits: Limits) -> Sequence[int]:
    """Return the tokens of an answer as far as the one that ends it, or else as the padding."""
    for position, token in enumerate(answer):
        if token in limits.ends:
            return answer[: position + 1]
    size = len(answer)
    # nothing can have ended it early, so that a token of this kind is one that the model chose
    if not limits.has_other_stops:
        return answer
    while size and answer[size - 1] == limits.padding:
        size -= 1
    return answer[:size]


def finish_reason(answer: Sequence[int], limits: Limits) -> str:
    """Return why an answer ends, given without its padding."""
    if answer and answer[-1] in limits.ends:
        return "stop"
    if not limits.has_other_stops:
        return "length"
    is_full = limits.most is not None and len(answer) >= limits.most
    return "length" if is_full else "stop"
