"""A signal handler that makes a model call, wherever in our own work or OpenTelemetry's it interrupts the program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from callspan.testing.modelserver import ModelServer

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="no such signals here")
SECONDS = 180
PROGRAM = """
import contextlib, faulthandler, importlib, json, os, signal, sys, threading
faulthandler.dump_traceback_later(170, exit=True)

armed = []

class Interrupting:
    "A lock; while one is armed, the signal comes to whoever has just taken it."

    def __init__(self, make):
        self._lock = make()

    def acquire(self, *arguments, **options):
        taken = self._lock.acquire(*arguments, **options)
        if armed and threading.current_thread() is threading.main_thread():
            armed.pop()
            signal.raise_signal(signal.SIGUSR1)
        return taken

    def release(self):
        self._lock.release()

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *_):
        self.release()

def interrupting(module, *names):
    with contextlib.suppress(ImportError):
        found = importlib.import_module(module)
        for name in names:
            if hasattr(found, name):
                make = getattr(threading, name)
                setattr(found, name, lambda make=make: Interrupting(make))

for module in (
    "opentelemetry.sdk.metrics._internal.aggregation",
    "opentelemetry.sdk.metrics._internal._view_instrument_match",
    "opentelemetry.sdk.metrics._internal.measurement_consumer",
    "opentelemetry.sdk.metrics._internal.metric_reader_storage",
    "opentelemetry.sdk.metrics._internal",
):
    interrupting(module, "Lock", "RLock")

import callspan
from openai import OpenAI
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
tracers = TracerProvider()
tracers.add_span_processor(SimpleSpanProcessor(spans))
callspan.instrument(tracer_provider=tracers, meter_provider=MeterProvider([reader]), extra_metrics=["active"])
client = OpenAI()

def ask(stream):
    answer = client.chat.completions.create(
        model="gpt-4.1-mini",
        messages=[{"role": "user", "content": "Roses?"}],
        stream=stream,
        **({"stream_options": {"include_usage": True}} if stream else {}),
    )
    return list(answer) if stream else answer

STREAM, FLUSH = __STREAM__, __FLUSH__

def handle(number, frame):
    ask(STREAM)
    if FLUSH:
        callspan.flush(0.2)

signal.signal(signal.SIGUSR1, handle)

calls = 0
with callspan.count_tokens() as count:
    for _ in range(12):
        armed.append(True)
        ask(STREAM)
        calls += 1 if armed else 2
        armed.clear()
        callspan.flush()
told = [
    point.count
    for resource in reader.get_metrics_data().resource_metrics
    for scope in resource.scope_metrics
    for metric in scope.metrics
    if metric.name == "gen_ai.client.operation.duration"
    for point in metric.data.data_points
]
print(json.dumps([calls > 12, calls - len(spans.get_finished_spans()), calls - count.calls, calls - sum(told)]))
"""


@pytest.mark.parametrize("flush", [False, True], ids=["", "flushes"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_call_in_a_signal_handler(
    tmp_path: Path, model_server: ModelServer, stream: bool, flush: bool
) -> None:
    """It comes while the main thread holds a lock of OpenTelemetry's: nothing waits for ever and no call is lost."""
    program = tmp_path / "app.py"
    program.write_text(PROGRAM.replace("__STREAM__", str(stream)).replace("__FLUSH__", str(flush)))
    environment = {
        **os.environ,
        "OPENAI_BASE_URL": model_server.url,
        "OPENAI_API_KEY": "k",
        "NO_PROXY": "127.0.0.1",
    }
    ran = subprocess.run(
        [sys.executable, str(program)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "[true, 0, 0, 0]\n"), ran.stderr


FILE_PROGRAM = """
import faulthandler, json, os, signal, sys
faulthandler.dump_traceback_later(170, exit=True)

import callspan
from callspan.export.line_writer import LineWriter
from opentelemetry.sdk.metrics._internal.instrument import _Histogram

armed = []

def interrupting(owner, name):
    original = getattr(owner, name)
    def interrupt(*arguments, **options):
        if name in armed:
            armed.remove(name)
            signal.raise_signal(signal.SIGUSR1)
        return original(*arguments, **options)
    setattr(owner, name, interrupt)

interrupting(LineWriter, "submit")  # while a span ends
interrupting(_Histogram, "record")  # while a thread records

callspan.configure(file="spans.jsonl")
callspan.instrument()
question = [{"role": "user", "content": "Roses?"}]
if "anthropic" in sys.argv:
    from anthropic import Anthropic
    client = Anthropic(api_key="k")
    def ask():
        client.messages.create(model="claude-haiku-4-5", max_tokens=20, messages=question)
else:
    from openai import OpenAI
    client = OpenAI()
    def ask():
        client.chat.completions.create(model="gpt-4.1-mini", messages=question)

signal.signal(signal.SIGUSR1, lambda *_: ask())
for name in ("submit", "record"):
    ask()
    armed.append(name)
    ask()
    print(armed)
callspan.flush()
"""


@pytest.mark.parametrize("client", ["openai", "anthropic"])
def test_a_call_in_a_signal_handler_while_the_file_takes_a_span(
    tmp_path: Path, model_server: ModelServer, client: str
) -> None:
    """Each call has one span, the client's own beside it none."""
    program = tmp_path / "app.py"
    program.write_text(FILE_PROGRAM)
    environment = {
        **os.environ,
        "OPENAI_BASE_URL": model_server.url,
        "OPENAI_API_KEY": "k",
        "ANTHROPIC_BASE_URL": model_server.url.removesuffix("/v1"),
        "NO_PROXY": "127.0.0.1",
    }
    ran = subprocess.run(
        [sys.executable, str(program), client],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "[]\n[]\n"), ran.stderr
    assert "failed and is skipped" not in ran.stderr
    assert len(model_server.requests) == 6
    assert [name.split()[0] for name in _span_names(tmp_path / "spans.jsonl")] == ["chat"] * 6


def _span_names(path: Path) -> list[str]:
    """Return the names of the spans in a file, in the order of their ends."""
    requests = [json.loads(line) for line in path.read_text().splitlines()]
    return [
        span["name"]
        for request in requests
        for resource in request.get("resourceSpans", ())
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
