"""A program that leaves SIGTERM alone dies by it, with its telemetry sent; one that does not is left alone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from .conftest import ASK, COMMAND, SECONDS, Command, environment, spans

CHAT = "chat gpt-4.1-mini"
DURATION = "gen_ai.client.operation.duration"
STREAM = """
def opened():
    stream = OpenAI().chat.completions.create(
        model="gpt-4.1", messages=[{"role": "user", "content": "A poem"}], stream=True
    )
    next(iter(stream))
    return stream
"""
READY = "print('ready', flush=True)\n"


@pytest.fixture
def ask(write) -> None:
    """A module with a plain call and one that opens a stream."""
    write("ask.py", ASK + STREAM)


@contextmanager
def started(
    folder: Path, openai_variables: dict[str, str], *words: str, **more: str
) -> Iterator[subprocess.Popen[str]]:
    """The program under `callspan run`, once it has said that it is ready."""
    with subprocess.Popen(
        [*COMMAND, "run", "--file", "traces.jsonl", *words],
        stdin=subprocess.PIPE,  # for what waits until its end
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(**openai_variables, **more),
        cwd=folder,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n", process.communicate()
            yield process
        finally:
            process.kill()


def outcomes(folder: Path) -> dict[str, list[str]]:
    """How the calls of each model ended, as the file tells."""
    ends: dict[str, list[str]] = {}
    for span in spans(folder / "traces.jsonl"):
        attributes = {item["key"]: item["value"].get("stringValue") for item in span["attributes"]}
        ends.setdefault(span["name"], []).append(attributes["callspan.outcome"])
    return ends


def durations(folder: Path) -> int:
    """How many calls the metric of durations counts, over all processes: it is exported at the end of each only."""
    count = 0
    for path in folder.glob("traces.jsonl*"):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        metrics: list[Any] = [
            m
            for line in lines
            for r in line.get("resourceMetrics", ())
            for s in r["scopeMetrics"]
            for m in s["metrics"]
        ]
        last = [metric for metric in metrics if metric["name"] == DURATION][-1:]
        count += sum(
            int(point["count"]) for metric in last for point in metric["histogram"]["dataPoints"]
        )
    return count


BUSY = {
    "asleep": "import time; time.sleep(600)",
    "waiting for a lock": "import threading; threading.Lock().acquire() and threading.Event().wait()",
    "reading": "import os; os.read(os.pipe()[0], 1)",
    "running": "while True: pass",
    "in an event loop": "import asyncio; asyncio.run(asyncio.sleep(600))",
    "with threads": "import threading; threading.Thread(target=threading.Event().wait).start()",
}


@pytest.mark.parametrize("busy", BUSY)
def test_a_program_that_leaves_the_signal_alone_is_flushed_and_dies_by_it(
    folder: Path, write, openai_variables: dict[str, str], ask: None, busy: str
) -> None:
    write("app.py", f"from ask import ask\nask()\n{READY}{BUSY[busy]}")
    with started(folder, openai_variables, "app.py") as program:
        program.send_signal(signal.SIGTERM)
        assert program.communicate(timeout=SECONDS) == ("", "")
        assert program.returncode == -signal.SIGTERM
    assert (outcomes(folder), durations(folder)) == ({CHAT: ["completed"]}, 1)


def test_a_thread_that_python_does_not_know_gets_the_signal(
    folder: Path, write, openai_variables: dict[str, str], ask: None
) -> None:
    """So does one that is just being created; nothing is lost by it."""
    write(
        "app.py",
        """
        import ctypes, signal, threading
        from ask import ask
        ask()
        libc, thread = ctypes.CDLL(None), ctypes.c_ulong()
        sleep = ctypes.cast(libc.sleep, ctypes.c_void_p)
        libc.pthread_create(ctypes.byref(thread), None, sleep, ctypes.c_void_p(600))
        print("ready", flush=True)
        signal.pthread_kill(thread.value, signal.SIGTERM)
        threading.Event().wait()
        """,
    )
    with started(folder, openai_variables, "app.py") as program:
        assert program.communicate(timeout=SECONDS) == ("", "")
        assert program.returncode == -signal.SIGTERM
    assert (outcomes(folder), durations(folder)) == ({CHAT: ["completed"]}, 1)


def test_threads_that_begin_and_end_meanwhile(
    folder: Path, write, openai_variables: dict[str, str], ask: None
) -> None:
    """They come to their end while the signal is caught, and it is neither lost nor turned into a crash."""
    write(
        "app.py",
        """
        import threading
        from ask import ask
        ask()
        def run():
            while True:
                thread = threading.Thread(target=sorted, args=(range(100),))
                thread.start()
                thread.join()
        for _ in range(4):
            threading.Thread(target=run, daemon=True).start()
        print("ready", flush=True)
        run()
        """,
    )
    for _ in range(3):
        with started(folder, openai_variables, "app.py") as program:
            program.send_signal(signal.SIGTERM)
            assert program.communicate(timeout=SECONDS) == ("", "")
            assert program.returncode == -signal.SIGTERM
    assert outcomes(folder) == {CHAT: ["completed"] * 3}


@pytest.mark.parametrize("when", ["before its first client", "after closing all files"])
def test_a_file_of_the_program_at_the_descriptor_of_the_event_is_not_touched(
    folder: Path, write, openai_variables: dict[str, str], ask: None, when: str
) -> None:
    take = """
        for descriptor in range(3, 40):
            if CLOSE:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        file = os.open("mine", os.O_CREAT | os.O_WRONLY)
        os.dup2(file, int(signal.SIGTERM))
        """.replace("CLOSE", str(when == "after closing all files"))
    imports = "from ask import ask"
    steps = [take, imports] if when == "before its first client" else [imports, take]
    lines = "".join(textwrap.dedent(step).strip() + "\n" for step in steps)
    write(
        "app.py",
        f"import contextlib, os, signal\n{lines}ask()\n{READY}import time; time.sleep(600)",
    )
    with started(folder, openai_variables, "app.py") as program:
        program.send_signal(signal.SIGTERM)
        assert program.communicate(timeout=SECONDS)[0] == ""
        assert program.returncode == -signal.SIGTERM
    assert (folder / "mine").read_bytes() == b""


@pytest.mark.parametrize("where", ["main thread", "worker threads", "daemon threads"])
def test_streams_that_are_open_then_are_told(
    folder: Path, write, openai_variables: dict[str, str], ask: None, where: str
) -> None:
    write(
        "app.py",
        f"""
        import threading
        from ask import opened
        held, wait = [], threading.Event()
        def hold():
            held.append(opened())
            opening.wait()
            wait.wait()
        if {where == "main thread"}:
            held += [opened(), opened()]
        else:
            opening = threading.Barrier(3)
            for _ in range(2):
                threading.Thread(target=hold, daemon={where == "daemon threads"}).start()
            opening.wait()
        print("ready", flush=True)
        wait.wait()
        """,
    )
    with started(folder, openai_variables, "app.py") as program:
        program.send_signal(signal.SIGTERM)
        assert program.communicate(timeout=SECONDS) == ("", "")
        assert program.returncode == -signal.SIGTERM
    assert (outcomes(folder), durations(folder)) == ({"chat gpt-4.1": ["abandoned"] * 2}, 2)


def test_the_program_sees_no_handler(
    folder: Path, write, openai_variables: dict[str, str], ask: None
) -> None:
    """Nor do its children: their signal is neither caught nor blocked."""
    write(
        "app.py",
        """
        import re, signal, subprocess, sys
        from ask import ask
        ask()
        look = "import re; print(*re.findall(r'Sig(?:Blk|Cgt|Ign):.*', open('/proc/self/status').read()))"
        print("ready", flush=True)
        print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, signal.pthread_sigmask(signal.SIG_BLOCK, []))
        seen = subprocess.check_output([sys.executable, "-S", "-c", look], text=True)
        print([int(mask, 16) >> (signal.SIGTERM - 1) & 1 for mask in re.findall("[0-9a-f]{16}", seen)])
        """,
    )
    with started(folder, openai_variables, "app.py") as program:
        assert program.communicate(timeout=SECONDS)[0] == "True set()\n[0, 0, 0]\n"


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("by", ["signal", "asyncio"])
def test_a_handler_of_the_program_is_the_only_one(
    folder: Path, write, openai_variables: dict[str, str], ask: None, when: str, by: str
) -> None:
    """Set before the first call or after it, and it finds the default action there before it."""
    set_up = {
        "signal": "print(signal.signal(signal.SIGTERM, lambda *_: (print('mine'), sys.exit(5))) is signal.SIG_DFL)",
        "asyncio": "loop.add_signal_handler(signal.SIGTERM, lambda: (print('mine'), sys.exit(5))); print(True)",
    }
    steps = [set_up[by], "ask()"] if when == "before" else ["ask()", set_up[by]]
    write(
        "app.py",
        "import asyncio, signal, sys\nfrom ask import ask\nasync def main():\n    loop = asyncio.get_running_loop()\n"
        + "".join(f"    {step}\n" for step in steps)
        # short sleeps: a signal that comes just before a long one begins does not interrupt it
        + "    print('set', flush=True)\n    while True:\n        await asyncio.sleep(0.05)\n"
        + "print('ready', flush=True)\nasyncio.run(main())\n",
    )
    with started(folder, openai_variables, "app.py") as program:
        assert program.stdout is not None
        assert [program.stdout.readline() for _ in range(2)] == ["True\n", "set\n"]
        program.send_signal(signal.SIGTERM)
        assert program.communicate(timeout=SECONDS)[0] == "mine\n"
        assert program.returncode == 5
    assert durations(folder) == 1


def test_a_signal_that_is_ignored_stays_so(
    folder: Path, write, openai_variables: dict[str, str], ask: None
) -> None:
    write(
        "app.py",
        f"""
        import os, signal, sys
        from ask import ask
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        ask()
        {READY.strip()}
        os.kill(os.getpid(), signal.SIGTERM)
        print(sys.stdin.readline())
        """,
    )
    with started(folder, openai_variables, "app.py") as program:
        assert program.communicate(timeout=SECONDS) == ("\n", "")
        assert program.returncode == 0


@pytest.mark.parametrize(
    "way", ["os.kill(os.getpid(), signal.SIGTERM)", "signal.raise_signal(signal.SIGTERM)"]
)
def test_a_program_that_kills_itself_does_nothing_more(
    callspan: Command, folder: Path, write, openai_variables: dict[str, str], ask: None, way: str
) -> None:
    write("app.py", f"import os, signal\nfrom ask import ask\nask()\n{way}\nprint('alive')")
    result = callspan("run", "--file", "traces.jsonl", "app.py", env=openai_variables)
    assert (result.returncode, result.stdout, result.stderr) == (-signal.SIGTERM, b"", b"")
    assert durations(folder) == 1


def test_a_program_that_ends_meanwhile_dies_by_the_signal(
    callspan: Command, folder: Path, write, openai_variables: dict[str, str], ask: None
) -> None:
    """As `signal.pause()` returns, it comes to its end while its last words are said."""
    write(
        "app.py",
        """
        import os, signal, subprocess
        from ask import ask
        ask()
        subprocess.Popen(["/bin/sh", "-c", f"kill -TERM {os.getpid()}"])
        signal.pause()
        """,
    )
    result = callspan("run", "--file", "traces.jsonl", "app.py", env=openai_variables)
    assert (result.returncode, result.stderr) == (-signal.SIGTERM, b"")
    assert durations(folder) == 1


def test_a_dead_collector_does_not_hold_the_end_up(
    folder: Path, write, openai_variables: dict[str, str], ask: None
) -> None:
    """The time for the exit holds here too, and that telemetry is lost is said once."""
    write("app.py", f"from ask import ask\nask()\n{READY}import time; time.sleep(600)")
    dead = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "CALLSPAN_FLUSH_TIMEOUT": "0.5"}
    with started(folder, openai_variables, "app.py", **dead) as program:
        program.send_signal(signal.SIGTERM)
        lines = program.communicate(timeout=SECONDS)[1].splitlines()
        assert program.returncode == -signal.SIGTERM
    assert lines[-1:] == ["callspan: 1 span and 4 metrics could not be sent to http://127.0.0.1:1"]


def test_processes_that_multiprocessing_terminates(
    callspan: Command, folder: Path, write, openai_variables: dict[str, str], ask: None
) -> None:
    """`with Pool()` terminates its workers, and a Process may be terminated: what they told is not lost."""
    write(
        "app.py",
        """
        import multiprocessing, time
        from ask import ask
        def short(question):
            return ask(question).object
        def long(connection):
            ask()
            connection.send("asked")
            time.sleep(600)
        context = multiprocessing.get_context("fork")
        short("first")
        with context.Pool(2) as pool:
            pool.map(short, "abcdef", chunksize=3)
        here, there = context.Pipe()
        child = context.Process(target=long, args=(there,))
        child.start()
        here.recv()
        child.terminate()
        child.join()
        print(child.exitcode)
        """,
    )
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "app.py"]
    result = callspan("run", "--file", "traces.jsonl", *command, env=openai_variables)
    assert (result.stdout, result.stderr) == (b"-15\n", b"")
    assert (outcomes(folder), durations(folder)) == ({CHAT: ["completed"] * 8}, 8)


def test_children_that_are_ended_at_once_end_alone(
    callspan: Command, write, openai_variables: dict[str, str], ask: None
) -> None:
    """A signal to a child that has just been forked ends that child, every time, and never its parent."""
    write(
        "app.py",
        """
        import os, signal, time
        from ask import ask
        ask()
        for _ in range(200):
            child = os.fork()
            if child == 0:
                time.sleep(600)
            os.kill(child, signal.SIGTERM)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
        print("alive")
        """,
    )
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "app.py"]
    result = callspan("run", "--file", os.devnull, *command, env=openai_variables)
    assert (result.stdout, result.stderr, result.returncode) == (b"alive\n", b"", 0)


def _namespaces() -> bool:
    unshare = shutil.which("unshare")
    return (
        unshare is not None
        and not subprocess.run(
            [unshare, "-r", "-p", "-f", "true"], capture_output=True, check=False
        ).returncode
    )


@pytest.mark.skipif(not _namespaces(), reason="no namespace of processes can be made here")
def test_process_1_of_a_container_goes_on(
    folder: Path, write, openai_variables: dict[str, str], ask: None
) -> None:
    """The kernel spares it from signals that it does not handle; what was told is out, for SIGKILL comes next."""
    write(
        "app.py",
        f"""
        import os, sys
        from ask import ask
        ask()
        assert os.getpid() == 1
        {READY.strip()}
        sys.stdin.readline()
        ask()
        """,
    )
    with subprocess.Popen(
        ["unshare", "-r", "-p", "-f", *COMMAND, "run", "--file", "traces.jsonl", "app.py"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(**openai_variables), cwd=folder, text=True,
    ) as outer:  # fmt: skip
        assert outer.stdin is not None
        assert outer.stdout is not None
        assert outer.stdout.readline() == "ready\n"
        [inner] = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()
        os.kill(int(inner), signal.SIGTERM)
        while DURATION not in (folder / "traces.jsonl").read_text():
            assert outer.poll() is None
            time.sleep(0.02)
        outer.communicate("\n", timeout=SECONDS)
    assert outer.returncode == 0
    assert outcomes(folder) == {CHAT: ["completed"] * 2}
