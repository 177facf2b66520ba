"""The processes of a program have one /metrics, so that no call is missing."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from .conftest import ASK, COMMAND, environment

PROGRAM = """
import multiprocessing, subprocess, sys
from ask import ask

def work(is_over):
    print(ask().object, flush=True)
    is_over.wait()

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    is_over = context.Event()
    if sys.argv[2] == "first":
        print(ask().object, flush=True)
    children = [context.Process(target=work, args=(is_over,)) for _ in range(2)]
    for child in children: child.start()
    if sys.argv[2] != "first":
        print(ask().object, flush=True)
    sys.stdin.read()
    is_over.set()
    for child in children: child.join()
"""


def count(url: str) -> float:
    """The number of calls that a process has measured."""
    with urllib.request.urlopen(url) as answer:
        text = answer.read().decode()
    numbers = re.findall(r"^gen_ai_client_operation_duration_seconds_count\S* (\S+)$", text, re.M)
    return sum(map(float, numbers))


def wait_for(url: str, calls: int) -> None:
    """Wait until so many calls are in the metrics; workers write theirs each few seconds."""
    deadline = time.monotonic() + 60
    while True:
        # between the end of one that serves and the next one nobody listens
        with contextlib.suppress(OSError):
            if count(url) == calls:
                return
        assert time.monotonic() < deadline, f"there are not {calls} calls at {url}"
        time.sleep(0.05)


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("parent", ["first", "meanwhile"])
def test_the_calls_of_parent_and_workers_are_one_sum(
    folder: Path, write, openai_variables: dict[str, str], method: str, parent: str
) -> None:
    """Whoever comes first serves the address, and no other process says anything."""
    write("ask.py", ASK)
    write("app.py", PROGRAM)
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    words = [*COMMAND, "run", "--prometheus", address, "app.py", method, parent]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        words,
        env=environment(**openai_variables, TMPDIR=str(folder)),
        cwd=folder,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(3)] == ["chat.completion\n"] * 3
        wait_for(f"http://{address}/metrics", 3)
        _, rest = process.communicate("")
    assert (process.returncode, rest) == (0, "")
    assert list(folder.glob("callspan-metrics-*")) == []


POOL = """
import multiprocessing, sys, urllib.request
from ask import ask

def work(_):
    return ask().object

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    ask()
    with context.Pool(2, maxtasksperchild=1) as pool:
        print(len(pool.map(work, range(6), chunksize=1)))
        pool.close()
        pool.join()
    print(sum(
        float(line.split()[-1])
        for line in urllib.request.urlopen(f"http://{sys.argv[2]}/metrics").read().decode().splitlines()
        if line.startswith("gen_ai_client_operation_duration_seconds_count")
    ))
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_calls_of_recycled_workers_stay(
    folder: Path, write, openai_variables: dict[str, str], method: str
) -> None:
    """A pool whose workers end after one task each: at its end the sum has all their calls."""
    write("ask.py", ASK)
    write("app.py", POOL)
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    words = [*COMMAND, "run", "--prometheus", address, "app.py", method, address]
    ran = subprocess.run(
        words,
        env=environment(**openai_variables),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.stdout, ran.stderr) == ("6\n7.0\n", "")
