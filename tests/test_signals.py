"""A signal handler that makes a model call, wherever in our own work or OpenTelemetry's it interrupts the program."""

from __future__ import annotations

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
faulthandler.dump_traceback_later(100, exit=True)

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
