"""Many spans, sent to a collector as a program would that has all the time of the world."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult

from callspan.semconv import names

from .programs import SECONDS

BATCH = 500
TRACE = 100
"""Spans of one trace."""


def spans(service: str, number: int) -> list[ReadableSpan]:
    """Return so many ended spans, all but the first of each trace its children."""
    tracer = TracerProvider(
        resource=Resource({"service.name": service}), shutdown_on_exit=False
    ).get_tracer("flood")
    found: list[Any] = []
    for _ in range(number // TRACE):
        with tracer.start_as_current_span("order") as root:
            children = [
                tracer.start_span("chat", attributes={"number": index})
                for index in range(TRACE - 1)
            ]
            for child in children:
                child.end()
        found += [root, *children]
    return found


def model_spans(service: str, number: int) -> list[ReadableSpan]:
    """Return a span for each of so many models."""
    tracer = TracerProvider(
        resource=Resource({"service.name": service}), shutdown_on_exit=False
    ).get_tracer("flood")
    found: list[Any] = []
    for index in range(number):
        span = tracer.start_span(f"chat m-{index}", attributes={names.REQUEST_MODEL: f"m-{index}"})
        span.end()
        found.append(span)
    return found


def ids(spans: list[ReadableSpan]) -> set[str]:
    """Return the ids of spans as OTLP's JSON has them."""
    return {format(span.context.span_id, "016x") for span in spans if span.context is not None}


@contextmanager
def sender(url: str) -> Iterator[OTLPSpanExporter]:
    """An exporter that gives each attempt up after two seconds."""
    exporter = OTLPSpanExporter(url, insecure=True, timeout=2)
    yield exporter
    exporter.shutdown()


def send(exporter: OTLPSpanExporter, spans: list[ReadableSpan]) -> int:
    """Send all, each batch until it is taken; return how many attempts were refused."""
    refused = 0
    give_up = time.monotonic() + 2 * SECONDS
    for start in range(0, len(spans), BATCH):
        while exporter.export(spans[start : start + BATCH]) is not SpanExportResult.SUCCESS:
            refused += 1
            assert time.monotonic() < give_up, f"refused {refused} times"
    return refused
