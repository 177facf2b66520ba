"""What the pages ask the store: lists of traces by filters, and sums by model."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from callspan.view.spans import NANOSECONDS
from callspan.view.store import Store

PAGE_SIZE = 50
"""How many traces one page lists."""
_OF_OPERATIONS = " AND operation <> ''"
_COLUMNS = {
    "model": _OF_OPERATIONS,
    "provider": _OF_OPERATIONS,
    "outcome": _OF_OPERATIONS,
    "session": "",
    "user": "",
    "service": "",
}
"""The columns of the table `spans` by which traces are filtered, with a further condition each."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which traces a list shows; what is empty or None holds nothing back.

    Attributes:
        text: Words in what was said.
        model: Of one of its calls, as are `provider` and `outcome`.
        slower: Seconds that the trace took at least.
        dearer: US dollars that it cost at least.
        tokens: Tokens that it used at least.
        before: Only traces that come after this one in the list, by its start in nanoseconds since 1970
            and its id: for the next page.
    """

    text: str = ""
    model: str = ""
    provider: str = ""
    outcome: str = ""
    session: str = ""
    user: str = ""
    service: str = ""
    slower: float | None = None
    dearer: float | None = None
    tokens: float | None = None
    before: tuple[int, str] | None = None

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Filter:
        """Read a filter from the query of a URL; what is no number there is left out."""
        return cls(
            text=query.get("text", "").strip(),
            model=query.get("model", ""),
            provider=query.get("provider", ""),
            outcome=query.get("outcome", ""),
            session=query.get("session", ""),
            user=query.get("user", ""),
            service=query.get("service", ""),
            slower=_number(query.get("slower")),
            dearer=_number(query.get("dearer")),
            tokens=_number(query.get("tokens")),
            before=_place(query.get("before", "")),
        )

    def conditions(self) -> Iterator[tuple[str, object]]:
        """Yield conditions on the table `traces`, each with its argument."""
        for column, further in _COLUMNS.items():
            value = getattr(self, column)
            if value:
                # column names are ours, and values are arguments: nothing of a URL becomes SQL
                spans = f"SELECT trace_id FROM spans WHERE {column} = ?{further}"
                yield f"trace_id IN ({spans})", value
        if self.text:
            # full-text search knows rows of its own, whose numbers are the ids of spans
            words = "SELECT rowid FROM texts WHERE texts MATCH ?"
            yield (
                f"trace_id IN (SELECT trace_id FROM spans WHERE id IN ({words}))",
                _words(self.text),
            )
        if self.slower is not None:
            yield '"end" - start >= ?', int(self.slower * NANOSECONDS)
        if self.dearer is not None:
            yield "cost >= ?", self.dearer
        # a trace without counts has 0 here, so any larger number leaves it out
        if self.tokens is not None:
            yield "coalesce(input_tokens, 0) + coalesce(output_tokens, 0) >= ?", self.tokens

    @property
    def is_active(self) -> bool:
        """Whether it holds any trace back."""
        # `before` does not count: it only turns the pages of the same list
        return any(True for _ in self.conditions())


def find_traces(store: Store, wanted: Filter, limit: int = PAGE_SIZE) -> Sequence[sqlite3.Row]:
    """Return the newest traces that a filter lets through."""
    where, arguments = _where(wanted)
    if wanted.before is not None:
        start, trace_id = wanted.before
        # several traces may begin at once, where clocks are coarse
        where += " AND start <= ? AND (start < ? OR trace_id > ?)"
        arguments += [start, start, trace_id]
    query = f"SELECT * FROM traces WHERE {where} ORDER BY start DESC, trace_id LIMIT ?"
    return store.rows(query, *arguments, limit)


def sum_by_model(store: Store, wanted: Filter) -> Sequence[sqlite3.Row]:
    """Return calls, tokens, cost and errors of each model, over all traces that a filter lets through."""
    where, arguments = "counts", []
    # else no condition at all: with one, each span would be looked up among all traces
    if wanted.is_active:
        traces, arguments = _where(wanted)
        where += f" AND trace_id IN (SELECT trace_id FROM traces WHERE {traces})"
    return store.rows(
        f"""
        SELECT model, count(*) AS calls, max(has_output) AS has_output, sum(input_tokens) AS input_tokens,
               sum(output_tokens) AS output_tokens, sum(cost) AS cost, sum(outcome = 'error') AS errors,
               sum(input_tokens IS NULL AND output_tokens IS NULL) AS unknown
        FROM spans WHERE {where} GROUP BY model ORDER BY calls DESC, model
        """,
        *arguments,
    )


def choices(store: Store, column: str) -> list[str]:
    """Return the values of a column that a filter can be set to, the first 200."""
    # each step finds the next value by the index; `DISTINCT` would read all spans
    rows = store.rows(
        f"""
        WITH RECURSIVE choices (value) AS (
            SELECT min({column}) FROM spans WHERE {column} > ''
            UNION ALL
            SELECT (SELECT min({column}) FROM spans WHERE {column} > value) FROM choices
            WHERE value IS NOT NULL
        )
        SELECT value FROM choices WHERE value IS NOT NULL LIMIT 200
        """
    )
    return [row["value"] for row in rows]


def _where(wanted: Filter) -> tuple[str, list[Any]]:
    conditions = list(wanted.conditions())
    if not conditions:
        # SQLite's word for true
        return "1", []
    return " AND ".join(text for text, _ in conditions), [value for _, value in conditions]


def _words(text: str) -> str:
    """Return what full-text search is asked: each word as it is, for its own marks mean something there."""
    words = (word.replace('"', '""') for word in text.split())
    # a star, so that the beginning of a word is enough
    return " ".join(f'"{word}"*' for word in words)


def place(trace: sqlite3.Row) -> str:
    """Return the place of a trace in the list, as `before` in a URL has it."""
    return f"{trace['start']}-{trace['trace_id']}"


def _place(text: str) -> tuple[int, str] | None:
    start, _, trace_id = text.partition("-")
    # whole digits and no float, which would round nanoseconds; longer ones SQLite does not take
    if not start.isdecimal() or len(start) > 19 or int(start) >= 1 << 63:
        return None
    return int(start), trace_id


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if abs(number) < 1e19 else None  # neither `nan` nor what SQLite does not take
