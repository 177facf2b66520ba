"""The line that the program is printing: our own text waits until it ends, and so never cuts it.

Only the text layer of Python knows where the program's line stands; a terminal would have to be
asked through its input, which belongs to the program (docs/decisions/0094).
"""

from __future__ import annotations

import sys
from typing import TextIO

from callspan.runtime import process
from callspan.runtime.line import Line, Write, watched_write, write_text
from callspan.runtime.terminal import Size, is_kept_apart, share_destination


class _StreamWatcher:
    """A stream whose `write` notes how each text ends; the object stays the same in all else.

    An attribute of the object is enough, as `print` looks `write` up at each call.
    """

    def __init__(self, stream: TextIO, line: Line) -> None:
        self.stream = stream
        self._line = line
        self._watch()

    def _watch(self) -> None:
        self._own_write = vars(self.stream).get("write")
        self._write = watched_write(self.stream.write, self._line)
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


class ProgramOutput:
    """The standard streams of the program, watched from the first time that we print there."""

    def __init__(self) -> None:
        self._lock = process.own_lock(self)
        self._lines: list[Line] = []
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

    def watch(self, stream: TextIO | None) -> Line | None:
        """Return the line of a standard stream, watched from now on; `None` for other streams."""
        if stream is None or not (stream is sys.stdout or stream is sys.stderr):
            return None
        other = sys.stdout if stream is sys.stderr else sys.stderr
        with self._lock:
            self._hook()
            line = self._line_of(stream)
            if line is None:
                line = Line(stream)
                self._add(stream, line)
                self._lines.append(line)
            if other is not None:
                self._join(other, stream, line)
            return line

    def room_below(self, stream: TextIO | None) -> Size | None:
        """Return the size of the terminal below whose line `show_below` shows text; `None` where it shows none."""
        line = self.watch(stream)
        if line is None:
            return None
        # what is printed past us would come among our lines
        is_seen = all(each in line.streams or is_kept_apart(each) for each in _standard_streams())
        return line.area.size() if is_seen else None

    def show_below(self, stream: TextIO | None, lines: list[str]) -> None:
        """Show lines below the program's line, in place of the former ones, until the program prints.

        Args:
            stream: `sys.stderr` or `sys.stdout`, if it is a terminal.
            lines: As `LiveArea.show` takes them; none take the former ones away.
        """
        line = self.watch(stream)
        if line is not None:
            line.area.show(lines)

    def renew(self) -> None:
        """Watch streams again whose `write` somebody has replaced."""
        for watcher in list(self._watchers):
            watcher.renew()

    def _hook(self) -> None:
        """Register for exit and fork, once."""
        if not self._is_hooked:
            self._is_hooked = True
            process.at_exit(self.finish)
            process.before_fork(self._close_areas)
            process.in_child(self._forget_waiting)

    def _join(self, other: TextIO, stream: TextIO, line: Line) -> None:
        """Watch the other standard stream too, if it shares the stream's line."""
        if self._line_of(other) is None and share_destination(stream, other):
            self._add(other, line)

    def _line_of(self, stream: TextIO) -> Line | None:
        for line in self._lines:
            if any(stream is other for other in line.streams):
                return line
        return None

    def _add(self, stream: TextIO, line: Line) -> None:
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
            line.area.close()
            for stream, _, _ in list(line.waiting)[:1]:
                line.begin_line(stream)
            line.print_waiting()
        for watcher in reversed(watchers):
            watcher.release()

    def _close_areas(self) -> None:
        """Show nothing below the line any more: the child will print there, and nobody sees when."""
        for line in self._lines:
            line.area.close()

    def _forget_waiting(self) -> None:
        """Leave to the parent what it has to print."""
        for line in self._lines:
            line.waiting.clear()
            line.area.forget()


def _standard_streams() -> tuple[TextIO | None, TextIO | None]:
    return sys.stdout, sys.stderr


OUTPUT = ProgramOutput()
