"""The file of OTLP JSON lines: what was recorded reads back as it was."""

from __future__ import annotations

import base64
import inspect
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from callspan.export.file import File, LineFile
from callspan.export.otlp_json import line_of, span_lines
from callspan.runtime.errors import ConfigurationError

TYPES = {
    "resourceSpans": ExportTraceServiceRequest,
    "resourceLogs": ExportLogsServiceRequest,
    "resourceMetrics": ExportMetricsServiceRequest,
}


def read(line: str) -> Any:
    """A line as the request that it stands for, as the Collector reads it."""
    found = json.loads(line)
    (kind,) = found
    return ParseDict(_to_base64(found), TYPES[kind]())


def _to_base64(value: Any) -> Any:
    if isinstance(value, list):
        return [_to_base64(item) for item in value]
    if not isinstance(value, dict):
        return value
    ids = ("traceId", "spanId", "parentSpanId")
    return {
        key: base64.b64encode(bytes.fromhex(item)).decode() if key in ids else _to_base64(item)
        for key, item in value.items()
    }


@pytest.fixture
def file(tmp_path: Path) -> Iterator[File]:
    opened = File(str(tmp_path / "t.jsonl"))
    yield opened
    opened.close(time.monotonic() + 10)


def written(file: File, tmp_path: Path) -> list[str]:
    assert file.flush("traces", time.monotonic() + 10)
    return (tmp_path / "t.jsonl").read_text(encoding="utf-8").splitlines()


def test_spans_read_back_as_they_were(file: File, tmp_path: Path) -> None:
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    for processor in (SimpleSpanProcessor(memory), *file.span_processors()):
        provider.add_span_processor(processor)
    tracer = provider.get_tracer("test", "1", schema_url="https://example.com")
    linked = trace.SpanContext(2**127 + 1, 2**63 + 1, is_remote=True)
    attributes = {
        "text": "花",
        "big": 2**62,
        "list": ["a", "b"],
        "float": 0.5,
        "flag": True,
        "traceId": "none of ours",
    }
    with tracer.start_as_current_span(
        "root", attributes=attributes, links=[trace.Link(linked, {"spanId": "x"})]
    ):
        child = tracer.start_span("孩子", kind=trace.SpanKind.CLIENT)
        child.add_event("event", {"n": 1})
        child.set_status(trace.Status(trace.StatusCode.ERROR, "why"))
        child.end()
    lines = written(file, tmp_path)
    assert [read(line) for line in lines] == [
        encode_spans([span]) for span in memory.get_finished_spans()
    ]
    root = json.loads(lines[1])["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    context = memory.get_finished_spans()[1].context
    assert context is not None
    assert (root["traceId"], root["spanId"]) == (
        f"{context.trace_id:032x}",
        f"{context.span_id:016x}",
    )
    assert root["links"][0]["traceId"] == f"{linked.trace_id:032x}"
    assert {"key": "big", "value": {"intValue": str(2**62)}} in root["attributes"]
    assert {"key": "traceId", "value": {"stringValue": "none of ours"}} in root["attributes"]
    assert isinstance(root["startTimeUnixNano"], str)
    assert isinstance(root["kind"], int)
    assert "花" in lines[1]


def test_log_records_read_back_as_they_were(file: File, tmp_path: Path) -> None:
    from opentelemetry._logs import LogRecord, SeverityNumber
    from opentelemetry.sdk._logs import export

    if "event_name" not in inspect.signature(LogRecord).parameters:
        pytest.skip("this OpenTelemetry has no events yet")
    memory = getattr(export, "InMemoryLogRecordExporter", None) or export.InMemoryLogExporter
    memory = memory()
    provider = LoggerProvider(shutdown_on_exit=False)
    for processor in (export.SimpleLogRecordProcessor(memory), *file.log_processors()):
        provider.add_log_record_processor(processor)
    record = LogRecord(
        timestamp=5, severity_number=SeverityNumber.WARN, body={"text": "花"}, event_name="e"
    )
    provider.get_logger("test").emit(record)
    assert [read(line) for line in written(file, tmp_path)] == [
        encode_logs(memory.get_finished_logs())
    ]


def test_metrics_read_back_as_they_were() -> None:
    reader = InMemoryMetricReader()
    meter = MeterProvider([reader], shutdown_on_exit=False).get_meter("test")
    meter.create_counter("calls").add(2**40, {"a": "b"})
    provider = TracerProvider(shutdown_on_exit=False)
    with provider.get_tracer("test").start_as_current_span("for an exemplar"):
        meter.create_histogram("seconds", "s").record(0.5)
    data = reader.get_metrics_data()
    line = line_of(encode_metrics(data))
    assert read(line) == encode_metrics(data)
    assert '"exemplars":[{' in line


def test_lines_of_many_threads_are_each_whole(tmp_path: Path) -> None:
    files = [LineFile(str(tmp_path / "t.jsonl")) for _ in range(2)]
    line = json.dumps("花" * 5_000, ensure_ascii=False) + "\n"
    threads = [
        threading.Thread(target=lambda f=f: [f.write([line]) for _ in range(20)]) for f in files * 4
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "t.jsonl").read_text(encoding="utf-8") == line * 160
    for each in files:
        each.close()


def test_lines_are_appended(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text("before\n")
    file = LineFile(str(tmp_path / "t.jsonl"))
    file.write(["after\n"])
    file.close()
    assert (tmp_path / "t.jsonl").read_text() == "before\nafter\n"


def test_a_span_that_cannot_be_encoded_takes_no_other_with_it() -> None:
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("test")
    for text in ("good", "\ud83d", "better"):
        tracer.start_span("span", attributes={"text": text}).end()
    found = "".join(span_lines(memory.get_finished_spans()))
    assert "good" in found
    assert "better" in found


@pytest.mark.parametrize(
    ("path", "fix"),
    [("no/such/folder/t.jsonl", "there is no folder"), (".", "choose another file")],
)
def test_a_path_that_cannot_be_opened_is_one_line(path: str, fix: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=fix) as raised:
        File(str(tmp_path / path))
    assert "\n" not in str(raised.value)


@pytest.mark.guard_acts("the disk is full")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_one_warning(guard_reports: Any) -> None:
    file = LineFile("/dev/full")
    for _ in range(3):
        file.write(["line\n"])
    file.close()
    assert guard_reports.messages == [
        "callspan: telemetry cannot be written to '/dev/full': [Errno 28] No space left on device"
    ]
