"""The store of the page: SQLite, in memory or in a file, with the newest spans up to a limit."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from callspan.export.conversation import read_conversation
from callspan.view.otlp import CONTENT_EVENTS, LogRecord
from callspan.view.spans import SpanEvent, SpanRecord
from callspan.view.tree import outermost_calls

KEEP = 100_000
"""How many spans are kept, unless told otherwise."""
_SCHEMA = Path(__file__).with_name("schema.sql")
_SCHEMA_VERSION = 2
"""Grows with each change of the schema; a file of another version is not touched."""
_COLUMNS = (
    "trace_id", "span_id", "parent_id", "name", "kind", "start", "end", "service", "scope", "session", "user",
    "operation", "provider", "model", "outcome", "error", "is_error", "message", "is_call", "has_output",
    "input_tokens", "output_tokens", "cost", "first_token", "question", "answer",
)  # fmt: skip
_NAMES = ", ".join(f'"{column}"' for column in _COLUMNS)
_VALUES = ", ".join("?" * len(_COLUMNS))
_CHANGES = ", ".join(f'"{column}" = excluded."{column}"' for column in _COLUMNS)
_INSERT = f"""
INSERT INTO spans ({_NAMES}) VALUES ({_VALUES})
ON CONFLICT (trace_id, span_id) DO UPDATE SET {_CHANGES} RETURNING id
"""
_WHOLE = "SELECT * FROM spans JOIN bodies USING (id)"
_LATEST = (1 << 62) - 1
"""The latest time that is kept, in nanoseconds since 1970: in the year 2116."""
_MOST_TOKENS = 1 << 40
"""The largest count that is kept, so that no sum passes what SQLite adds up."""
_WAITING = """
SELECT trace_id, span_id FROM content c WHERE NOT EXISTS
    (SELECT 1 FROM spans s WHERE s.trace_id = c.trace_id AND s.span_id = c.span_id)
"""
_SUMMARY = """
INSERT OR REPLACE INTO traces
SELECT trace_id, min(start), max("end"),
       coalesce((SELECT name FROM spans r WHERE r.trace_id = s.trace_id
                 ORDER BY parent_id <> '', start LIMIT 1), ''),
       coalesce(max(service), ''), coalesce(max(session), ''), coalesce(max(user), ''),
       count(*), sum(counts), max(has_output), sum(error <> ''),
       coalesce((SELECT outcome FROM spans r WHERE r.trace_id = s.trace_id
                 ORDER BY parent_id <> '', start LIMIT 1), ''),
       sum(CASE WHEN counts THEN input_tokens END), sum(CASE WHEN counts THEN output_tokens END),
       sum(CASE WHEN counts THEN cost END),
       coalesce((SELECT question FROM spans r WHERE r.trace_id = s.trace_id AND question <> ''
                 ORDER BY question LIKE '{%', start LIMIT 1), ''),
       coalesce((SELECT answer FROM spans r WHERE r.trace_id = s.trace_id AND answer <> ''
                 ORDER BY "end" DESC LIMIT 1), '')
FROM spans s WHERE trace_id = ? GROUP BY trace_id
"""


class Store:
    """Keeps spans and finds them again; may be used by several threads.

    Args:
        path: The file of the database; in memory where it is empty.
        keep: How many spans to keep. When there are more, the oldest traces go.

    Raises:
        sqlite3.Error: the file is no database, or one of another version of the schema.
    """

    def __init__(self, path: str = "", keep: int = KEEP) -> None:
        self._keep = keep
        # one connection for all threads, so one at a time; `value` calls `rows` within it
        self._lock = threading.RLock()
        self._database = sqlite3.connect(path or ":memory:", check_same_thread=False)
        self._database.row_factory = sqlite3.Row
        self._check_version()
        self._database.executescript(_SCHEMA.read_text(encoding="utf-8"))
        # a crash of the machine costs the newest spans at most (SQLite: WAL with NORMAL)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
        # kept as a number from here on, as counting takes long with many spans
        self._count = int(self.value("SELECT count(*) FROM spans"))
        # content whose span has not come, the oldest first: the span may never come, if it was not sampled
        self._waiting = dict.fromkeys(map(tuple, self.rows(_WAITING)))
        self._version = 0

    def _check_version(self) -> None:
        has_tables = self.value("SELECT count(*) FROM sqlite_master")
        if has_tables and self.value("PRAGMA user_version") != _SCHEMA_VERSION:
            self._database.close()
            raise sqlite3.DatabaseError("it is of another program or version; name a new file")

    @property
    def version(self) -> int:
        """A number that grows with each change."""
        return self._version

    def close(self) -> None:
        """Close the database; nothing can be asked any more."""
        with self._lock:
            self._database.close()

    # -- what comes in ----------------------------------------------------------------------------

    def add(self, spans: Iterable[SpanRecord], logs: Iterable[LogRecord] = ()) -> int:
        """Keep spans, and the content that log events bring for them; return how many spans."""
        # an iterator of documents from outside: it is read before the lock is taken
        spans = list(spans)
        content = [log for log in logs if log.name in CONTENT_EVENTS]
        if not spans and not content:
            return 0
        with self._lock, self._database:
            # first, so that a span that comes in the same request finds its content
            self._add_content(content)
            for span in spans:
                self._add_span(span)
            self._update_spans(content)
            # once for each trace and not for each span: a summary reads the whole trace
            for trace_id in {each.trace_id for each in (*spans, *content)}:
                self._choose_calls(trace_id)
                self._database.execute(_SUMMARY, (trace_id,))
            self._drop_oldest()
            self._drop_waiting()
            self._version += 1
        return len(spans)

    def _add_content(self, logs: Iterable[LogRecord]) -> None:
        rows = [(log.trace_id, log.span_id, _dump(log.attributes)) for log in logs]
        self._database.executemany("INSERT OR REPLACE INTO content VALUES (?, ?, ?)", rows)

    def _update_spans(self, logs: Iterable[LogRecord]) -> None:
        """Let spans that came before their log event have its content too."""
        for log in logs:
            span = self.span(log.trace_id, log.span_id)
            if span is not None:
                self._add_span(span)
            else:
                self._waiting[log.trace_id, log.span_id] = None

    def _add_span(self, span: SpanRecord) -> None:
        """Insert a span, or replace the one with its id; with its content and searchable text."""
        key = (span.trace_id, span.span_id)
        id_before = self.value("SELECT id FROM spans WHERE trace_id = ? AND span_id = ?", *key)
        content = self.value(
            "SELECT attributes FROM content WHERE trace_id = ? AND span_id = ?", *key
        )
        self._waiting.pop(key, None)
        if content:
            # what the span itself has wins
            span.attributes = {**json.loads(content), **span.attributes}
        conversation = read_conversation(span.attributes)
        row = _row(span, conversation.question, conversation.answer)
        number = self._database.execute(_INSERT, row).fetchone()[0]
        if id_before is None:
            self._count += 1
        else:
            # full-text tables know no upsert
            self._database.execute("DELETE FROM texts WHERE rowid = ?", (number,))
        self._database.execute(
            "INSERT OR REPLACE INTO bodies VALUES (?, ?, ?)", (number, *_body(span))
        )
        text = "\n".join(conversation.texts)
        if text:
            self._database.execute("INSERT INTO texts (rowid, text) VALUES (?, ?)", (number, text))

    def _choose_calls(self, trace_id: str) -> None:
        """Choose the calls of a trace that count, as a call that two instrumentations see is one."""
        query = "SELECT id, span_id, parent_id, is_call, counts FROM spans WHERE trace_id = ?"
        rows = self.rows(query, trace_id)
        calls = {row["span_id"] for row in rows if row["is_call"]}
        parents = {row["span_id"]: row["parent_id"] for row in rows}
        outermost = outermost_calls(parents, calls)
        changes: list[tuple[bool, int]] = []
        for row in rows:
            counts = row["span_id"] in outermost
            # most are right already, and a write costs more than a look
            if counts != bool(row["counts"]):
                changes.append((counts, row["id"]))
        self._database.executemany("UPDATE spans SET counts = ? WHERE id = ?", changes)

    def _drop_oldest(self) -> None:
        """Drop whole traces until the spans are within the limit; the newest trace is never cut."""
        if self._count <= self._keep:
            return
        oldest = self.rows("SELECT trace_id, spans FROM traces ORDER BY start")
        # a span's trace is dropped whole, as a tree with holes would show wrong sums
        for trace in oldest[:-1]:
            if self._count <= self._keep:
                return
            self._drop(trace["trace_id"])
            self._count -= int(trace["spans"])

    def _drop_waiting(self) -> None:
        """Drop the oldest content whose span has not come, so that there is no more of it than of spans."""
        while len(self._waiting) > self._keep:
            key = next(iter(self._waiting))
            del self._waiting[key]
            self._database.execute("DELETE FROM content WHERE trace_id = ? AND span_id = ?", key)

    def _drop(self, trace_id: str) -> None:
        ids = "SELECT id FROM spans WHERE trace_id = ?"
        self._database.execute(f"DELETE FROM texts WHERE rowid IN ({ids})", (trace_id,))
        self._database.execute(f"DELETE FROM bodies WHERE id IN ({ids})", (trace_id,))
        for table in ("spans", "content", "traces"):
            self._database.execute(f"DELETE FROM {table} WHERE trace_id = ?", (trace_id,))

    # -- what is asked ----------------------------------------------------------------------------

    def rows(self, query: str, *arguments: object) -> Sequence[sqlite3.Row]:
        """Return the rows of a query."""
        with self._lock:
            return self._database.execute(query, arguments).fetchall()

    def value(self, query: str, *arguments: object) -> Any:
        """Return the first column of a query's first row; None where there is no row."""
        rows = self.rows(query, *arguments)
        return rows[0][0] if rows else None

    def span(self, trace_id: str, span_id: str) -> SpanRecord | None:
        """Return one span; None where it is not kept."""
        rows = self.rows(f"{_WHOLE} WHERE trace_id = ? AND span_id = ?", trace_id, span_id)
        return _record(rows[0]) if rows else None

    def trace(self, trace_id: str) -> list[SpanRecord]:
        """Return the spans of a trace by their start."""
        rows = self.rows(f'{_WHOLE} WHERE trace_id = ? ORDER BY start, "end"', trace_id)
        return [_record(row) for row in rows]


def _row(span: SpanRecord, question: str, answer: str) -> tuple[object, ...]:
    """Return the values of `_COLUMNS`."""
    identity = (span.trace_id, span.span_id, span.parent_id, span.name, span.kind)
    times = (_time(span.start), _time(span.end))
    origin = (span.service, span.scope, span.session, span.user)
    model = (span.operation, span.provider, span.model)
    end = (span.outcome, span.error, span.is_error, span.message)
    tokens = (_tokens(span.input_tokens), _tokens(span.output_tokens))
    call = (span.is_call, span.has_output, *tokens, span.cost, span.first_token)
    return (*identity, *times, *origin, *model, *end, *call, question, answer)


def _body(span: SpanRecord) -> tuple[str, str]:
    """Return the attributes and the events as JSON."""
    events = [[event.name, event.time, dict(event.attributes)] for event in span.events]
    return _dump(span.attributes), _dump(events)


def _record(row: sqlite3.Row) -> SpanRecord:
    events = [SpanEvent(name, time, facts) for name, time, facts in json.loads(row["events"])]
    return SpanRecord(
        trace_id=row["trace_id"],
        span_id=row["span_id"],
        parent_id=row["parent_id"],
        name=row["name"],
        kind=row["kind"],
        start=row["start"],
        end=row["end"],
        is_error=bool(row["is_error"]),
        message=row["message"],
        service=row["service"],
        scope=row["scope"],
        attributes=json.loads(row["attributes"]),
        events=events,
    )


def _time(nanoseconds: int) -> int:
    # SQLite's integers have 64 bits, and Python's any number
    return min(max(nanoseconds, 0), _LATEST)


def _tokens(count: int | None) -> int | None:
    return None if count is None else min(max(count, 0), _MOST_TOKENS)


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
