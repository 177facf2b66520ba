"""Spans that programs send, by OTLP over HTTP."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from .conftest import Page, served, until
from .lines import chat, span

PROGRAM = """
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
with provider.get_tracer("shop").start_as_current_span("order"):
    provider.get_tracer("shop").start_span("chat m", attributes={"gen_ai.operation.name": "chat"}).end()
"""


@pytest.fixture(scope="module")
def shared() -> Iterator[httpx.Client]:
    """A page for tests that leave nothing on it."""
    with served("--port", "0") as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_a_program_that_sends_protobuf(page: Page, tmp_path: Path, compression: str) -> None:
    client = page()
    app = tmp_path / "app.py"
    app.write_text(PROGRAM)
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": str(client.base_url),
        "OTEL_EXPORTER_OTLP_COMPRESSION": compression,
        "OTEL_SERVICE_NAME": "a shop",
    }
    subprocess.run([sys.executable, app], env={**os.environ, **variables}, check=True)
    html = until(client, "/", "order")
    assert "a shop" in html
    assert "1 call," in html


def test_json_with_gzip_and_without(page: Page) -> None:
    client = page()
    plain = json.dumps(span(1, "plain", chat("a", "b"))).encode()
    packed = gzip.compress(json.dumps(span(2, "packed", chat("a", "b"), trace=2)).encode())
    headers = {"content-type": "application/json; charset=utf-8"}
    assert client.post("/v1/traces", content=plain, headers=headers).json() == {}
    headers["content-encoding"] = "gzip"
    assert client.post("/v1/traces", content=packed, headers=headers).status_code == 200
    html = client.get("/").text
    assert "plain" in html
    assert "packed" in html


def test_metrics_are_taken_and_let_go(shared: httpx.Client) -> None:
    assert shared.post("/v1/metrics", content=b"anything").status_code == 200


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-type": "application/json"}, b"{"),
        ({"content-type": "application/json"}, b"[]"),
        ({"content-type": "application/json"}, b"\xff"),
        ({"content-type": "application/json", "content-encoding": "gzip"}, b"no gzip"),
        ({"content-type": "application/x-protobuf"}, b"\xff\xff\xff"),
    ],
)
def test_what_is_not_understood_is_refused_and_the_page_goes_on(
    shared: httpx.Client, headers: dict[str, str], body: bytes
) -> None:
    assert shared.post("/v1/traces", content=body, headers=headers).status_code == 400
    assert shared.get("/").status_code == 200


@pytest.mark.parametrize(
    "document",
    [
        {"resourceSpans": 5},
        {
            "resourceSpans": [
                {"scopeSpans": [{"spans": [None, {}, {"traceId": "xyz", "spanId": []}]}]}
            ]
        },
        {"resourceSpans": [{"resource": 1, "scopeSpans": [{"scope": "s", "spans": "t"}]}]},
    ],
)
def test_odd_documents_are_taken_for_what_they_hold(shared: httpx.Client, document: object) -> None:
    headers = {"content-type": "application/json"}
    assert shared.post("/v1/traces", json=document, headers=headers).status_code == 200
    assert "Nothing has come in yet" in shared.get("/").text


def test_an_unpacked_request_has_a_limit(shared: httpx.Client) -> None:
    bomb = gzip.compress(b" " * (80 << 20))
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    assert shared.post("/v1/traces", content=bomb, headers=headers).status_code == 413


def test_numbers_and_ids_from_outside(page: Page) -> None:
    """Counts past what a database takes, a parent that is its own child, and a span that ends before it begins."""
    client = page()
    facts = chat("a", "b", (10**30, -5))
    documents = [
        span(1, "first", facts, parent=2, took=-50),
        span(2, "second", facts, parent=1),
        span(
            3,
            "third",
            {"gen_ai.usage.input_tokens": "many", "callspan.cost.usd": "dear"},
            parent=99,
        ),
    ]
    for document in documents:
        assert client.post("/v1/traces", json=document).status_code == 200
    html = client.get(f"/traces/{1:032x}").text
    assert all(name in html for name in ("first", "second", "third"))
    assert "the span around it is not here" in html


def test_the_oldest_traces_go_when_there_are_more_than_are_kept(page: Page) -> None:
    client = page("--keep", "10")
    for number in range(1, 31):
        document = span(number, f"call-{number:02}", chat("a", "b"), trace=number, start=number)
        assert client.post("/v1/traces", json=document).status_code == 200
    html = client.get("/").text
    assert [number for number in range(1, 31) if f"call-{number:02}" in html] == list(range(21, 31))


def test_what_comes_in_is_told_to_the_page(page: Page) -> None:
    client = page()
    with client.stream("GET", "/changes") as response:
        lines = (line for line in response.iter_lines() if line.startswith("data:"))
        first = next(lines)
        with httpx.Client(base_url=client.base_url) as other:
            other.post("/v1/traces", json=span(1, "new", chat("a", "b")))
        assert next(lines) != first
