"""A forked child has none of the parent's other threads: no lock, no reservation and no event of theirs holds it up."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import callspan
from callspan.testing.modelserver import ModelServer, Reply

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
SOURCE = Path(callspan.__file__).parent
SECONDS = 120
SETUP = """
import os, signal, sys, threading
import callspan
from callspan.runtime import process
from openai import OpenAI

client = OpenAI()

def ask(max_tokens=20):
    return client.chat.completions.create(
        model="gpt-4.1-mini", messages=[{"role": "user", "content": "Roses?"}], max_tokens=max_tokens
    )

def fork(child):
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)
        child()
        sys.stdout.flush()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""


def _run(
    code: str, folder: Path, server: ModelServer, *words: str
) -> subprocess.CompletedProcess[str]:
    program = folder / "app.py"
    program.write_text(SETUP + textwrap.dedent(code))
    environment = {
        **os.environ,
        "OPENAI_BASE_URL": server.url,
        "OPENAI_API_KEY": "k",
        "NO_PROXY": "127.0.0.1",
    }
    return subprocess.run(
        [sys.executable, *words, str(program)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


EVERYTHING = """
class Slow:
    async def on_end(self, call, response):
        pass

budget = callspan.budget(usd=1, tokens=10**6, calls=100)
callspan.configure(console=True, file="spans.jsonl")
lines = callspan.FileHandler("lines.txt")
callspan.instrument(cost=True, estimate="missing", handlers=[Slow(), lines], budget=budget)

with callspan.count_tokens() as count:
    ask()
    locks = [
        (name, getattr(owner, name))
        for (_, name), (reference, _) in process._locks.items()
        if (owner := reference()) is not None
    ]
    held, done = threading.Event(), threading.Event()

    def hold():
        for _, lock in locks:
            lock.acquire()
        held.set()
        done.wait()
        for _, lock in locks:
            lock.release()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()

    def child():
        ask()
        callspan.instrument(handlers=[Slow()])
        ask()
        print("child", count.calls, count.cost > 0, budget.spent["calls"], callspan.flush(20))

    code = fork(child)
    done.set()
    holder.join()
    ask()
print("parent", code, count.calls, budget.spent["calls"], len(locks) > 10)
"""


def test_every_lock_held_by_another_thread(tmp_path: Path, model_server: ModelServer) -> None:
    """The child calls, counts, instruments anew and flushes; the parent goes on as before."""
    ran = _run(EVERYTHING, tmp_path, model_server)
    assert ran.stdout == "child 3 True 2 True\nparent 0 2 2 True\n", ran.stderr
    assert ran.returncode == 0


FIRST_CALL = """
import concurrent.futures.thread, platform
from callspan.cli import deferred as late
from callspan.export import providers

begun, forked = threading.Event(), threading.Event()
setup = providers.setup

def slow_setup(*arguments, **options):
    begun.set()
    forked.wait({seconds})
    setup(*arguments, **options)

platform.platform()  # the client asks for it in its first call, and Python 3.11 holds a lock meanwhile
providers.setup = slow_setup
caller = threading.Thread(target=ask)
caller.start()
begun.wait()
code = fork(ask)
forked.set()
caller.join()
print(code)
"""


@pytest.mark.parametrize("seconds", [0.1, 20], ids=["ends soon", "takes long"])
def test_another_thread_in_its_first_call(
    tmp_path: Path, model_server: ModelServer, seconds: float
) -> None:
    """Under `callspan run` that thread is setting the providers up. The fork waits for it, though not for ever."""
    code = FIRST_CALL.replace("{seconds}", str(seconds))
    ran = _run(code, tmp_path, model_server, "-m", "callspan.cli", "run", "--file", "spans.jsonl")
    assert (ran.returncode, ran.stdout) == (0, "0\n"), ran.stderr
    assert len(model_server.requests) == 2


IN_FLIGHT = """
callspan.instrument()
sent = threading.Event()
ask()  # what the client imports in its first call is there, or the child would wait for an import of the parent's

class Start:
    def on_start(self, call):
        sent.set()

budget = callspan.budget(tokens=1100, calls=2)

def caller():
    with budget, callspan.use_handlers(Start()):
        ask(max_tokens=1000)

thread = threading.Thread(target=caller)
thread.start()
sent.wait()

def child():
    global client
    client = OpenAI()  # the pool of the other has a lock of its own
    with budget:
        ask(max_tokens=1000)
        print("calls", budget.spent["calls"])

print("child", fork(child))
thread.join()
print("parent", budget.spent["calls"])
"""


def test_what_the_parent_has_reserved(tmp_path: Path, model_server: ModelServer) -> None:
    """A call in flight is the parent's: in the child its reservation is given back, as nobody there ends it."""
    model_server.enqueue(Reply(), Reply(delay=3))
    ran = _run(IN_FLIGHT, tmp_path, model_server)
    assert ran.stdout == "calls 1\nchild 0\nparent 1\n", ran.stderr


WAITING_EVENTS = """
import asyncio, time

class Never:
    async def on_end(self, call, response):
        await asyncio.sleep(60)

callspan.instrument(handlers=[Never()])
ask()
began = time.monotonic()

def child():
    print(callspan.flush(30), time.monotonic() - began < 20)

print(fork(child))
os._exit(0)
"""


def test_events_that_wait_in_the_parent(tmp_path: Path, model_server: ModelServer) -> None:
    """A handler's events that were not told before the fork are not waited for in the child."""
    ran = _run(WAITING_EVENTS, tmp_path, model_server)
    assert ran.stdout == "True True\n0\n", ran.stderr


def test_each_lock_is_made_for_forks() -> None:
    """No code of ours in the app's process makes a lock that a child would find held."""
    # a child of Prometheus's gives its client a new lock
    plain = re.compile(r"(?<!REGISTRY\._lock )= (threading\.)?R?Lock\(\)|default_factory=threading")
    # the model server and the page are programs of their own
    programs = {"modelserver", "view"}
    # the watcher of imports loads nothing of callspan's, and renews its lock itself
    own = "callspan_watch.py"
    files = [path for path in SOURCE.rglob("*.py") if programs.isdisjoint(path.parts)]
    files = [path for path in files if path.name != own]
    assert len(files) > 100
    assert [path.name for path in files if plain.search(path.read_text())] == []


def test_each_lock_is_registered_by_its_name() -> None:
    """A lock registered by another name than its attribute's would stay taken in a forked child."""
    misnamed: list[str] = []
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Assign) and _registered_name(node.value) is not None:
                target = ast.unparse(node.targets[0]).removeprefix("self.")
                if target != _registered_name(node.value):
                    misnamed.append(f"{path.name}: {ast.unparse(node)}")
    assert misnamed == []


def _registered_name(value: ast.expr) -> str | None:
    """Return the name that a call of `own_lock` registers, or `None` for any other expression."""
    if not isinstance(value, ast.Call):
        return None
    function = ast.unparse(value.func)
    if function.rpartition(".")[2] != "own_lock":
        return None
    return ast.literal_eval(value.args[1]) if len(value.args) > 1 else "_lock"
