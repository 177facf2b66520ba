"""Streams and processes that end before they are done; sections B and G of the list of what must be survived."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import callspan
from callspan.testing.modelserver import ModelServer
from child import PRINTING, SOURCE, printed_spans, run
from clients import openai_client
from program import CHAT
from receiver import Receiver
from telemetry import Telemetry

PACKAGE = os.path.dirname(callspan.__file__)

# --- the process ends ----------------------------------------------------------------------------------------------

HALF_READ = """
import asyncio, openai, callspan
from opentelemetry import trace
url, order = sys.argv[1:]
if order == "before":
    callspan.instrument()
trace.set_tracer_provider(provider)
if order == "after":
    callspan.instrument()

async def main():
    global stream
    client = openai.AsyncOpenAI(base_url=url, api_key="any")
    stream = await client.chat.completions.create(
        model="gpt-4.1", messages=[{"role": "user", "content": "Hi"}], stream=True
    )
    await stream.__anext__()

asyncio.run(main())
"""


@pytest.mark.parametrize("order", ["before", "after"])
def test_a_loop_closed_half_way(model_server: ModelServer, order: str) -> None:
    """A stream left half read when its event loop closes: the span is exported at exit, and nothing of ours is said.

    In whatever order the app set its provider and instrumented. What asyncio says of the client's own generators
    depends on the order in which memory was given to them, with us and without, so it is not compared.
    """
    done = run(PRINTING + HALF_READ, model_server.url, order)
    [span] = printed_spans(done)
    assert (span["name"], span["callspan.outcome"]) == ("chat gpt-4.1", "abandoned")
    said = done.stderr.replace("callspan: no OpenTelemetry provider is set", "")
    for noise in (PACKAGE, "callspan:", "opentelemetry", "shutdown, dropping"):
        assert noise not in said


HELD = """
import openai
from opentelemetry import trace
trace.set_tracer_provider(provider)
client = openai.OpenAI(base_url=sys.argv[1], api_key="any")
stream = client.chat.completions.create(
    model="gpt-4.1", messages=[{"role": "user", "content": "Hi"}], stream=True
)
next(stream)
"""
INSTRUMENT = "import callspan; callspan.instrument()\n"


@pytest.mark.parametrize(
    "parts", [(PRINTING, INSTRUMENT, HELD), (INSTRUMENT, PRINTING, HELD)], ids=["after", "before"]
)
def test_a_stream_held_until_the_program_ends(
    model_server: ModelServer, parts: tuple[str, ...]
) -> None:
    """A stream that is still held when the program ends is ended before the provider shuts down.

    Whether the app made its provider before or after it instrumented.
    """
    done = run("".join(parts), model_server.url)
    assert [span["callspan.outcome"] for span in printed_spans(done)] == ["abandoned"]
    assert "shutdown" not in done.stderr


ONE_CALL = """
import openai, callspan
from opentelemetry import trace
trace.set_tracer_provider(provider)
callspan.instrument()
client = openai.OpenAI(base_url=sys.argv[1], api_key="any")
client.chat.completions.create(model="gpt-4.1", messages=[{"role": "user", "content": "Hi"}])
"""


def test_exit_without_shutdown(model_server: ModelServer) -> None:
    """A program that simply ends has its buffered spans sent."""
    done = run(PRINTING + ONE_CALL, model_server.url)
    assert [span["name"] for span in printed_spans(done)] == ["chat gpt-4.1"]
    assert done.stderr == ""


EXECUTOR = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

class OnThreads(SpanProcessor):
    pool = ThreadPoolExecutor(1)

    def on_end(self, span):
        self.pool.submit(print, json.dumps({"name": span.name, **dict(span.attributes)}))

provider = TracerProvider()
provider.add_span_processor(OnThreads())
"""


def test_exit_with_an_executor(model_server: ModelServer) -> None:
    """A processor that exports by an executor, which takes nothing more at exit: sent before, or one line says so."""
    held = (
        "said = [{'role': 'user', 'content': 'Hi'}]\n"
        "stream = client.chat.completions.create(model='gpt-4.1', messages=said, stream=True)\nnext(stream)\n"
    )
    done = run(EXECUTOR + ONE_CALL + held, model_server.url)
    assert [span["callspan.outcome"] for span in printed_spans(done)] == ["completed"]
    [line] = done.stderr.splitlines()
    assert line.startswith("callspan: ")
    assert "RuntimeError" in line


def test_exit_by_exception(model_server: ModelServer) -> None:
    """A program that dies of an exception keeps its traceback, its exit code and its spans."""
    done = run(PRINTING + ONE_CALL + "raise RuntimeError('mine')", model_server.url)
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("RuntimeError: mine")
    assert '"chat gpt-4.1"' in done.stdout


FLUSHED = (
    ONE_CALL
    + """
print("flushed", callspan.flush(5))
sys.stdout.flush()
import os
os._exit(0)  # frozen right after the handler returned
"""
)


def test_flush_before_a_freeze(model_server: ModelServer) -> None:
    """`flush()` sends what was recorded, for functions that are frozen as soon as they return."""
    done = run(PRINTING + FLUSHED, model_server.url)
    assert [span["name"] for span in printed_spans(done)] == ["chat gpt-4.1"]
    assert "flushed True" in done.stdout


def test_flush_sends_all_signals(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """`flush()` reaches the providers that `instrument()` was given: traces, metrics and logs."""
    flushed = []
    for name, provider in telemetry.providers.items():
        monkeypatch.setattr(
            provider,
            "force_flush",
            lambda *args, name=name, **kwargs: flushed.append(name) or True,
            raising=True,
        )
    assert callspan.flush(5)
    assert sorted(flushed) == ["logger_provider", "meter_provider", "tracer_provider"]


SERVED = """
import sys, openai, callspan
callspan.configure(otlp=sys.argv[2])
callspan.instrument()
client = openai.OpenAI(base_url=sys.argv[1], api_key="any")
for _ in sys.stdin:
    client.chat.completions.create(model="gpt-4.1", messages=[{"role": "user", "content": "Hi"}])
    print(callspan.flush(60), flush=True)
"""


def test_a_program_frozen_between_requests(model_server: ModelServer) -> None:
    """What `flush()` said was sent is at the collector when the process is frozen, and so after each thaw."""
    variables = {
        "PYTHONPATH": SOURCE,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "NO_PROXY": "127.0.0.1",
    }
    with Receiver() as receiver:
        words = [sys.executable, "-c", SERVED, model_server.url, receiver.url]
        with subprocess.Popen(
            words,
            env={**os.environ, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as program:
            try:
                for number in (1, 2, 3):
                    _serve_and_freeze(program)
                    total = model_server.ledger.total_told
                    assert receiver.ends == {("gpt-4.1", "completed"): number}
                    assert sum(receiver.metric_tokens.values()) == total.input + total.output
            finally:
                program.kill()


def _serve_and_freeze(program: subprocess.Popen[str]) -> None:
    assert program.stdin is not None
    assert program.stdout is not None
    program.send_signal(signal.SIGCONT)
    print(file=program.stdin, flush=True)
    assert program.stdout.readline() == "True\n"
    program.send_signal(signal.SIGSTOP)


# --- the process forks ---------------------------------------------------------------------------------------------

FORKED = (
    ONE_CALL
    + """
import os
stream = client.chat.completions.create(
    model="gpt-stream", messages=[{"role": "user", "content": "Hi"}], stream=True
)
next(stream)
child = os.fork()
if child == 0:
    fresh = openai.OpenAI(base_url=sys.argv[1], api_key="any")
    fresh.chat.completions.create(model="gpt-child", messages=[{"role": "user", "content": "Hi"}])
    for _ in fresh.chat.completions.create(
        model="gpt-child-stream", messages=[{"role": "user", "content": "Hi"}], stream=True
    ):
        pass
    sys.exit(0)
os.waitpid(child, 0)
for _ in stream:
    pass
"""
)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_program(model_server: ModelServer) -> None:
    """After a fork both processes report their own calls, each once, and the half-read stream its true end."""
    done = run(PRINTING + FORKED, model_server.url)
    spans = printed_spans(done)
    outcomes = sorted((span["gen_ai.request.model"], span["callspan.outcome"]) for span in spans)
    assert outcomes == [
        ("gpt-4.1", "completed"),
        ("gpt-child", "completed"),
        ("gpt-child-stream", "completed"),
        ("gpt-stream", "completed"),
    ]


def test_a_trace_that_is_not_sampled(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A span that is not sampled is not exported, but its duration and tokens are still recorded."""
    telemetry.instrument(tracer_provider=TracerProvider(sampler=ALWAYS_OFF))
    with openai_client(model_server.url) as client:
        client.chat.completions.create(**CHAT)
    assert telemetry.all_spans == []
    assert telemetry.points("gen_ai.client.operation.duration")[0]["count"] == 1
    assert set(telemetry.tokens) == {"input", "output"}
