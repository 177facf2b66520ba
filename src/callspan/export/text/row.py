"""One span as a line for people: what it was, its tokens, its times, and how it ended if not well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from callspan.events.operations import facts_of
from callspan.export.text.width import one_line
from callspan.semconv import names

_LOCAL = ("localhost", "127.", "::1", "0.0.0.0")


@dataclass(slots=True)
class Row:
    """What the tree needs of an ended span; the span itself, which may carry content, is let go."""

    id: int
    parent: int | None
    name: str
    start: int
    end: int
    calls_model: bool = False
    tokens: str = ""
    first: str = ""
    error: str = ""
    notes: tuple[str, ...] = ()
    late: bool = False
    open: bool = False

    @property
    def duration(self) -> str:
        """How long it took, for people."""
        return "not ended" if self.open else seconds((self.end - self.start) / 1e9)


def seconds(value: float) -> str:
    """A time for people: 4.2 ms, 0.48 s, 12.3 s, 2 min 05 s."""
    if value < 0.00995:
        return f"{value * 1000:.1f} ms"
    if value < 9.995:
        return f"{value:.2f} s"
    if value < 99.95:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02d} s"


def dollars(value: float) -> str:
    """A cost for people, with two digits that tell something: $1.25, $0.00054."""
    return (
        f"${value:.2f}"
        if value >= 0.995 or value == 0
        else f"${value:.2g}"
        if value >= 1e-4
        else f"${value:.7f}"
    )


def row_of(span: Any) -> Row:
    """The row of an ended SDK span."""
    told: Mapping[str, Any] = span.attributes or {}
    start, end = span.start_time or 0, span.end_time or span.start_time or 0
    parent = span.parent.span_id if span.parent is not None else None
    row = Row(span.context.span_id, parent, one_line(span.name), start, end)
    row.error = _error(span, told)
    ended = told.get(names.OUTCOME)
    row.notes = (str(ended),) if ended in ("abandoned", "cancelled") else ()
    if _calls_model(told):
        _fill(row, told)
    return row


def _calls_model(told: Mapping[str, Any]) -> bool:
    operation = told.get(names.OPERATION)
    if operation is None:
        return False
    if names.INPUT_TOKENS in told:
        return True
    return names.REQUEST_MODEL in told and facts_of(operation).uses_tokens


def _fill(row: Row, told: Mapping[str, Any]) -> None:
    row.calls_model = True
    unknown = names.INPUT_TOKENS not in told and names.OUTPUT_TOKENS not in told
    row.tokens = "" if unknown and row.error else tokens(told)
    first = told.get(names.TIME_TO_FIRST_CHUNK)
    row.first = f"first {seconds(first)}" if isinstance(first, (int, float)) else ""
    row.notes += tuple(_notes(told))


def tokens(told: Mapping[str, Any]) -> str:
    """`24 → 9 tokens`, with cached and reasoning tokens where stated; what nobody stated is `?`."""
    about = "~" if told.get(names.USAGE_SOURCE) in ("tiktoken", "heuristic") else ""
    sent = _count(told, names.INPUT_TOKENS, about) + _subset(
        told, names.CACHE_READ_TOKENS, "cached"
    )
    if not facts_of(told.get(names.OPERATION)).has_output_tokens:
        return f"{sent} tokens"
    got = _count(told, names.OUTPUT_TOKENS, about) + _subset(
        told, names.REASONING_TOKENS, "reasoning"
    )
    return f"{sent} → {got}" + ("" if got == "?" else " tokens")


def _count(told: Mapping[str, Any], name: str, about: str) -> str:
    return f"{about}{told[name]}" if name in told else "?"


def _subset(told: Mapping[str, Any], name: str, word: str) -> str:
    return f" ({told[name]} {word})" if told.get(name) else ""


def _error(span: Any, told: Mapping[str, Any]) -> str:
    """The kind of error, never its message, which may quote the conversation."""
    if told.get(names.OUTCOME) == "cancelled" or span.status.status_code.name != "ERROR":
        return ""
    kind = told.get(names.ERROR_TYPE) or _raised(span) or ""
    status = told.get(names.HTTP_STATUS)
    shown = f"error {one_line(str(kind))}".rstrip()
    return f"{shown} ({status})" if status is not None and str(status) != str(kind) else shown


def _raised(span: Any) -> Any:
    for event in span.events or ():
        if names.EXCEPTION_TYPE in (event.attributes or {}):
            return event.attributes[names.EXCEPTION_TYPE]
    return None


def _notes(told: Mapping[str, Any]) -> list[str]:
    notes = []
    if int(told.get(names.ATTEMPTS) or 1) > 1:
        notes.append(f"{told[names.ATTEMPTS]} attempts")
    if names.COST in told:
        notes.append(dollars(told[names.COST]))
    source = told.get(names.USAGE_SOURCE)
    if source:
        notes.append("usage requested" if source == "requested" else f"usage by {source}")
    if _unusual_server(told):
        port = told.get(names.SERVER_PORT)
        host = str(told[names.SERVER_ADDRESS])
        notes.append(f"at {host}:{port}" if port not in (None, 443) else f"at {host}")
    return notes


def _unusual_server(told: Mapping[str, Any]) -> bool:
    """Whether the address says more than the provider's name does."""
    host, provider = str(told.get(names.SERVER_ADDRESS) or ""), str(told.get(names.PROVIDER) or "")
    if provider in ("", "openai"):
        return host not in ("", "api.openai.com")
    brand = provider.replace("_", ".").split(".")[0]
    return bool(host) and (host.startswith(_LOCAL) or brand not in host)
