"""Spans and log records out of OTLP, in JSON as files and programs have it, or in protobuf.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: ids are hexadecimal there, numbers of 64 bits are
texts, and what is empty is left out.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from callspan.formats.fields import text_of
from callspan.runtime.plain import is_mapping, mappings
from callspan.semconv import names
from callspan.view.spans import SpanEvent, SpanRecord

# the number, its name, and the number as a text: all three are met in JSON
_ERROR = (2, "STATUS_CODE_ERROR", "2")
_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_MAX_DEPTH = 64
"""How deep a value may be nested; what is deeper is left out."""
_TRACE_ID_BYTES = 16
_SPAN_ID_BYTES = 8


@dataclass(frozen=True, slots=True)
class LogRecord:
    """The content that a log event adds to its span.

    Attributes:
        trace_id: The trace of the span.
        span_id: The span.
        name: The event's name.
        attributes: Its attributes, with those of its body.
    """

    trace_id: str
    span_id: str
    name: str
    attributes: Mapping[str, Any]


def read_spans(document: Mapping[str, Any]) -> Iterator[SpanRecord]:
    """Yield the spans of an export request as JSON; what cannot be read is left out."""
    for resource, scope, span in _items(document, "resourceSpans", "scopeSpans", "spans"):
        record = _span(span, resource, scope)
        if record is not None:
            yield record


def read_logs(document: Mapping[str, Any]) -> Iterator[LogRecord]:
    """Yield the log records of an export request that belong to a span."""
    for _resource, _scope, log in _items(document, "resourceLogs", "scopeLogs", "logRecords"):
        trace_id = _identity(log.get("traceId"), _TRACE_ID_BYTES)
        span_id = _identity(log.get("spanId"), _SPAN_ID_BYTES)
        if not trace_id or not span_id:
            continue
        attributes = _attributes(log.get("attributes"))
        # before OTLP had a field for it, the name was an attribute
        name = str(log.get("eventName") or attributes.get("event.name") or "")
        body = _value(log.get("body"))
        if isinstance(body, Mapping):
            # content may stand in either; the attributes win, as the newer of the two places
            attributes = {**body, **attributes}
        yield LogRecord(trace_id, span_id, name, attributes)


def decode(body: bytes, signal: str) -> dict[str, Any]:
    """Return an export request in protobuf as JSON would have it.

    Args:
        body: The request.
        signal: `traces` or `logs`.

    Raises:
        ValueError: it is no such request.
    """
    from google.protobuf.json_format import MessageToDict
    from google.protobuf.message import DecodeError

    try:
        # from here on one way for both: ids as base64 are read by `_identity`
        return MessageToDict(_request_type(signal).FromString(body))
    except DecodeError as error:
        raise ValueError(f"no OTLP request of {signal}") from error


def _request_type(signal: str) -> Any:
    if signal == "logs":
        from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

        return ExportLogsServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    return ExportTraceServiceRequest


def _items(
    document: Mapping[str, Any], resources: str, scopes: str, items: str
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]]:
    """Yield each span or record with its resource's attributes and its scope."""
    for resource_group in mappings(document.get(resources)):
        resource = _mapping(resource_group.get("resource"))
        attributes = _attributes(resource.get("attributes"))
        for scope_group in mappings(resource_group.get(scopes)):
            scope = _mapping(scope_group.get("scope"))
            for item in mappings(scope_group.get(items)):
                yield attributes, scope, item


def _span(
    span: Mapping[str, Any], resource: Mapping[str, Any], scope: Mapping[str, Any]
) -> SpanRecord | None:
    trace_id = _identity(span.get("traceId"), _TRACE_ID_BYTES)
    span_id = _identity(span.get("spanId"), _SPAN_ID_BYTES)
    if not trace_id or not span_id:
        return None
    status = _mapping(span.get("status"))
    start = _integer(span.get("startTimeUnixNano"))
    return SpanRecord(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=_identity(span.get("parentSpanId"), _SPAN_ID_BYTES),
        name=text_of(span, "name"),
        kind=_kind(span.get("kind")),
        start=start,
        # a clock that was set back must not make a negative time
        end=max(start, _integer(span.get("endTimeUnixNano"))),
        is_error=status.get("code") in _ERROR,
        message=text_of(status, "message"),
        service=text_of(resource, "service.name"),
        scope=text_of(scope, "name"),
        attributes=_attributes(span.get("attributes")),
        events=[_event(event) for event in mappings(span.get("events"))],
    )


def _event(event: Mapping[str, Any]) -> SpanEvent:
    time = _integer(event.get("timeUnixNano"))
    return SpanEvent(text_of(event, "name"), time, _attributes(event.get("attributes")))


def _kind(kind: object) -> int:
    """Return the number of a kind, which JSON may also have as a word."""
    if isinstance(kind, str):
        word = kind.removeprefix("SPAN_KIND_")
        return _KINDS.index(word) if word in _KINDS else 0
    return kind if isinstance(kind, int) and 0 <= kind < len(_KINDS) else 0


def _identity(value: object, size: int) -> str:
    """Return an id of so many bytes as hexadecimal digits; empty where it is none.

    Protobuf's own JSON has base64 there, which is longer or shorter than the digits.
    """
    if not isinstance(value, str) or not value:
        return ""
    # 16 bytes have 32 digits but 24 characters of base64, 8 bytes 16 and 12
    is_hexadecimal = len(value) == 2 * size
    try:
        raw = bytes.fromhex(value) if is_hexadecimal else base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        return ""
    # an id of zeros means that there is none
    return raw.hex() if len(raw) == size and any(raw) else ""


def _attributes(pairs: object) -> dict[str, Any]:
    return {
        str(pair["key"]): _value(pair.get("value")) for pair in mappings(pairs) if "key" in pair
    }


def _value(value: object, depth: int = 0) -> Any:
    """Return OTLP's value as a plain one."""
    if depth > _MAX_DEPTH:
        return None
    # it has one field, whose name is its type
    for kind, content in _mapping(value).items():
        # texts in JSON, as its numbers cannot hold 64 bits
        if kind in ("intValue", "int_value"):
            return _integer(content)
        items = mappings(_mapping(content).get("values"))
        if kind == "arrayValue":
            return [_value(item, depth + 1) for item in items]
        if kind == "kvlistValue":
            return {str(pair.get("key")): _value(pair.get("value"), depth + 1) for pair in items}
        return content
    return None


def _integer(value: object) -> int:
    """Return a whole number, which JSON has as a text; 0 where it is none."""
    try:
        return int(value)  # pyright: ignore[reportArgumentType]  what is no number raises
    except (TypeError, ValueError, OverflowError):
        return 0


def _mapping(value: object) -> Mapping[str, Any]:
    """Return a mapping from outside; an empty one where it is none."""
    return value if is_mapping(value) else {}


CONTENT_EVENTS = frozenset({names.DETAILS_EVENT})
"""Log events whose attributes are the content of their span."""
