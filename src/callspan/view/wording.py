"""Numbers and times in the words of the pages."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from callspan.export.text.row import seconds
from callspan.view.spans import NANOSECONDS
from callspan.view.tree import Sums

_CENT = 0.01
_PROBLEMS = {"error": "error", "abandoned": "left", "interrupted": "left", "cancelled": "left"}


def clock(nanoseconds: float) -> str:
    """Return a time of the day, of this machine; with the date where it is not today's."""
    moment = datetime.fromtimestamp(nanoseconds / NANOSECONDS)
    is_today = moment.date() == datetime.now().date()
    return moment.strftime("%H:%M:%S" if is_today else "%Y-%m-%d %H:%M:%S")


def took(start: int, end: int) -> str:
    """Return the time between two moments in nanoseconds."""
    return seconds(max(0, end - start) / NANOSECONDS)


def count(number: float | None) -> str:
    """Return a whole number with its thousands apart; `?` where nobody knows it."""
    return "?" if number is None else f"{number:,.0f}"


def number_of(number: int, word: str) -> str:
    """Return a number with its word, such as `1 call` or `3 calls`."""
    return f"{count(number)} {word}" if number == 1 else f"{count(number)} {word}s"


def cost(number: float | None) -> str:
    """Return US dollars; nothing where the cost is not known."""
    if number is None:
        return ""
    if number == 0 or number >= _CENT:
        return f"${number:,.2f}"
    # by way of Decimal, as `g` alone writes small numbers with an exponent
    two_digits = Decimal(f"{number:.2g}")
    return f"${two_digits:f}"


class Counted(Protocol):
    """Anything with token counts: a call, a trace, the sum of several."""

    @property
    def input_tokens(self) -> int | None:
        """Input tokens; `None` if nobody stated them."""
        ...

    @property
    def output_tokens(self) -> int | None:
        """Output tokens; `None` if nobody stated them."""
        ...

    @property
    def has_output(self) -> bool:
        """Whether the operation has output tokens."""
        ...


def sent_and_received(counted: Counted) -> str:
    """Return tokens sent and received; embeddings have no others than those sent."""
    sent = count(counted.input_tokens)
    return f"{sent} → {count(counted.output_tokens)}" if counted.has_output else sent


def tokens(counted: Counted | sqlite3.Row) -> str:
    """Return tokens sent and received, also of a row of the store."""
    # a row has keys and no attributes
    if isinstance(counted, sqlite3.Row):
        counted = Sums(
            input_tokens=counted["input_tokens"],
            output_tokens=counted["output_tokens"],
            has_output=bool(counted["has_output"]),
        )
    return sent_and_received(counted)


def axis(number: float, unit: str) -> str:
    """Return the largest number of an axis with its unit."""
    if unit == "US$":
        return cost(number)
    return seconds(number) if unit == "s" else f"{count(number)} {unit}"


def pretty(value: object) -> str:
    """Return a value as text: JSON, but for what is text already."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def outcome_class(outcome: str) -> str:
    """Return the class of CSS for an outcome: `well`, `left` or `error`."""
    return _PROBLEMS.get(outcome, "well")


def total(models: Iterable[sqlite3.Row]) -> Sums:
    """Add up the rows of all models."""
    sums = Sums()
    for row in models:
        sums.merge(
            Sums(
                calls=row["calls"],
                input_tokens=row["input_tokens"],
                output_tokens=row["output_tokens"],
                cost=row["cost"],
                errors=row["errors"],
                has_output=bool(row["has_output"]),
            )
        )
    return sums


FILTERS: dict[str, Callable[..., Any]] = {
    "axis": axis,
    "clock": clock,
    "count": count,
    "cost": cost,
    "outcome_class": outcome_class,
    "pretty": pretty,
    "seconds": seconds,
    "tokens": tokens,
}
