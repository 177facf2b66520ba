"""Ctrl-C in a program whose threads are in the middle of calls: it ends as it would, and its calls are told."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from callspan.testing.modelserver import ModelServer, Reply

from .conftest import COMMAND, SECONDS, environment, spans

PROGRAM = """
import asyncio, threading
import watched
from openai import AsyncOpenAI, OpenAI

client = OpenAI()
held = []

def ask(model):
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": "Hi"}])

def opened(model):
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": "Hi"}], stream=True)

def hold(model):
    held.append(opened(model))
    next(held[-1])
    threading.Event().wait()

def read(model):
    for _ in opened(model):
        pass

async def aread(client, model):
    async for _ in await client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "Hi"}], stream=True
    ):
        pass

async def main():
    async with AsyncOpenAI() as client:
        asking = client.chat.completions.create(model="main-call", messages=[{"role": "user", "content": "Hi"}])
        await asyncio.gather(asking, aread(client, "main-stream"))

def start(work, model, daemon):
    threading.Thread(target=work, args=(model,), daemon=daemon).start()

start(ask, "worker-call", False)
start(read, "worker-stream", False)
start(ask, "daemon-call", True)
start(read, "daemon-stream", True)
start(hold, "daemon-held", True)
"""
THREADS = {
    "worker-call": "completed",
    "worker-stream": "completed",
    "daemon-call": "abandoned",
    "daemon-stream": "abandoned",
    "daemon-held": "abandoned",
}
MAIN = {
    "waiting": ("threading.Event().wait()", {}),
    "in a call": ("ask('main-call')", {"main-call": "cancelled"}),
    "in a stream": ("read('main-stream')", {"main-stream": "cancelled"}),
    "between two chunks": ("hold('main-held')", {"main-held": "abandoned"}),
    "in an event loop": (
        "asyncio.run(main())",
        {"main-call": "cancelled", "main-stream": "cancelled"},
    ),
}
"""What the main thread is doing, and how its own calls end."""
WATCHED = {
    "not at all": "",
    "by instrument()": "import callspan\ncallspan.configure(file='traces.jsonl')\ncallspan.instrument()",
    "by callspan run": "",
}
"""What stands in the module `watched`."""
RUN = [*COMMAND, "run"]


@contextmanager
def started(
    folder: Path, model: ModelServer, *words: str, **variables: str
) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*words, "app.py"],
        stderr=subprocess.PIPE,
        env=environment(OPENAI_BASE_URL=model.url, OPENAI_API_KEY="test", **variables),
        cwd=folder,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def interrupt(process: subprocess.Popen[str], model: ModelServer, calls: int) -> None:
    """Interrupt it when its calls have reached the model and all of its threads wait.

    Python does not notice a signal that comes just before it begins to wait, so that the program would wait on.
    """
    waiting = 0
    while waiting < 3:
        assert process.poll() is None, process.communicate()
        waiting = waiting + 1 if len(model.requests) == calls and asleep(process.pid) else 0
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)


def asleep(pid: int) -> bool:
    """Whether all threads of a process wait for something."""
    states = [
        path.read_text().rpartition(")")[2].split()[0]
        for path in Path(f"/proc/{pid}/task").glob("*/stat")
    ]
    return set(states) == {"S"}


def interrupted(folder: Path, main: str, watched: str) -> tuple[int, str]:
    """The exit code of the program, and what it said, where it is interrupted when all its calls are under way."""
    body, calls = MAIN[main]
    (folder / "app.py").write_text(PROGRAM + body)
    (folder / "watched.py").write_text(WATCHED[watched])
    words = [*RUN, "--file", "traces.jsonl"] if watched == "by callspan run" else [sys.executable]
    gates = {name: threading.Event() for name in (*THREADS, *calls)}
    with ModelServer() as model:
        for name, gate in gates.items():
            model.enqueue(
                Reply(gate=gate, gate_after=0 if name.endswith("-call") else 2), for_model=name
            )
        with started(folder, model, *words) as process:
            interrupt(process, model, len(gates))
            # the program waits for threads that are no daemons
            gates["worker-call"].set()
            gates["worker-stream"].set()
            _, stderr = process.communicate(timeout=SECONDS)
        for gate in gates.values():
            gate.set()
    return process.returncode, stderr


def frames(stderr: str) -> list[str]:
    """Lines of a traceback that tell where the program was, but not how far within a call, and of what it died."""
    lines = [
        line for line in stderr.splitlines() if re.match(r'  File ".*/app\.py".*<module>|\S', line)
    ]
    return [
        line for line in lines if "LogDeprecatedInitWarning" not in line
    ]  # of what the SDK of 1.37 does itself


@pytest.mark.parametrize("watched", ["by instrument()", "by callspan run"])
@pytest.mark.parametrize("main", MAIN)
def test_each_call_has_its_end_and_the_program_its_own(
    folder: Path, main: str, watched: str
) -> None:
    """Calls of threads that the program waits for complete; the others are ended where they stand."""
    code, stderr = interrupted(folder, main, watched)
    calls = [
        {item["key"]: item["value"].get("stringValue") for item in span["attributes"]}
        for span in spans(folder / "traces.jsonl")
    ]
    outcomes = sorted((each["gen_ai.request.model"], each["callspan.outcome"]) for each in calls)
    assert outcomes == sorted({**THREADS, **MAIN[main][1]}.items())
    unwatched = interrupted(folder, main, "not at all")
    assert (code, frames(stderr)) == (unwatched[0], frames(unwatched[1]))
    assert (code, frames(stderr)[-1]) == (-signal.SIGINT, "KeyboardInterrupt")


# -- a collector that takes the connection and says nothing ------------------------------------------------------------

ONE_CALL = """
import watched, time
from openai import OpenAI
OpenAI().chat.completions.create(model="any", messages=[{"role": "user", "content": "Hi"}])
time.sleep(600)
"""
TO_COLLECTOR = WATCHED["by instrument()"].replace("file='traces.jsonl'", "otlp=True")


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
@pytest.mark.parametrize("watched", ["by instrument()", "by callspan run"])
@pytest.mark.parametrize("seconds", ["0.5", "600"], ids=["in time", "pressed twice"])
def test_a_silent_collector(folder: Path, watched: str, protocol: str, seconds: str) -> None:
    """It is waited for within the time for the exit, or until Ctrl-C is pressed once more; what is lost is said."""
    (folder / "app.py").write_text(ONE_CALL)
    (folder / "watched.py").write_text(TO_COLLECTOR if watched == "by instrument()" else "")
    words = RUN if watched == "by callspan run" else [sys.executable]
    with ModelServer() as model, socket.create_server(("127.0.0.1", 0)) as silent:
        variables = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
            "OTEL_EXPORTER_OTLP_TIMEOUT": "600",
            "OTEL_BSP_SCHEDULE_DELAY": "600000",
            "CALLSPAN_FLUSH_TIMEOUT": seconds,
        }
        with started(folder, model, *words, **variables) as process:
            interrupt(process, model, 1)
            connection, _ = silent.accept()
            if seconds == "600":
                connection.recv(1)  # it is being sent
                process.send_signal(signal.SIGINT)
            _, stderr = process.communicate(timeout=SECONDS)
            connection.close()
    assert process.returncode == -signal.SIGINT
    assert stderr.count("Traceback") == 1
    assert stderr.count("callspan: not confirmed by http") == 1
