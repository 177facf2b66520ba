"""The tokens that the server counts itself, so that telemetry can be compared with them."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(frozen=True)
class Counts:
    """The tokens of one or more calls.

    As OpenAI counts them, `input` includes `cached` and `cache_write`, and `output` includes
    `reasoning`.
    """

    input: int = 0
    output: int = 0
    cached: int = 0
    reasoning: int = 0
    cache_write: int = 0
    calls: int = 1

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.input + other.input,
            self.output + other.output,
            self.cached + other.cached,
            self.reasoning + other.reasoning,
            self.cache_write + other.cache_write,
            self.calls + other.calls,
        )


# A sum of no calls, as `Counts()` is one call without tokens.
_NOTHING = Counts(calls=0)


class Ledger:
    """The tokens of all answers, by response model.

    Both books are written just before the bytes leave, so a client that has read an answer finds
    it here. A raw or failed reply is in neither.

    Attributes:
        told: The tokens that stood in usage objects.
        generated: The tokens of all answers, also of streams without usage or cut before it.
    """

    def __init__(self) -> None:
        self.told: dict[str, Counts] = {}
        self.generated: dict[str, Counts] = {}
        # Each connection has a thread of its own, and all write here.
        self._lock = threading.Lock()

    @property
    def total_told(self) -> Counts:
        """The tokens that clients got usage of, over all models."""
        return self._total(self.told)

    @property
    def total_generated(self) -> Counts:
        """The tokens that were generated, over all models."""
        return self._total(self.generated)

    def book_told(self, model: str, counts: Counts) -> None:
        """Add a usage object that is about to be sent."""
        self._book(self.told, model, counts)

    def book_generated(self, model: str, counts: Counts) -> None:
        """Add an answer that has been made."""
        self._book(self.generated, model, counts)

    def _book(self, book: dict[str, Counts], model: str, counts: Counts) -> None:
        with self._lock:
            book[model] = book.get(model, _NOTHING) + counts

    def _total(self, book: dict[str, Counts]) -> Counts:
        with self._lock:
            return sum(book.values(), _NOTHING)
