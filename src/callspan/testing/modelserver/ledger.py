"""The server's own book of tokens, against which telemetry can be checked."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(frozen=True)
class Counts:
    """Tokens of one or more calls; input includes cached, output includes reasoning, as OpenAI counts."""

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


_NOTHING = Counts(calls=0)


class Ledger:
    """Counts per response model: `told` in usage objects, and `generated` whether told or not.

    Both are booked just before the bytes leave, so a client that has read an answer finds it here.
    A stream without usage, or cut before its usage, is in `generated` only; a raw or failed reply in neither.
    """

    def __init__(self) -> None:
        self.told: dict[str, Counts] = {}
        self.generated: dict[str, Counts] = {}
        self._lock = threading.Lock()

    @property
    def total_told(self) -> Counts:
        """The sum over all models of what clients were told."""
        return self._total(self.told)

    @property
    def total_generated(self) -> Counts:
        """The sum over all models of what was generated."""
        return self._total(self.generated)

    def book_told(self, model: str, counts: Counts) -> None:
        """Add a usage object that is about to be sent."""
        self._book(self.told, model, counts)

    def book_generated(self, model: str, counts: Counts) -> None:
        """Add an answer that has been made."""
        self._book(self.generated, model, counts)

    def _book(self, page: dict[str, Counts], model: str, counts: Counts) -> None:
        with self._lock:
            page[model] = page.get(model, _NOTHING) + counts

    def _total(self, page: dict[str, Counts]) -> Counts:
        with self._lock:
            return sum(page.values(), _NOTHING)
