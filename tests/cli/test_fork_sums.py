"""What is counted before a fork is exported once, however many processes there are."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callspan.testing.modelserver import ModelServer, Reply
from callspan.testing.modelserver.ledger import Counts
from receiver import Receiver

from .conftest import ASK, SECONDS, Command, environment, spans
from .test_servers import WSGI, _needs, _until_two_workers_answered, running

CHAT = "chat gpt-4.1-mini"
IGNORING = [sys.executable, "-W", "ignore::DeprecationWarning", "app.py"]
"""Since 3.12 Python warns of any fork while there are threads, and whatever exports in the background is one."""
FORKS = {
    "os.fork": """
child = os.fork()
if child == 0:
    ask()
    sys.exit()
os.waitpid(child, 0)
""",
    "multiprocessing": """
child = multiprocessing.get_context("fork").Process(target=ask)
child.start()
child.join()
""",
    "a pool": """
with multiprocessing.get_context("fork").Pool(1) as pool:
    pool.apply(short)
""",
}
FORKING = """
import multiprocessing, os, sys
from ask import ask
def short():
    ask()
ask()
%s
ask()
"""


@pytest.fixture
def counted(model: ModelServer) -> None:
    """The first call has a hundred tokens, and each after it one."""
    one = Reply(usage=Counts(input=1))
    model.enqueue(Reply(usage=Counts(input=90, output=10)), *[one] * 300)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A collector on loopback."""
    with Receiver() as receiver:
        yield receiver


def tokens(folder: Path) -> int:
    """The tokens of the last metrics in each file, over all files."""
    total = 0
    for path in folder.glob("traces.jsonl*"):
        metrics: list[Any] = [
            metric
            for line in path.read_text().splitlines()
            for resource in json.loads(line).get("resourceMetrics", ())
            for scope in resource["scopeMetrics"]
            for metric in scope["metrics"]
            if metric["name"] == "gen_ai.client.token.usage"
        ]
        total += sum(
            int(point["sum"])
            for metric in metrics[-1:]
            for point in metric["histogram"]["dataPoints"]
        )
    return total


@pytest.mark.parametrize("how", FORKS)
def test_a_fork_counts_once(
    callspan: Command,
    folder: Path,
    write,
    openai_variables: dict[str, str],
    counted: None,
    receiver: Receiver,
    how: str,
) -> None:
    """A hundred tokens, a fork, and one more in each: 102, in the files and at the collector."""
    write("ask.py", ASK)
    write("app.py", FORKING % FORKS[how])
    otlp = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    }
    result = callspan("run", "--file", "traces.jsonl", *IGNORING, env={**openai_variables, **otlp})
    assert (result.returncode, result.stderr) == (0, b"")
    assert (
        tokens(folder)
        == sum(receiver.metric_tokens.values())
        == sum(receiver.span_tokens.values())
        == 102
    )
    assert len(spans(folder / "traces.jsonl")) == sum(receiver.ends.values()) == 3


@_needs("gunicorn", "gunicorn")
def test_a_server_that_calls_before_it_forks_counts_once(
    folder: Path, write, openai_variables: dict[str, str], counted: None
) -> None:
    """A hundred tokens while the app is loaded, and one more for each request in the workers."""
    write("shop.py", WSGI + "\nask()\n")
    with running(
        folder,
        openai_variables,
        "gunicorn",
        "--preload",
        "--workers",
        "2",
        "--no-control-socket",
        "-b",
        "127.0.0.1:0",
        "shop:app",
    ) as server:
        calls = _until_two_workers_answered(server)
        assert server.stop(signal.SIGTERM) == 0
    assert tokens(folder) == 100 + calls
    assert len(spans(folder / "traces.jsonl")) == 1 + calls


def test_forks_while_threads_record(
    callspan: Command, folder: Path, write, openai_variables: dict[str, str], receiver: Receiver
) -> None:
    """Whatever locks other threads hold at a fork, the child makes its call, exports it, and ends."""
    write("ask.py", ASK)
    write(
        "app.py",
        """
        import os, sys, threading
        from ask import OpenAI, ask
        ask()  # what is imported late has to be there: Python's locks of imports are not ours
        over = threading.Event()
        def work():
            with OpenAI() as client:
                while not over.is_set():
                    client.embeddings.create(model="text-embedding-3-small", input=["tulips"])
        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads: thread.start()
        for _ in range(int(sys.argv[1])):
            child = os.fork()
            if child == 0:
                ask()
                sys.exit()
            assert os.waitpid(child, 0)[1] == 0
        over.set()
        for thread in threads: thread.join()
        """,
    )
    otlp = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    }
    result = callspan(
        "run", *IGNORING, "5", env={**openai_variables, **otlp, "CALLSPAN_FLUSH_TIMEOUT": "60"}
    )
    assert (result.returncode, result.stderr) == (0, b"")
    assert len(receiver.instances) == 6


THREADS_IN_CHILD = """
import os, sys, threading
import callspan
callspan.configure(otlp=sys.argv[1], file="traces.jsonl")
callspan.instrument()
from ask import ask
if os.fork() == 0:
    together = threading.Barrier(8)
    def first_call():
        together.wait()
        ask()
    threads = [threading.Thread(target=first_call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.exit()
os.wait()
"""


def test_first_calls_of_a_childs_threads_are_all_counted(
    folder: Path, write, openai_variables: dict[str, str], model: ModelServer, receiver: Receiver
) -> None:
    """A server that loads the app before it forks has workers whose threads begin at the same moment."""
    model.enqueue(*[Reply(usage=Counts(input=3))] * 8)
    write("ask.py", ASK)
    write("app.py", THREADS_IN_CHILD)
    done = subprocess.run(
        [*IGNORING, receiver.url],
        cwd=folder,
        env=environment(**openai_variables),
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert sum(receiver.ends.values()) == 8
    assert receiver.metric_tokens["gpt-4.1-mini", "input"] == 24
