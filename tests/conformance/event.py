"""The rules for one log event, and for events beside the spans that they belong to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from opentelemetry.trace import StatusCode

from .attribute import check_attributes
from .content import check_content
from .expectations import Expectations
from .finding import Finding
from .rules import (
    DETAILS,
    EXCEPTION,
    EXCEPTIONS,
    INFERENCE,
    INFERENCE_EXCEPTION,
    INFERENCE_OPERATIONS,
    PLACES,
    SCHEMAS,
    SEVERITIES,
    STOPS,
    VARIABLE,
    broken,
)
from .span import check_scope, describe

Spans = Mapping[tuple[int, int], Any]


def by_context(spans: list[Any]) -> Spans:
    """Spans by trace and span id."""
    return {(span.context.trace_id, span.context.span_id): span for span in spans}


def check_event(expect: Expectations, readable: Any) -> Iterator[Finding]:
    """Everything that can be said of an event by itself."""
    record = getattr(readable, "log_record", readable)
    signal, attributes = f"event {record.event_name!r}", dict(record.attributes or {})
    known = expect.registry.events.get(record.event_name)
    if known is None:
        yield broken("name.unknown", signal, str(record.event_name))
        return
    number = getattr(record.severity_number, "value", record.severity_number)
    if number != SEVERITIES.get(known.name, number):
        yield broken("event.severity", signal, "severity", number)
    if record.body is not None:
        yield broken("event.body", signal, "body", record.body)
    yield from check_scope(expect, signal, readable.instrumentation_scope)
    levels = known.attributes
    if known.name == DETAILS:
        inference = expect.registry.spans[INFERENCE]
        levels = expect.registry.refined(inference, attributes.get("gen_ai.provider.name"))
    yield from check_attributes(expect, signal, PLACES.get(known.name, "event"), levels, attributes)
    yield from check_content(expect, signal, attributes, on_span=False)
    yield from _check_required(expect, signal, known.name, attributes, levels)


def _check_required(
    expect: Expectations,
    signal: str,
    name: str,
    attributes: Mapping[str, Any],
    levels: Mapping[str, str],
) -> Iterator[Finding]:
    for key, level in levels.items():
        if level == "required" and key not in attributes:
            yield broken("event.required", signal, key)
    if name not in EXCEPTIONS:
        return
    if not attributes.get("exception.type") and not attributes.get("exception.message"):
        yield broken("event.required", signal, "exception.type or exception.message")
    for key in ("exception.message", "exception.stacktrace"):
        if key in attributes and not expect.captures("any"):
            yield broken("content.off", signal, key, attributes[key])


def _exception_event(expect: Expectations, span: Any) -> str:
    """The event that an exception has: that of the released text, wherever that is recorded."""
    infers = (span.attributes or {}).get("gen_ai.operation.name") in INFERENCE_OPERATIONS
    if infers and not expect.chosen(("released",)):
        return INFERENCE_EXCEPTION
    return EXCEPTION


def check_together(expect: Expectations, spans: Spans, readables: list[Any]) -> Iterator[Finding]:
    """Events beside spans: each has one of ours as context, says what it says, and no failure goes untold."""
    told: Counter[tuple[int, int]] = Counter()
    for readable in readables:
        record = getattr(readable, "log_record", readable)
        signal, where = f"event {record.event_name!r}", (record.trace_id or 0, record.span_id or 0)
        span = spans.get(where)
        if span is None:
            yield broken(
                "event.span", signal, "trace and span id", tuple(f"{number:x}" for number in where)
            )
        elif record.event_name in EXCEPTIONS:
            told[where] += 1
            if record.event_name != _exception_event(expect, span):
                yield broken("event.name", signal, record.event_name, span.name)
            if span.status.status_code is not StatusCode.ERROR:
                yield broken("event.unfailed", signal, span.name, span.status.status_code.name)
        elif record.event_name == DETAILS:
            yield from _check_alike(signal, span, record)
    for where, span in spans.items():
        if (
            span.status.status_code is StatusCode.ERROR
            and not told[where]
            and not _is_told_inside(span, spans, told)
        ):
            yield broken("event.missing", describe(span), EXCEPTION)
        if told[where] > 1:
            yield broken("event.twice", describe(span), EXCEPTION, told[where])


def _is_told_inside(span: Any, spans: dict[Any, Any], told: Any) -> bool:
    """Whether an operation inside has told an exception of the same type: it is told once, where it was raised."""
    for (trace, number), inner in spans.items():
        if inner.parent is None or (trace, inner.parent.span_id) != (
            span.context.trace_id,
            span.context.span_id,
        ):
            continue
        same_type = inner.attributes.get("error.type") == span.attributes.get("error.type")
        if same_type and (told[(trace, number)] or _is_told_inside(inner, spans, told)):
            return True
    return False


def _check_alike(signal: str, span: Any, record: Any) -> Iterator[Finding]:
    event, other = record.attributes or {}, span.attributes or {}
    for key in {**event, **other}:
        is_content = key in SCHEMAS or key == STOPS or key.startswith(f"{VARIABLE}.")
        if not is_content and _plain(event.get(key)) != _plain(other.get(key)):
            yield broken("event.differs", signal, key, (event.get(key), other.get(key)))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else value
