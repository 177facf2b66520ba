"""The console never cuts a line of the program's, wherever both are printed."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from callspan.runtime import line
from callspan.runtime.output_line import OUTPUT

SOURCE = Path(__file__).resolve().parents[2] / "src"
START = """
import sys, threading, asyncio
import callspan
from opentelemetry import trace
callspan.configure(console=True)
tracer = trace.get_tracer("test")

def trace_once(name):
    tracer.start_span(name).end()
"""
CHAT = """
for token in ("Tulips ", "last ", "a week"):
    print(token, end="", flush=True)
trace_once("answer")
print(".", flush=True)
print("Ask again", flush=True)
"""
KINDS = ("terminal", "pipe", "file")


def run(program: str, kind: str, tmp_path: Path) -> list[str]:
    """Return the lines of a program whose stdout and stderr are one terminal, pipe or file."""
    names = ("COLUMNS", "NO_COLOR", "FORCE_COLOR")
    environment = {key: value for key, value in os.environ.items() if key not in names}
    environment |= {"PYTHONPATH": str(SOURCE), "TERM": "dumb", "COLUMNS": "80"}
    command = [sys.executable, "-c", START + program]
    if kind == "pipe":
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, check=True
        )
        return done.stdout.decode().splitlines()
    if kind == "file":
        path = tmp_path / "output"
        with path.open("wb") as file:
            subprocess.run(command, stdout=file, stderr=file, env=environment, check=True)
        return path.read_text(encoding="utf-8").splitlines()
    return _run_on_terminal(command, environment)


def _run_on_terminal(command: list[str], environment: dict[str, str]) -> list[str]:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as program:
        os.close(theirs)
        pieces: list[bytes] = []
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # how Linux says that the program has closed the terminal
                break
            if not piece:
                break
            pieces.append(piece)
        os.close(ours)
        assert program.wait() == 0
    return b"".join(pieces).decode().splitlines()


def is_tree(line: str, name: str) -> bool:
    return line.startswith(f"{name}  ")


@pytest.mark.parametrize("kind", KINDS)
def test_a_tree_waits_for_the_end_of_the_line(kind: str, tmp_path: Path) -> None:
    lines = run(CHAT, kind, tmp_path)
    assert lines[0] == "Tulips last a week."
    assert is_tree(lines[1], "answer")
    assert lines[2:] == ["Ask again"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_tree_comes_at_once_where_no_line_is_open(kind: str, tmp_path: Path) -> None:
    lines = run('print("one")\ntrace_once("answer")\nprint("two")', kind, tmp_path)
    assert lines[0] == "one"
    assert is_tree(lines[1], "answer")
    assert lines[2:] == ["two"]


@pytest.mark.parametrize("kind", KINDS)
def test_at_the_end_a_tree_begins_a_line(kind: str, tmp_path: Path) -> None:
    lines = run('print("no end", end="")\ntrace_once("answer")', kind, tmp_path)
    assert lines[0] == "no end"
    assert is_tree(lines[1], "answer")
    assert len(lines) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_text_with_an_end_of_line_inside_goes_on_below_the_tree(kind: str, tmp_path: Path) -> None:
    program = 'print("one", end="")\ntrace_once("answer")\nprint(" line\\nnext", end="")\nprint()'
    lines = run(program, kind, tmp_path)
    assert lines[0] == "one line"
    assert is_tree(lines[1], "answer")
    assert lines[2:] == ["next"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_on_stderr_is_not_cut_either(kind: str, tmp_path: Path) -> None:
    program = """
        print("to ", end="", file=sys.stderr)
        trace_once("answer")
        print("stderr", file=sys.stderr)
    """
    lines = run(_dedent(program), kind, tmp_path)
    assert lines[0] == "to stderr"
    assert is_tree(lines[1], "answer")


@pytest.mark.parametrize("kind", KINDS)
def test_traces_of_threads_and_tasks_wait_too(kind: str, tmp_path: Path) -> None:
    program = """
        async def work(name):
            trace_once(name)

        async def main():
            print("a ", end="", flush=True)
            await asyncio.gather(*(work(f"task{number}") for number in range(3)))
            print("whole ", end="", flush=True)
            thread = threading.Thread(target=trace_once, args=("thread",))
            thread.start()
            await asyncio.to_thread(thread.join)
            print("line")

        asyncio.run(main())
    """
    lines = run(_dedent(program), kind, tmp_path)
    assert lines[0] == "a whole line"
    names = [line.partition("  ")[0] for line in lines[1:]]
    assert names == ["task0", "task1", "task2", "thread"]


def test_many_threads_that_print_lines_have_each_of_them_whole(tmp_path: Path) -> None:
    program = """
        def work(number):
            for _ in range(50):
                sys.stdout.write(f"line of {number}\\n")
                trace_once("answer")

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    """
    lines = run(_dedent(program), "pipe", tmp_path)
    assert sum(line.startswith("line of ") and len(line) == 9 for line in lines) == 200
    assert sum(is_tree(line, "answer") for line in lines) == 200
    assert len(lines) == 400


def test_a_child_prints_nothing_that_its_parent_has_yet_to_print(tmp_path: Path) -> None:
    program = """
        import os
        print("open ", end="", flush=True)
        trace_once("answer")
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        print("line")
    """
    lines = run(_dedent(program), "pipe", tmp_path)
    assert lines[0] == "open line"
    assert [is_tree(line, "answer") for line in lines[1:]] == [True]


def test_where_stdout_goes_elsewhere_nothing_waits(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    command = [sys.executable, "-c", START + CHAT]
    done = subprocess.run(command, capture_output=True, env=environment, check=True)
    assert done.stdout == b"Tulips last a week.\nAsk again\n"
    assert is_tree(done.stderr.decode(), "answer")


class Cell(io.TextIOBase):
    """A stream of a notebook: both go to one cell, and there is no file."""

    def __init__(self, pieces: list[str]) -> None:
        self._pieces = pieces

    def write(self, text: str) -> int:
        self._pieces.append(text)
        return len(text)


def test_the_cell_of_a_notebook_is_one_destination(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[str] = []
    monkeypatch.setattr(sys, "stdout", Cell(pieces))
    monkeypatch.setattr(sys, "stderr", Cell(pieces))
    OUTPUT.watch(sys.stderr)
    print("in one", end="")
    OUTPUT.print(sys.stderr, "tree\n")
    print(" cell")
    OUTPUT.finish()
    assert "".join(pieces) == "in one cell\ntree\n"


def test_the_stream_stays_the_object_that_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the program's own, with its own `write` again at the end."""
    stream: Any = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", stream)
    OUTPUT.watch(stream)
    assert sys.stdout is stream
    assert "write" in vars(stream)
    assert print("Tulips", file=stream) is None
    with pytest.raises(TypeError):
        stream.write(b"bytes")
    OUTPUT.finish()
    assert vars(stream) == {"mode": stream.mode} if "mode" in vars(stream) else not vars(stream)


def test_a_write_that_the_program_has_put_there_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    stream: Any = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    texts: list[str] = []
    stream.write = texts.append
    own_write = stream.write
    monkeypatch.setattr(sys, "stderr", stream)
    OUTPUT.print(stream, "tree\n")
    OUTPUT.finish()
    assert texts == ["tree\n"]
    assert stream.write is own_write


class TakenTexts(deque[Any]):
    """Texts of which another thread takes each one just before it is taken here."""

    def popleft(self) -> Any:
        self.clear()
        return super().popleft()


def test_a_text_that_another_thread_has_printed_is_no_error_of_print(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two threads may end a line at once, and one text waits for both."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(line, "deque", TakenTexts)
    OUTPUT.watch(stream)
    print("Tulips", end="")
    OUTPUT.print(stream, "tree\n")
    print(" bloom")
    OUTPUT.finish()
    assert stream.getvalue() == "Tulips bloom\n"


class Everything:
    """A stream of the program's that takes any object."""

    def __init__(self) -> None:
        self.objects: list[object] = []

    def write(self, value: object) -> int:
        self.objects.append(value)
        return 1

    def flush(self) -> None:
        pass


def test_a_stream_of_the_program_s_takes_what_it_took(monkeypatch: pytest.MonkeyPatch) -> None:
    stream: Any = Everything()
    monkeypatch.setattr(sys, "stdout", stream)
    OUTPUT.watch(stream)
    stream.write(7)
    stream.write("in a line")
    OUTPUT.print(stream, "tree\n")
    stream.write(8)
    stream.write("\n")
    OUTPUT.finish()
    assert stream.objects == [7, "in a line", 8, "\n", "tree\n"]


def _dedent(program: str) -> str:
    return "\n".join(line[8:] for line in program.splitlines())
