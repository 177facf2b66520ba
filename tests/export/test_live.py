"""What runs is shown while it runs, below the program's output, and is never part of it."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

pytest.importorskip("pyte", reason="pyte, the emulator of a terminal, is not installed")

from tests.export.screen import Screen

from callspan.export.text.live import LiveTrees, running_texts
from callspan.export.trace_buffer import MOST_SPANS_SEEN, TraceBuffer
from callspan.runtime.live_area import LiveArea

SECOND = 1_000_000_000
AGENT = """
print("Hello")
agent = start("agent florist", 5)
first = start("tool stock", 3, agent)
wait()
first.end()
second = start("chat gpt", 0, agent)
wait()
print("Tulips are ", end="", flush=True)
wait()
print("in.")
second.end()
agent.end()
print("Bye")
"""


def test_what_runs_is_shown_until_its_tree_takes_the_place() -> None:
    with Screen(AGENT) as screen:
        lines = screen.wait_for("tool stock")
        assert lines[:2] == ["Hello", ""]
        assert re.fullmatch(r"agent florist  running \d s", lines[2])
        assert re.fullmatch(r"└─ tool stock  running \d s", lines[3])
        screen.go_on()
        lines = screen.wait_for("chat gpt")
        assert re.fullmatch(r"├─ tool stock  \d\.\d\d s", lines[3])
        assert lines[4] == "└─ chat gpt  running 0 s"
        screen.go_on()
        # the program's line is not ended: what runs stands below it, and the cursor behind it
        screen.wait_for("Tulips are")
        screen.wait_for("agent florist")
        assert screen.cursor == (1, len("Tulips are "))
        screen.go_on()
        lines = screen.end()
    assert lines[:2] == ["Hello", "Tulips are in."]
    assert re.match(r"agent florist  \d+\.\d\d s   trace ", lines[2])
    assert [line[:7] for line in lines[3:]] == ["├─ tool", "└─ chat", "Bye"]


def test_a_trace_of_less_than_a_second_is_not_shown() -> None:
    program = """
old = start("old", 5)
new = start("new")
print("ready")
wait()
new.end()
old.end()
"""
    with Screen(program) as screen:
        lines = screen.wait_for("old  running")
        assert lines == ["ready", "", lines[2]]
        screen.go_on()
        screen.end()


def test_at_the_foot_of_the_screen_the_text_above_moves_up_whole() -> None:
    program = """
for number in range(20):
    print(f"line {number}")
root = start("root", 5)
start("step", 2, root)
wait()
print("more")
wait()
root.end()
"""
    with Screen(program, rows=6) as screen:
        screen.wait_for("step")
        screen.go_on()
        screen.wait_for("more")
        lines = screen.wait_for("root")
        assert lines[:4] == ["line 18", "line 19", "more", ""]
        screen.go_on()
        screen.end()
        printed = [line for line in screen.all_lines if line]
    assert printed[:21] == [*(f"line {number}" for number in range(20)), "more"]
    assert printed[21].startswith("root  ")


def test_an_answer_is_typed_above_what_runs() -> None:
    program = """
root = start("root", 5)
name = input("Name? ")
print("Hello", name)
wait()
root.end()
"""
    with Screen(program) as screen:
        screen.wait_for("root  running")
        screen.wait_for("Name?")
        assert screen.cursor == (0, len("Name? "))
        screen.type("Ann\n")
        lines = screen.wait_for("Hello Ann")
        assert lines == ["Name? Ann", "Hello Ann"]
        screen.go_on()
        lines = screen.end()
    assert lines[:2] == ["Name? Ann", "Hello Ann"]
    assert lines[2].startswith("root  ")
    assert len(lines) == 3


ROOM = """
import io, pty, termios, tty
from callspan.runtime.output_line import OUTPUT

def has_room(case):
    answers.append(f"{case} {OUTPUT.room_below(sys.stderr) is not None}")

answers = []
has_room("lines")
old = termios.tcgetattr(0)
tty.setcbreak(0)
has_room("keys")
termios.tcsetattr(0, termios.TCSANOW, old)
has_room("lines")
print("\\x1b[?25l", end="")
has_room("cursor")
print("\\x1b[?25h")
has_room("lines")
stdout, sys.stdout = sys.stdout, open(os.devnull, "w")
has_room("nowhere")
reading, writing = os.pipe()
sys.stdout = os.fdopen(writing, "w")
has_room("pipe")
sys.stdout = stdout
child = os.fork()
if child == 0:
    has_room("child")
    print(answers[-1], flush=True)
    os._exit(0)
os.waitpid(child, 0)
has_room("parent")
print(*answers, sep="\\n")
"""


def test_nothing_is_shown_where_it_would_disturb() -> None:
    """By key, with a hidden cursor, past a pipe, and once there is a child that prints there too."""
    with Screen(ROOM, rows=20) as screen:
        lines = [line for line in screen.end() if line]
    assert lines == [
        "child False",
        "lines True",
        "keys False",
        "lines True",
        "cursor False",
        "lines True",
        "nowhere True",
        "pipe False",
        "parent False",
    ]


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Put a terminal in place of `sys.stderr`; no fixture, as pytest puts its own there before the test."""
    ours, theirs = os.openpty()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    with os.fdopen(theirs, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        yield ours
    os.close(ours)


@pytest.mark.parametrize(
    ("name", "value"), [("TERM", "dumb"), ("TERM", ""), ("CALLSPAN_RUN_PROCESS", "1")]
)
def test_no_thread_runs_where_nothing_can_be_shown(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with terminal(monkeypatch):
        assert LiveTrees.of(TraceBuffer()) is not None
        monkeypatch.setenv(name, value)
        assert LiveTrees.of(TraceBuffer()) is None


def test_what_runs_is_dim_but_for_those_who_want_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as ours:
        area = LiveArea(sys.stderr)
        area.show(["not yet"])  # the program may have printed since
        area.show(["dim"])
        monkeypatch.setenv("NO_COLOR", "1")
        area.show(["plain"])
        os.set_blocking(ours, False)
        output = os.read(ours, 4096).decode()
    assert "not yet" not in output
    assert "\x1b[2mdim" in output
    assert "\x1b[0mplain" in output


def test_a_fork_takes_it_away_before_the_child_prints() -> None:
    program = """
root = start("root", 5)
wait()
if os.fork() == 0:
    print("child", flush=True)
    os._exit(0)
os.wait()
print("parent")
root.end()
"""
    with Screen(program) as screen:
        screen.wait_for("running")
        screen.go_on()
        lines = screen.end()
    assert lines[:2] == ["child", "parent"]
    assert lines[2].startswith("root  ")
    assert len(lines) == 3


PRINTING = """
import random
from callspan.export.text import live
live.TICK_SECONDS = 0.0005
root = start("root", 5)
for number in range(20):
    start(f"step {number}", 0, root)
random.seed(SEED)
words = ["tulips ", "花店 ", "x" * 70 + " ", "end\\n", "two\\nlines", "\\n", "\\rback ", ""]
for _ in range(300):
    stream = random.choice([sys.stdout, sys.stderr])
    print(random.choice(words), end="", file=stream, flush=True)
    time.sleep(random.choice([0, 0.002]))
print()
"""


@pytest.mark.parametrize("seed", [1, 2])
def test_text_of_any_kind_is_what_it_would_be_without(seed: int) -> None:
    """The same program with a terminal that shows nothing live has the same screen at its end."""
    program = PRINTING.replace("SEED", str(seed))
    with Screen(program, rows=15) as screen:
        screen.end()
        live_lines = screen.all_lines
        assert screen.output.count(b"running") > 20
    with Screen(program, rows=15, CALLSPAN_RUN_PROCESS="1") as screen:
        screen.end()
        assert b"running" not in screen.output
        plain_lines = screen.all_lines
    assert printed(live_lines) == printed(plain_lines)


def printed(lines: list[str]) -> list[str]:
    """The lines of the program, without the tree at its end, whose times differ."""
    ends = [index for index, line in enumerate(lines) if line.startswith("root  ")]
    return lines[: ends[-1]] if ends else lines


class Stage:
    """A buffer with spans of the real SDK, with times of our choosing."""

    def __init__(self) -> None:
        self.buffer = TraceBuffer()
        self.tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")

    def start(self, name: str, second: float, parent: Any = None) -> Any:
        context = trace.set_span_in_context(parent) if parent is not None else None
        span: Any = self.tracer.start_span(name, context, start_time=int(second * SECOND))
        self.buffer.add_open(span)
        return span

    def end(self, span: Any, second: float) -> None:
        span.end(int(second * SECOND))
        self.buffer.end(span)

    def texts(self, second: float, most: int = 12) -> list[str]:
        traces = self.buffer.running(int((second - 1) * SECOND))
        return list(running_texts(traces, int(second * SECOND), io.StringIO(), most))


def test_the_lines_that_tell_most_are_kept() -> None:
    stage = Stage()
    root = stage.start("root", 1)
    for number in range(8):
        stage.end(stage.start(f"step {number}", 2 + number, root), 2.5 + number)
    stage.start("last", 70, root)
    assert stage.texts(75, most=5) == [
        "root  running 1 min 14 s",
        "├─ step 6  0.50 s",
        "├─ step 7  0.50 s",
        "└─ last  running 5 s",
        "… and 6 more",
    ]


def test_a_look_at_a_large_trace_is_short() -> None:
    stage = Stage()
    root = stage.start("root", 1)
    for _ in range(3 * MOST_SPANS_SEEN):
        stage.end(stage.start("step", 2, root), 3)
    (running,) = stage.buffer.running(10 * SECOND)
    assert not running.is_whole
    assert len(running.spans) == 1 + MOST_SPANS_SEEN
