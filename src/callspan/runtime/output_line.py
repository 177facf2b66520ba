"""The line that the program is printing: our own text waits until it ends, and so never cuts it.

Only the text layer of Python knows where the program's line stands; a terminal would have to be
asked through its input, which belongs to the program (docs/decisions/0094).
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import TextIO

from callspan.runtime import guard, process

MOST_WAITING = 100
"""Texts that wait for the end of a line; with more, they begin a line."""
LONGEST_QUIET = 5.0
"""Seconds without output after which an open line is no longer waited for."""
Write = Callable[[TextIO, str], bool]
"""Prints a text of ours, and returns whether that worked."""
_OWN_WRITE = "callspan_own_write"
"""The attribute of our `write` that holds the one of the stream."""


class _Line:
    """The line that stands at the end of one destination, such as a terminal.

    Attributes:
        tail: The last character that the program has printed.
        waiting: Our texts that wait for the end of the line, each with its stream.
    """

    __slots__ = ("_last_write", "streams", "tail", "waiting")

    def __init__(self) -> None:
        self.streams: list[TextIO] = []
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
        # in the order in which it was printed, also where the program's text is still in a buffer
        for other in self.streams:
            if other is not stream:
                _flush(other)
        return write(stream, text)

    def write(self, write: Callable[[str], int], text: str) -> int:
        """Write a text of the program's while texts of ours wait for the end of its line."""
        if not isinstance(text, str):
            return write(text)  # which raises, as ever
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


class _StreamWatcher:
    """A stream whose `write` notes how each text ends; the object stays the same in all else.

    An attribute of the object is enough, as `print` looks `write` up at each call.
    """

    def __init__(self, stream: TextIO, line: _Line) -> None:
        self.stream = stream
        self._line = line
        self._watch()

    def _watch(self) -> None:
        self._own_write = vars(self.stream).get("write")
        self._write = _watched_write(self.stream.write, self._line)
        self.stream.write = self._write

    def renew(self) -> None:
        """Watch again, if another `write` stands there: IPython 9 puts the former one back after a cell."""
        if vars(self.stream).get("write") is not self._write:
            self._watch()

    def release(self) -> None:
        """Put the stream's own `write` back, unless somebody has replaced ours."""
        if vars(self.stream).get("write") is not self._write:
            return
        if self._own_write is None:
            del self.stream.write
        else:
            self.stream.write = self._own_write


def _watched_write(write: Callable[[str], int], line: _Line) -> Callable[[str], int]:
    # a closure, as a method costs `print` a third more
    waiting = line.waiting

    def watched_write(text: str, /) -> int:
        if waiting:
            return line.write(write, text)
        length = write(text)
        try:
            if text:
                line.tail = text[-1]
        except Exception:  # noqa: BLE001  a stream of the app's may take what is no text
            line.tail = "\n"
        return length

    # what we print ourselves is not the program's line
    setattr(watched_write, _OWN_WRITE, write)
    return watched_write


class ProgramOutput:
    """The standard streams of the program, watched from the first time that we print there."""

    def __init__(self) -> None:
        self._lock = process.own_lock(self)
        self._lines: list[_Line] = []
        self._watchers: list[_StreamWatcher] = []
        self._is_hooked = False

    def print(
        self, stream: TextIO, text: str, *, waits: bool = True, write: Write | None = None
    ) -> bool:
        """Print a text of ours on lines of its own; return false where the stream is broken.

        Args:
            stream: Where to print; only `sys.stdout` and `sys.stderr` are watched.
            text: Whole lines.
            waits: Whether the program's open line is waited for; else the text begins a line.
            write: What prints the text, if it is not the stream; it must not raise.
        """
        write = write or write_text
        line = self.watch(stream)
        if line is None:
            return write(stream, text)
        return line.print(stream, text, waits, write)

    def watch(self, stream: TextIO | None) -> _Line | None:
        """Return the line of a standard stream, watched from now on; `None` for other streams."""
        if stream is None or not (stream is sys.stdout or stream is sys.stderr):
            return None
        other = sys.stdout if stream is sys.stderr else sys.stderr
        with self._lock:
            self._hook()
            line = self._line_of(stream)
            if line is None:
                line = _Line()
                self._add(stream, line)
                self._lines.append(line)
            if other is not None:
                self._join(other, stream, line)
            return line

    def renew(self) -> None:
        """Watch streams again whose `write` somebody has replaced."""
        for watcher in list(self._watchers):
            watcher.renew()

    def _hook(self) -> None:
        """Register for exit and fork, once."""
        if not self._is_hooked:
            self._is_hooked = True
            process.at_exit(self.finish)
            process.in_child(self._forget_waiting)

    def _join(self, other: TextIO, stream: TextIO, line: _Line) -> None:
        """Watch the other standard stream too, if it shares the stream's line."""
        if self._line_of(other) is None and share_destination(stream, other):
            self._add(other, line)

    def _line_of(self, stream: TextIO) -> _Line | None:
        for line in self._lines:
            if any(stream is other for other in line.streams):
                return line
        return None

    def _add(self, stream: TextIO, line: _Line) -> None:
        line.streams.append(stream)
        try:
            self._watchers.append(_StreamWatcher(stream, line))
        except (AttributeError, TypeError):  # an object of the app's without attributes
            return

    def finish(self) -> None:
        """Print what waits, on lines of its own, and stop to watch the streams."""
        with self._lock:
            # taken out under the lock, and printed after it: a stream may be an object of the app's
            lines, self._lines = self._lines, []
            watchers, self._watchers = self._watchers, []
        for line in lines:
            for stream, _, _ in list(line.waiting)[:1]:
                line.begin_line(stream)
            line.print_waiting()
        for watcher in reversed(watchers):
            watcher.release()

    def _forget_waiting(self) -> None:
        """Leave to the parent what it has to print."""
        for line in self._lines:
            line.waiting.clear()


def share_destination(one: TextIO, other: TextIO) -> bool:
    """Whether both streams end in one terminal, pipe or file, or in the cell of a notebook."""
    # with the descriptors of its kernel's own output, which is not where they end (ipykernel 7)
    if _is_of_notebook(one) and _is_of_notebook(other):
        return True
    try:
        one_file, other_file = os.fstat(one.fileno()), os.fstat(other.fileno())
        if one.isatty() and other.isatty():
            return True
    except Exception:  # noqa: BLE001  streams of the app's raise what they like
        # those of a notebook have no file; `StringIO` is what an app or a test has put there
        return type(one) is type(other) and not isinstance(one, (io.TextIOWrapper, io.StringIO))
    return os.path.samestat(one_file, other_file)


def _is_of_notebook(stream: TextIO) -> bool:
    return type(stream).__module__.startswith("ipykernel.")


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


OUTPUT = ProgramOutput()
