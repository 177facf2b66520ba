"""What a program gives away by having callspan in it: no connection, no file that others can read."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from packaging.requirements import Requirement

from callspan.export.destinations import prometheus_address
from callspan.testing.modelserver import ModelServer
from child import run

PROJECT = Path(__file__).parents[1]

WATCHED = """
import socket, sys

reached = []

def watch(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        reached.append(tuple(arguments[1][:2]))
    elif event == "socket.bind" and isinstance(arguments[1], tuple):
        reached.append(("bound", arguments[1][0]))
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "urllib.Request"):
        reached.append((event, arguments[0]))

sys.addaudithook(watch)
import atexit
atexit.register(lambda: print(*sorted(set(map(str, reached))), sep="\\n"))
import callspan
callspan.configure(file=sys.argv[2])
callspan.instrument(capture="both", estimate="missing", cost=True)
from openai import OpenAI
with OpenAI(base_url=sys.argv[1], api_key="any") as client, callspan.count_tokens() as count:
    ask = [{"role": "user", "content": "Which flowers?"}]
    client.chat.completions.create(model="gpt-4.1", messages=ask)
    for _ in client.chat.completions.create(model="gpt-4.1", messages=ask, stream=True):
        pass
    count.cost
callspan.flush()
callspan.status()
"""


def test_a_program_reaches_nothing_but_its_model(model_server: ModelServer, tmp_path: Path) -> None:
    """Not at import, not in a call with estimates and prices, not at exit; and nothing is listened on."""
    done = run(WATCHED, model_server.url, str(tmp_path / "traces.jsonl"))
    assert done.returncode == 0, done.stderr
    reached = [
        line
        for line in done.stdout.splitlines()
        if "getaddrinfo" not in line or "127.0.0.1" not in line
    ]
    assert reached == [f"('127.0.0.1', {model_server.port})"]


def test_metrics_are_served_to_this_machine_only_unless_said_otherwise() -> None:
    assert prometheus_address(":9464") == prometheus_address("9464") == ("127.0.0.1", 9464)
    assert prometheus_address("0.0.0.0:9464") == ("0.0.0.0", 9464)


WRITING = """
import os, sys, callspan
from callspan.runtime import owner_only
from callspan.cli import tokens
os.umask(0)
os.chdir(sys.argv[1])
callspan.configure(file="traces.jsonl")
owner_only.claim("claimed.jsonl")
callspan.FileHandler("lines.txt").close()
from pathlib import Path
tokens._write(Path("ranks/one"), b"")
"""


def test_files_are_the_users_own(tmp_path: Path) -> None:
    """Whatever the umask: they may hold what was said."""
    done = run(WRITING, str(tmp_path))
    assert done.returncode == 0, done.stderr
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes == {
        "traces.jsonl": 0o600, "claimed.jsonl": 0o600, "lines.txt": 0o600, "ranks": 0o700, "one": 0o600
    }  # fmt: skip


def test_dependencies_are_few_and_ranged() -> None:
    """Each has a lowest version and stops before the next major one; the lock lies within, and names no host."""
    project = (PROJECT / "pyproject.toml").read_text()
    listed = re.search(r"^dependencies = \[(.*?)^\]", project, re.DOTALL | re.MULTILINE)
    assert listed is not None
    needed = [Requirement(text) for text in re.findall(r'"(.*?)"', listed[1])]
    assert len(needed) == 5
    assert [sorted(part.operator for part in each.specifier) for each in needed] == [
        ["<", ">="]
    ] * 5
    lock = [
        line
        for line in (PROJECT / "requirements-dev.lock").read_text().splitlines()
        if not line.startswith("#")
    ]
    assert not [line for line in lock if not re.fullmatch(r"[a-z0-9-]+==[a-z0-9.!]+", line)]
    locked = dict(line.split("==") for line in lock)
    assert all(each.specifier.contains(locked[each.name]) for each in needed)
