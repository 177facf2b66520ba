"""Spans of a file in OTLP's JSON as messages of protobuf, which the readers' own code takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.trace.v1.trace_pb2 import Span

_IDS = ("traceId", "spanId", "parentSpanId")


def read(file: str) -> Iterator[Span]:
    """Yield the spans of a file."""
    for line in Path(file).read_text(encoding="utf-8").splitlines():
        for resource in json.loads(line)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                yield from map(_span, scope["spans"])


def _span(data: dict[str, Any]) -> Span:
    ids = {name: data.pop(name) for name in _IDS if name in data}
    for link in data.get("links", ()):
        # nothing here reads them, and their ids are hex too
        link.clear()
    span = ParseDict(data, Span(), ignore_unknown_fields=True)
    span.trace_id = bytes.fromhex(ids["traceId"])
    span.span_id = bytes.fromhex(ids["spanId"])
    span.parent_span_id = bytes.fromhex(ids.get("parentSpanId", ""))
    return span


def tell(views: dict[str, list[dict[str, Any]]]) -> None:
    """Print what a reader shows, by file: for each span its id and what is not empty."""
    for shown in views.values():
        for view in shown:
            for name in [name for name, value in view.items() if value in (None, "", {}, [])]:
                del view[name]
    print(json.dumps(views))
