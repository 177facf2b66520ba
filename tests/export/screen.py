"""A program on a pseudo terminal, with an emulator that shows what a person would see."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyte

SOURCE = Path(__file__).resolve().parents[2] / "src"
_SECONDS = 30.0
START = """
import os, sys, threading, time
import callspan
from opentelemetry import trace
callspan.configure(console=True)
tracer = trace.get_tracer("test")

def start(name, seconds=0, parent=None):
    "Start a span that has run for so many seconds already."
    context = trace.set_span_in_context(parent) if parent is not None else None
    return tracer.start_span(name, context, start_time=time.time_ns() - int(seconds * 1e9))

def wait():
    "Wait until the test has seen what it waits for."
    os.read(int(os.environ["GO_ON"]), 1)
"""


class Screen:
    """A program whose standard streams are one terminal, for a `with` block.

    Args:
        program: Its text, which follows `START`.
        columns: The columns of the terminal.
        rows: Its rows.
        variables: Variables of its environment.
        stdout: Where its stdout goes; `None` for the terminal.
    """

    def __init__(
        self,
        program: str,
        columns: int = 60,
        rows: int = 12,
        stdout: int | None = None,
        **variables: str,
    ) -> None:
        self._terminal, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        signal, self._signal = os.pipe()
        names = ("COLUMNS", "NO_COLOR", "FORCE_COLOR")
        kept = {name: value for name, value in os.environ.items() if name not in names}
        self._screen = pyte.HistoryScreen(columns, rows, history=10_000)
        self._emulator = pyte.ByteStream(self._screen)
        self.output = b""
        self._program = subprocess.Popen(
            [sys.executable, "-c", START + program],
            stdin=theirs,
            stdout=theirs if stdout is None else stdout,
            stderr=theirs,
            pass_fds=[signal],
            env=kept
            | {"PYTHONPATH": str(SOURCE), "TERM": "xterm", "GO_ON": str(signal)}
            | variables,
        )
        os.close(theirs)
        os.close(signal)

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *_: object) -> None:
        if self._program.poll() is None:
            self._program.kill()
            self._program.wait()
        os.close(self._terminal)
        os.close(self._signal)

    @property
    def lines(self) -> list[str]:
        """The lines of the screen, without those at the end that are empty."""
        buffer = self._screen.buffer
        rows = [self._text(buffer[row]) for row in range(self._screen.lines)]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    @property
    def all_lines(self) -> list[str]:
        """The lines, with those that have left the screen at its top."""
        return [self._text(row) for row in self._screen.history.top] + self.lines

    def _text(self, row: Mapping[int, Any]) -> str:
        # not `display` of pyte 0.8.2, which fails where half of a wide character is overwritten
        return "".join(row[column].data for column in range(self._screen.columns)).rstrip()

    @property
    def cursor(self) -> tuple[int, int]:
        """Row and column of the cursor."""
        return self._screen.cursor.y, self._screen.cursor.x

    def wait_for(self, text: str) -> list[str]:
        """Return the lines of the screen as soon as a text stands there."""
        deadline = time.monotonic() + _SECONDS
        while text not in "\n".join(self.lines):
            assert time.monotonic() < deadline, f"{text!r} never came: {self.lines}"
            assert self._take(), f"the program ended without {text!r}: {self.lines}"
        return self.lines

    def go_on(self) -> None:
        """Let the program go on behind its next `wait()`."""
        os.write(self._signal, b".")

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._terminal, text.encode())

    def end(self) -> list[str]:
        """Wait for the end of the program; return the lines of the screen."""
        while self._take():
            pass
        assert self._program.wait(_SECONDS) == 0, self.lines
        return self.lines

    def _take(self) -> bool:
        """Take what the program has written, if there is something soon; return false at its end."""
        if not select.select([self._terminal], [], [], 0.1)[0]:
            return True
        try:
            piece = os.read(self._terminal, 65536)
        except OSError:  # how Linux says that the program has closed the terminal
            return False
        self.output += piece
        self._emulator.feed(piece)
        return bool(piece)
