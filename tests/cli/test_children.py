"""Processes that the program starts are covered too, and each call is recorded once."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest

from .conftest import ASK, Command, names

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


def test_the_table_of_a_child_says_which_process_it_is_of(
    callspan: Command, write, openai_variables: dict[str, str]
) -> None:
    """The program's own does not: most programs have one process."""
    write("ask.py", ASK)
    write("inner.py", "import os; from ask import ask; ask(); print(os.getpid())")
    write(
        "app.py",
        """
        import subprocess, sys
        from ask import ask
        ask()
        subprocess.run([sys.executable, "inner.py"], check=True)
        """,
    )
    result = callspan("run", "app.py", env=openai_variables)
    lines = result.stderr.decode().splitlines()
    labels = [before for before, line in itertools.pairwise(lines) if line.startswith("model ")]
    assert labels == [f"process {result.stdout.decode().strip()}", ""]


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
