"""Processes that the program starts are covered too, and each call is recorded once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from callspan.testing.modelserver import ModelServer

from .conftest import ASK, SECONDS, Command, environment, names

CHAT = "chat gpt-4.1-mini"


@pytest.mark.parametrize("call_first", [False, True])
@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_processes_of_multiprocessing(
    callspan: Command,
    folder: Path,
    write,
    openai_variables: dict[str, str],
    method: str,
    call_first: bool,
) -> None:
    write("ask.py", ASK)
    write(
        "app.py",
        f"""
        import multiprocessing
        from ask import ask
        if __name__ == "__main__":
            context = multiprocessing.get_context({method!r})
            if {call_first}:
                ask()
            children = [context.Process(target=ask) for _ in range(2)]
            for child in children: child.start()
            for child in children: child.join()
            print([child.exitcode for child in children])
        """,
    )
    result = callspan("run", "--file", "traces.jsonl", "app.py", env=openai_variables)
    assert (result.stdout, result.stderr) == (b"[0, 0]\n", b"")
    assert names(folder / "traces.jsonl") == [CHAT] * (3 if call_first else 2)


def test_a_pool_of_processes(
    callspan: Command, folder: Path, write, openai_variables: dict[str, str]
) -> None:
    write("ask.py", ASK)
    write(
        "app.py",
        """
        from concurrent.futures import ProcessPoolExecutor
        from ask import ask
        def short(question):
            return ask(question).object
        if __name__ == "__main__":
            short("first")
            with ProcessPoolExecutor(2) as pool:
                print(list(pool.map(short, "abc")))
        """,
    )
    result = callspan("run", "--file", "traces.jsonl", "app.py", env=openai_variables)
    assert (result.returncode, result.stderr) == (0, b"")
    assert names(folder / "traces.jsonl") == [CHAT] * 4


def test_a_python_program_started_by_the_program(
    callspan: Command, folder: Path, write, openai_variables: dict[str, str]
) -> None:
    write("ask.py", ASK)
    write("inner.py", "from ask import ask; ask()")
    write(
        "app.py", "import subprocess, sys; subprocess.run([sys.executable, 'inner.py'], check=True)"
    )
    callspan("run", "--file", "traces.jsonl", "app.py", env=openai_variables)
    assert names(folder / "traces.jsonl") == [CHAT]


def test_a_program_of_several_processes_has_one_table(
    callspan: Command, write, openai_variables: dict[str, str], model: ModelServer
) -> None:
    """Forked children, those that are started anew and those of a pool leave their sums to the first one."""
    write("ask.py", ASK)
    write("inner.py", "from ask import ask; ask()")
    write(
        "app.py",
        """
        import multiprocessing, os, subprocess, sys
        from ask import ask

        if __name__ == "__main__":
            ask()
            subprocess.run([sys.executable, "inner.py"], check=True)
            for kind in ("fork", "spawn"):
                child = multiprocessing.get_context(kind).Process(target=ask)
                child.start()
                child.join()
            print(os.path.exists(os.environ["CALLSPAN_RUN_TABLE"]), os.environ["CALLSPAN_RUN_TABLE"])
        """,
    )
    result = callspan("run", "--cost", "app.py", env=openai_variables)
    lines = result.stderr.decode().splitlines()
    table = lines.index("4 processes")
    assert lines[table + 1].split() == [
        "model",
        "calls",
        "input",
        "cached",
        "output",
        "reasoning",
        "total",
        "cost",
    ]
    _, calls, read, _, written, *_ = lines[table + 2].split()
    total = model.ledger.total_told
    assert (int(calls), int(read), int(written)) == (
        4,
        total.input,
        total.output,
    )
    assert len(lines) == table + 3
    was_there, path = result.stdout.decode().split()
    assert was_there == "True"
    assert not Path(path).exists()


def test_a_first_process_without_calls_has_the_table_of_its_children(
    callspan: Command, write, openai_variables: dict[str, str]
) -> None:
    """So it is in servers, whose first process only starts the others."""
    write("ask.py", ASK)
    write("inner.py", "from ask import ask; ask()")
    write(
        "app.py", "import subprocess, sys; subprocess.run([sys.executable, 'inner.py'], check=True)"
    )
    result = callspan("run", "app.py", env=openai_variables)
    lines = result.stderr.decode().splitlines()
    assert lines[-3] == "1 process"
    assert lines[-2].startswith("model ")


def test_a_child_that_outlives_the_program_has_a_table_of_its_own(
    callspan: Command, write, openai_variables: dict[str, str]
) -> None:
    """The same holds where the first process is no Python; a lost table would be worse than two."""
    write("ask.py", ASK)
    write("inner.py", "import os; from ask import ask; ask(); print(os.getpid())")
    shell = f"{sys.executable} inner.py; exit 0"
    result = callspan("run", "sh", "-c", shell, env=openai_variables)
    lines = result.stderr.decode().splitlines()
    assert lines[-3] == f"process {result.stdout.decode().strip()}"
    assert lines[-2].startswith("model ")


def test_forked_children_of_a_program_that_configures_have_no_table_of_their_own(
    write, folder: Path, openai_variables: dict[str, str]
) -> None:
    write("ask.py", ASK)
    program = write(
        "app.py",
        """
        import multiprocessing
        import callspan
        callspan.configure(console=True)
        callspan.instrument()
        from ask import ask

        ask()
        children = [multiprocessing.get_context("fork").Process(target=ask) for _ in range(2)]
        for child in children:
            child.start()
        for child in children:
            child.join()
        """,
    )
    result = subprocess.run(
        [sys.executable, program],
        env=environment(**openai_variables),
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS,
    )
    lines = result.stderr.splitlines()
    assert lines[-3] == "3 processes"
    assert lines[-1].split()[:2] == ["gpt-4.1-mini", "3"]
    assert len([line for line in lines if line.startswith("model ")]) == 1


def test_os_fork_with_a_half_read_stream(
    callspan: Command, folder: Path, write, openai_variables: dict[str, str]
) -> None:
    """The stream belongs to the parent, which reads it on; the child makes a call of its own."""
    write("ask.py", ASK)
    write(
        "app.py",
        """
        import os, sys
        from openai import OpenAI
        from ask import ask
        client = OpenAI()
        stream = client.chat.completions.create(
            model="gpt-4.1", messages=[{"role": "user", "content": "Write a poem"}], stream=True
        )
        next(iter(stream))
        child = os.fork()
        if child == 0:
            ask()
            sys.exit(0)
        os.waitpid(child, 0)
        print(len(list(stream)) > 1)
        """,
    )
    # Since 3.12 Python warns of any fork while there are threads, and whatever exports in the background is one.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "app.py"]
    result = callspan("run", "--file", "traces.jsonl", *command, env=openai_variables)
    assert (result.stdout, result.stderr) == (b"True\n", b"")
    assert names(folder / "traces.jsonl") == ["chat gpt-4.1", CHAT]
