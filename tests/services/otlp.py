"""OTLP as JSON, from a file or from Jaeger, in a form that can be compared."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Span = dict[str, Any]


def spans_of(file: Path) -> list[Span]:
    """The spans in a file of OTLP JSON lines, by the time at which they began."""
    lines = file.read_text().splitlines() if file.exists() else []
    return by_start(
        [span for line in lines for span in spans_in(json.loads(line).get("resourceSpans", ()))]
    )


def spans_in(resources: Iterable[Mapping[str, Any]]) -> list[Span]:
    """The spans of some resources, as plain values."""
    return [
        _plain(span)
        for part in resources
        for scope in part["scopeSpans"]
        for span in scope["spans"]
    ]


def by_start(spans: list[Span]) -> list[Span]:
    """Sorted by the time at which they began."""
    return sorted(spans, key=lambda span: (int(span["startTimeUnixNano"]), span["spanId"]))


def _plain(span: Mapping[str, Any]) -> Span:
    """Attributes as a mapping, for their order means nothing; and no difference between what is empty and missing."""
    found = {
        **span,
        "attributes": attributes(span.get("attributes", ())),
        "status": span.get("status") or {},
    }
    found["events"] = [
        {**event, "attributes": attributes(event.get("attributes", ()))}
        for event in span.get("events", ())
    ]
    return found


def attributes(entries: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Attributes as a plain mapping."""
    return {entry["key"]: _value(entry["value"]) for entry in entries}


def _value(value: Mapping[str, Any]) -> Any:
    if "arrayValue" in value:
        return [_value(item) for item in value["arrayValue"].get("values", ())]
    if "intValue" in value:
        return int(value["intValue"])
    return next(iter(value.values()))
