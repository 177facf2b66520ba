"""The functions by which the answers and the errors of a call are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from callspan.events import Delta, Failure

Item = Any
"""A provider's object: a chunk or a whole answer, as a dict or as a client's model."""
Reader = Callable[[Item, bool], "Delta | None"]
"""Turns a provider's object into a `Delta`; the second argument says whether text is needed."""


# compared by identity, as functions are, so that a reading can be the key of a cache
@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """How the answers and the errors of a call are read. A hook makes one for all its calls.

    Attributes:
        read: Turns one chunk or one whole answer into a `Delta`.
        explain: Turns an exception of the client's into a `Failure`.
        answer_of: Returns the answer that an exception carries, where the client received one but
            could not make it into the object that the app wanted.
        hides: Whether a chunk is only there because callspan requested it.
        skips: Whether an item of a stream is no chunk.
        rest: Returns facts that the client knows at the end of a stream and has put in no chunk.
        awaits_usage: Whether the token counts of a stream come after its finish reason.
        in_lines: Whether each line of the answer's body is an item, in JSON.
    """

    read: Reader
    explain: Callable[[BaseException], Failure | None] | None = None
    answer_of: Callable[[BaseException], Item] | None = None
    hides: Callable[[Item], bool] | None = None
    skips: Callable[[Item], bool] | None = None
    rest: Callable[[], Delta | None] | None = None
    awaits_usage: bool = False
    in_lines: bool = False


# each stream asks for it, of a reading that its hook has made once
@lru_cache(maxsize=256)
def awaiting_usage(reading: Reading) -> Reading:
    """Return the reading for streams whose counts come after the finish reason."""
    return replace(reading, awaits_usage=True)
