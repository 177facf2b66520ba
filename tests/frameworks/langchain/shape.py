"""Spans as a tree of names, and the facts of single ones."""

from __future__ import annotations

from typing import Any

from telemetry import Telemetry


def tree_of(telemetry: Telemetry) -> list[Any]:
    """The spans as nested lists: a name, then its children, by their start; a name alone where there are none."""
    spans = sorted(telemetry.all_spans, key=lambda span: (span.start_time, span.end_time))
    known = {span.context.span_id for span in spans}
    return [
        _branch(span, spans)
        for span in spans
        if span.parent is None or span.parent.span_id not in known
    ]


def _branch(span: Any, spans: list[Any]) -> Any:
    children = [
        one
        for one in spans
        if one.parent is not None and one.parent.span_id == span.context.span_id
    ]
    return [span.name, *(_branch(child, spans) for child in children)] if children else span.name


def calls(telemetry: Telemetry) -> list[Any]:
    """The spans of calls to models."""
    return [
        span
        for span in telemetry.spans
        if span.attributes.get("gen_ai.operation.name") in ("chat", "text_completion")
    ]


def one(telemetry: Telemetry, name: str) -> Any:
    """The only span of a name."""
    found = [span for span in telemetry.all_spans if span.name == name]
    assert len(found) == 1, [span.name for span in telemetry.all_spans]
    return found[0]
