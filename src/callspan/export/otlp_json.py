"""OTLP as JSON lines, as the Collector's `otlpjsonfile` receiver reads them back.

Each line is one export request: `{"resourceSpans": ...}`, `{"resourceLogs": ...}` or
`{"resourceMetrics": ...}`, all in the same file. Ids are hex, 64-bit integers strings, enums numbers,
as the OTLP specification says of JSON.

Spans and log records are written straight from the SDK's objects: by way of protobuf's messages it
takes six times as long, and a program with content captured would be faster than its file. Metrics
come seldom, and go that way.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any

# here and not where they are used: an import at the exit changes the exit code after Ctrl-C
# (CPython 3.11 takes code that protobuf and dataclasses run from text for the program's own),
# tests/cli/test_interrupts.py
from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics

from callspan.export.line_writer import Line
from callspan.export.metric_parts import metric_count, separate_metrics
from callspan.export.otlp_values import any_value, attribute_list
from callspan.runtime import guard

_IDS = ("traceId", "spanId", "parentSpanId")
_HAS_REMOTE, _IS_REMOTE = 0x100, 0x200
"""Flags of a span: whether it is known if its parent is another process's, and whether it is."""
_DEFAULTS = ("", 0, None, [])
"""Values that protobuf leaves out, because a reader has them by default."""

# made once: `json.dumps` with options makes an encoder at each call
_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def span_lines(spans: Sequence[Any]) -> list[str]:
    """Return a line for each span; one that cannot be encoded does not take the others with it."""
    return _lines(_span_line, spans)


def log_lines(records: Sequence[Any]) -> list[str]:
    """Return a line for each log record."""
    return _lines(_log_line, records)


def metric_lines(metrics_data: Any) -> list[Line]:
    """Return one line for all metrics; if one cannot be encoded, a line for each of the others."""
    number = metric_count(metrics_data)
    try:
        return [(line_of(encode_metrics(metrics_data)), number)]
    except Exception as error:  # noqa: BLE001  one odd number must not cost all metrics
        if number == 1:
            guard.report("writing metrics as JSON", error)
            return []
    lines: list[Line] = []
    for part in separate_metrics(metrics_data):
        lines += metric_lines(part)
    return lines


def _lines(encode: Callable[[Any], str], items: Sequence[Any]) -> list[str]:
    lines: list[str] = []
    for item in items:
        try:
            lines.append(encode(item))
        except Exception as error:  # noqa: BLE001  odd data in one must not take the others with it
            guard.report("writing telemetry as JSON", error)
    return lines


def _span_line(span: Any) -> str:
    return _request("resourceSpans", "scopeSpans", "spans", span, _span(span))


def _log_line(data: Any) -> str:
    return _request("resourceLogs", "scopeLogs", "logRecords", data, _log(data))


def _request(resources: str, scopes: str, items: str, source: Any, item: dict[str, Any]) -> str:
    scope = source.instrumentation_scope
    within_scope = _filled(scope=_scope(scope), schemaUrl=getattr(scope, "schema_url", None))
    within_scope[items] = [item]
    # older SDKs have the resource of a log record in the record
    origin = getattr(source, "resource", None) or source.log_record.resource
    within_resource = {
        "resource": _filled(attributes=attribute_list(origin.attributes)),
        scopes: [within_scope],
    }
    if origin.schema_url:
        within_resource["schemaUrl"] = origin.schema_url
    # one item a line, as readers may take a line at a time and a crash tears one at most
    return _to_json({resources: [within_resource]}) + "\n"


def _scope(scope: Any) -> dict[str, Any]:
    if scope is None:
        return {}
    return _filled(
        name=scope.name, version=scope.version, attributes=attribute_list(scope.attributes)
    )


def _span(span: Any) -> dict[str, Any]:
    context, parent = span.context, span.parent
    fields = _filled(
        traceId=f"{context.trace_id:032x}",
        spanId=f"{context.span_id:016x}",
        traceState=_trace_state(context.trace_state),
        parentSpanId=f"{parent.span_id:016x}" if parent is not None else None,
        flags=_flags(parent),
        name=span.name,
        # OTLP begins at 1 with INTERNAL, the SDK at 0
        kind=span.kind.value + 1,
        startTimeUnixNano=str(span.start_time),
        endTimeUnixNano=str(span.end_time),
        attributes=attribute_list(span.attributes),
        droppedAttributesCount=span.dropped_attributes,
        events=[_event(event) for event in span.events],
        droppedEventsCount=span.dropped_events,
        links=[_link(link) for link in span.links],
        droppedLinksCount=span.dropped_links,
    )
    status = span.status
    # also when it is empty, as protobuf's own JSON has it
    fields["status"] = _filled(code=status.status_code.value, message=status.description)
    return fields


def _event(event: Any) -> dict[str, Any]:
    return _filled(
        timeUnixNano=str(event.timestamp),
        name=event.name,
        attributes=attribute_list(event.attributes),
        droppedAttributesCount=event.dropped_attributes,
    )


def _link(link: Any) -> dict[str, Any]:
    return _filled(
        traceId=f"{link.context.trace_id:032x}",
        spanId=f"{link.context.span_id:016x}",
        attributes=attribute_list(link.attributes),
        droppedAttributesCount=link.dropped_attributes,
        flags=_flags(link.context),
    )


def _log(data: Any) -> dict[str, Any]:
    record = data.log_record
    fields = _filled(
        timeUnixNano=_time(record.timestamp),
        observedTimeUnixNano=_time(record.observed_timestamp),
        severityNumber=getattr(record.severity_number, "value", None),
        severityText=record.severity_text,
        attributes=attribute_list(record.attributes),
        droppedAttributesCount=_dropped(data, record),
        flags=int(record.trace_flags or 0),
        traceId=_trace_id(record.trace_id),
        spanId=_span_id(record.span_id),
        eventName=getattr(record, "event_name", None),
    )
    # a body of no OTLP type is an empty value, and the record stays
    fields["body"] = any_value(record.body) or {}
    return fields


def _trace_id(number: int | None) -> str:
    return f"{number:032x}" if number else ""


def _span_id(number: int | None) -> str:
    return f"{number:016x}" if number else ""


def _time(nanoseconds: int | None) -> str:
    return str(nanoseconds) if nanoseconds else ""


def _dropped(data: Any, record: Any) -> int:
    """Return how many attributes were left out; in older SDKs the record has the number."""
    number = getattr(data, "dropped_attributes", None)
    if number is None:
        return getattr(record, "dropped_attributes", 0)
    return number


def _filled(**fields: Any) -> dict[str, Any]:
    """Return the fields without those that protobuf leaves out."""
    return {name: value for name, value in fields.items() if value not in _DEFAULTS}


def _flags(context: Any) -> int:
    if context is not None and context.is_remote:
        return _HAS_REMOTE | _IS_REMOTE
    return _HAS_REMOTE


def _trace_state(state: Any) -> str | None:
    if not state:
        return None
    return ",".join(f"{key}={value}" for key, value in state.items())


def line_of(message: Any) -> str:
    """Return an export request of protobuf's as one line of JSON, without escaped characters."""
    fields = MessageToDict(message, use_integers_for_enums=True)
    _ids_to_hex(fields)
    return _to_json(fields) + "\n"


def _ids_to_hex(value: Any) -> None:
    """Turn ids from base64, as protobuf writes bytes, to hex, as OTLP does.

    An attribute with the name of an id is safe: attributes are lists of key and value.
    """
    if isinstance(value, list):
        for item in value:
            _ids_to_hex(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in _IDS and isinstance(item, str):
                # only the values change, so the dictionary may be looped over meanwhile
                value[key] = base64.b64decode(item).hex()
            else:
                _ids_to_hex(item)
