"""What becomes of calls, and of the process, when SIGTERM comes."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from callspan.testing.modelserver import ModelServer

from .conftest import ASK, COMMAND, SECONDS, environment, spans
from .test_endings import READY, durations, outcomes, started

ABSENT = "http://127.0.0.1:1"


@pytest.fixture
def ask(write) -> None:
    """A module with a plain call."""
    write("ask.py", ASK)


def test_no_call_begins_while_telemetry_is_sent(
    folder: Path, write, openai_variables: dict[str, str], ask: None, model: ModelServer
) -> None:
    """The program would be dead without us, so a call that it makes now would be paid for in vain."""
    silent = "import socket; listener = socket.create_server(('127.0.0.1', 0))"
    write(
        "app.py",
        f"""
        import os, sys
        {silent}
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{{listener.getsockname()[1]}}"
        from ask import ask
        ask()
        {READY.strip()}
        while True:
            ask()
        """,
    )
    with started(folder, openai_variables, "app.py", CALLSPAN_FLUSH_TIMEOUT="3") as program:
        program.send_signal(signal.SIGTERM)
        time.sleep(1)  # it is within the three seconds now: nothing else tells that no call comes
        calls = len(model.requests)
        program.communicate(timeout=SECONDS)
        assert program.returncode == -signal.SIGTERM
        assert len(model.requests) == calls
    assert len(spans(folder / "traces.jsonl")) == calls


def test_an_absent_collector_is_not_waited_for(
    folder: Path, write, openai_variables: dict[str, str], ask: None
) -> None:
    write("app.py", f"from ask import ask\nask()\n{READY}while True: ask()")
    with started(
        folder,
        openai_variables,
        "app.py",
        OTEL_EXPORTER_OTLP_ENDPOINT=ABSENT,
        CALLSPAN_FLUSH_TIMEOUT="30",
    ) as program:
        began = time.monotonic()
        program.send_signal(signal.SIGTERM)
        lines = program.communicate(timeout=SECONDS)[1].splitlines()
        assert program.returncode == -signal.SIGTERM
    assert time.monotonic() - began < 15
    number = len(spans(folder / "traces.jsonl"))
    noun = "span" if number == 1 else "spans"
    assert lines[-1] == f"callspan: {number} {noun} and 4 metrics could not be sent to {ABSENT}"
    assert durations(folder) == number


@pytest.mark.parametrize("way", ["threads", "asyncio"])
def test_an_answer_that_is_on_its_way_is_counted(
    folder: Path, write, openai_variables: dict[str, str], model: ModelServer, way: str
) -> None:
    """What the provider bills stands in the telemetry: the model server's book and the spans agree."""
    loops = {
        "threads": "[threading.Thread(target=ask_on).start() for _ in range(4)]",
        "asyncio": "asyncio.run(ask_on_together())",
    }
    write(
        "app.py",
        f"""
        import asyncio, threading
        from openai import AsyncOpenAI, OpenAI
        request = dict(model="gpt-4.1-mini", messages=[{{"role": "user", "content": "How long do tulips last?"}}])
        def ask_on():
            client = OpenAI()
            while True:
                client.chat.completions.create(**request)
        async def ask_on_together():
            client = AsyncOpenAI()
            async def ask():
                while True:
                    await client.chat.completions.create(**request)
            await asyncio.gather(*[ask() for _ in range(4)])
        OpenAI().chat.completions.create(**request)
        {READY.strip()}
        {loops[way]}
        """,
    )
    with started(folder, openai_variables, "app.py") as program:
        while len(model.requests) < 40:
            time.sleep(0.01)
        program.send_signal(signal.SIGTERM)
        program.communicate(timeout=SECONDS)
        assert program.returncode == -signal.SIGTERM
    (ends,) = outcomes(folder).values()
    # an event loop cannot be made to wait with one call and still to read the answers of others
    abandoned = ends.count("abandoned")
    assert abandoned <= (4 if way == "asyncio" else 0)
    # a call that was abandoned may not have reached the server yet; all others have
    assert len(ends) - abandoned <= len(model.requests) <= len(ends)


@pytest.mark.parametrize("reader", [True, False], ids=["that nobody drains", "without a reader"])
def test_a_file_that_takes_no_more_does_not_keep_the_process_alive(
    folder: Path, write, openai_variables: dict[str, str], ask: None, reader: bool
) -> None:
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    held = os.open(pipe, os.O_RDWR) if reader else None
    write(
        "app.py",
        f"from ask import ask\nfor _ in range(60): ask()\n{READY}import time; time.sleep(600)",
    )
    command = [*COMMAND, "run", "--file", pipe, "app.py"]
    env = environment(**openai_variables, CALLSPAN_FLUSH_TIMEOUT="1")
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, cwd=folder
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"ready\n"
        began = time.monotonic()
        program.send_signal(signal.SIGTERM)
        lines = program.communicate(timeout=SECONDS)[1].decode().splitlines()
        assert program.returncode == -signal.SIGTERM
        assert time.monotonic() - began < 4
    if held is not None:
        os.close(held)
    assert "could not be written to" in lines[-1]
    assert len(lines) == (1 if reader else 2), lines


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_program_with_closed_streams_runs_and_is_recorded(
    folder: Path, write, openai_variables: dict[str, str], ask: None, closed: str
) -> None:
    """And nothing that is written to where the streams were comes into the file."""
    write(
        "app.py",
        """
        import contextlib, os
        from ask import ask
        print("lost")
        ask()
        for descriptor in (0, 1, 2):
            with contextlib.suppress(OSError):
                os.write(descriptor, b"not telemetry")
        """,
    )
    command = " ".join([*COMMAND, "run", "--file", "traces.jsonl", "app.py", closed])
    ran = subprocess.run(
        ["/bin/sh", "-c", command],
        env=environment(**openai_variables),
        cwd=folder,
        timeout=SECONDS,
        check=False,
    )
    assert ran.returncode == 0
    assert len(spans(folder / "traces.jsonl")) == 1
    assert "not telemetry" not in (folder / "traces.jsonl").read_text()


def test_what_is_wrong_does_not_come_out_on_stdout_where_stderr_is_closed(folder: Path) -> None:
    command = " ".join([*COMMAND, "run", "no-such-program", "2>&-"])
    ran = subprocess.run(
        ["/bin/sh", "-c", command],
        env=environment(),
        cwd=folder,
        stdout=subprocess.PIPE,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (2, b"")
