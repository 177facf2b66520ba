"""The line at the end of a terminal, pipe or file, and the texts of ours that wait until it has ended."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import TextIO

from callspan.runtime import guard
from callspan.runtime.live_area import CURSOR_SWITCH, LiveArea

MOST_WAITING = 100
"""Texts that wait for the end of a line; with more, they begin a line."""
LONGEST_QUIET = 5.0
"""Seconds without output after which an open line is no longer waited for."""
Write = Callable[[TextIO, str], bool]
"""Prints a text of ours, and returns whether that worked."""
_OWN_WRITE = "callspan_own_write"
"""The attribute of our `write` that holds the one of the stream."""


class Line:
    """The line that stands at the end of one destination, such as a terminal.

    Args:
        stream: The stream whose line it is.

    Attributes:
        area: Lines of ours below it, on a terminal.
        tail: The last character that the program has printed.
        waiting: Our texts that wait for the end of the line, each with its stream.
    """

    __slots__ = ("_last_write", "area", "streams", "tail", "waiting")

    def __init__(self, stream: TextIO) -> None:
        self.streams: list[TextIO] = []
        self.area = LiveArea(stream)
        self.tail = "\n"
        # a deque, as any thread may add to it and take from it without a lock
        self.waiting: deque[tuple[TextIO, str, Write]] = deque()
        self._last_write = 0.0

    def print(self, stream: TextIO, text: str, waits: bool, write: Write) -> bool:
        """Print a text of ours, now or after the end of the program's line."""
        has_open_line = self.tail != "\n"
        if has_open_line and waits and not self._is_overdue():
            self.waiting.append((stream, text, write))
            return True
        self.begin_line(stream)
        self.print_waiting()
        return self._print(stream, text, write)

    def _is_overdue(self) -> bool:
        """Whether the end of the line has been waited for long enough."""
        now = time.monotonic()
        # the wait begins now: while nothing waits, writes do not note their time, to be quick
        if not self.waiting:
            self._last_write = now
        return len(self.waiting) >= MOST_WAITING or now - self._last_write > LONGEST_QUIET

    def begin_line(self, stream: TextIO) -> None:
        """Begin a line, if the program is in the middle of one."""
        if self.tail != "\n":
            self.tail = "\n"
            self._print(stream, "\n", write_text)

    def print_waiting(self) -> None:
        """Print the texts that wait; never raise, as it runs in the program's own `print`."""
        while True:
            try:
                # asked in one step, as another thread may take the last one between two
                stream, text, write = self.waiting.popleft()
            except IndexError:
                return
            self._print(stream, text, write)

    def _print(self, stream: TextIO, text: str, write: Write) -> bool:
        self._clear_area()
        # in the order in which it was printed, also where the program's text is still in a buffer
        for other in self.streams:
            if other is not stream:
                _flush(other)
        return write(stream, text)

    def _clear_area(self) -> None:
        self.area.clear(is_line_open=self.tail != "\n")

    def write(self, write: Callable[[str], int], text: str) -> int:
        """Write a text of the program's while texts of ours wait for it, or stand below it."""
        self._clear_area()
        if not isinstance(text, str):
            return write(text)  # which raises, as ever
        self.area.is_quiet = False
        self.area.note(text)
        self._last_write = time.monotonic()
        end_of_line = text.rfind("\n") + 1
        if end_of_line:
            # in two writes, so that our texts stand between the program's lines
            write(text[:end_of_line])
            self.tail = "\n"
            self.print_waiting()
        rest = text[end_of_line:]
        if rest:
            write(rest)
            self.tail = rest[-1]
        return len(text)


def watched_write(write: Callable[[str], int], line: Line) -> Callable[[str], int]:
    """Return a `write` for a stream that notes how each text ends."""
    # a closure, as a method costs `print` a third more
    waiting = line.waiting
    area = line.area

    def write_and_note(text: str, /) -> int:
        if waiting or area.is_shown:
            return line.write(write, text)
        length = write(text)
        try:
            if text:
                line.tail = text[-1]
                area.is_quiet = False
                if CURSOR_SWITCH in text:
                    area.note(text)
        except Exception:  # noqa: BLE001  a stream of the app's may take what is no text
            line.tail = "\n"
        return length

    # what we print ourselves is not the program's line
    setattr(write_and_note, _OWN_WRITE, write)
    return write_and_note


def _flush(stream: TextIO) -> None:
    try:
        stream.flush()
    except Exception:  # noqa: BLE001  the program finds out by itself
        return


def write_text(stream: TextIO, text: str) -> bool:
    """Write a text at once; return false, and never raise, where the stream is broken."""
    try:
        write = getattr(stream.write, _OWN_WRITE, stream.write)
        encoding = getattr(stream, "encoding", None) or "utf-8"
        write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
        return True
    except Exception as error:  # noqa: BLE001  it may be an object of the app's, and spans end in the app's code
        guard.say_once(f"the console cannot be written to: {error}")
        return False
