"""Each process of a program serves its own /metrics, and says where, so that no call is missing."""

from __future__ import annotations

import re
import socket
import subprocess
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


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("parent", ["first", "meanwhile"])
def test_workers_serve_beside_their_parent(
    folder: Path, write, openai_variables: dict[str, str], method: str, parent: str
) -> None:
    """One has the port that was asked for, and each other one has a line with its own."""
    write("ask.py", ASK)
    write("app.py", PROGRAM)
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    words = [*COMMAND, "run", "--prometheus", address, "app.py", method, parent]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        words,
        env=environment(**openai_variables),
        cwd=folder,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert [process.stdout.readline() for _ in range(3)] == ["chat.completion\n"] * 3
        lines = [process.stderr.readline() for _ in range(2)]
        others = [re.search(r"on (http://\S+/metrics), as", line) for line in lines]
        assert all(others), lines
        urls = {f"http://{address}/metrics", *(match[1] for match in others if match)}
        assert len(urls) == 3
        assert sorted(map(count, urls)) == [1, 1, 1]
        _, rest = process.communicate("")
    assert (process.returncode, rest) == (0, "")
