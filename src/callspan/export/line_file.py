"""A file to which whole lines are appended, be it rotated, full, torn, or a pipe without a reader."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import stat
import threading
import time
from pathlib import Path

from callspan.runtime import guard, owner_only, process
from callspan.runtime.errors import ConfigurationError

_PAUSE = 0.1
"""Seconds between two looks at a pipe that has no reader, or takes no more."""
_WRITER_PAUSE = 0.02
"""Seconds in which another process has finished a line that it writes at this moment."""


class LineFile:
    """Appends lines to a file, each whole, from whatever thread; a full disk is one warning.

    Once `closing` is set, nothing is waited for: bytes that a pipe does not take at once are lost.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.closing = threading.Event()
        self._lock = process.own_lock(self)
        self._descriptor: int | None = None
        # device and inode of the file that is open: by these a rotation is seen
        self._identity: tuple[int, int] | None = None
        self._regular = False
        # whether the last line in the file has no end, so that the next one must not join it
        self._torn = False

    def open(self) -> None:
        """Open for appending. A pipe without a reader is opened later.

        Raises:
            ConfigurationError: In one line.
        """
        with self._lock:
            try:
                self._open()
            except OSError as error:
                if not self._lacks_reader(error):
                    raise ConfigurationError(self._fix(error)) from None

    def write(self, lines: list[str]) -> int:
        """Append lines and return how many are in the file now.

        They go to the operating system in one call, so that processes and threads do not mix theirs.
        """
        data = [line.encode("utf-8", "backslashreplace") for line in lines]
        written = 0
        with self._lock:
            try:
                while written < len(data) and self._is_ready():
                    # a pipe may take a part only; the rest follows when it has a reader that reads
                    number = self._append(data[written:])
                    written += number
                    if not number and self.closing.is_set():
                        break
            except _PartlyWritten as partly:
                written += partly.lines
                self._warn(str(partly))
            except OSError as error:
                self._warn(self._fix(error))
        return written

    def _warn(self, why: str) -> None:
        guard.say_once(f"telemetry cannot be written to {self.path!r}: {why}")

    def close(self) -> None:
        """Close the file; a later write opens it again. A write that is stuck keeps it."""
        # not waited for: the writer may hang in the system's `write`, and the process is to end
        if not self._lock.acquire(blocking=False):
            return
        try:
            self._close()
        finally:
            self._lock.release()

    def _close(self) -> None:
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> None:
        """Open the file, and see whether its last line is torn, as after a crash of the machine."""
        # without blocking, so that a pipe that nobody reads does not hold up its thread
        self._descriptor = owner_only.open_to_append(self.path)
        status = os.fstat(self._descriptor)
        self._identity = status.st_dev, status.st_ino
        self._regular = stat.S_ISREG(status.st_mode)
        self._torn = self._regular and self._is_torn()

    def _is_torn(self) -> bool:
        """Whether the last line has no end, and nobody is writing it."""
        if owner_only.last_byte(self.path) in (b"", b"\n"):
            return False
        # another process may be in the middle of its line, which it has ended a moment later
        size = os.stat(self.path).st_size
        time.sleep(_WRITER_PAUSE)
        is_same_size = os.stat(self.path).st_size == size
        return is_same_size and owner_only.last_byte(self.path) != b"\n"

    def _is_ready(self) -> bool:
        """Open the file if it is not open, or was replaced; false when a pipe gets no reader."""
        # looked at before each write, so that a rotation needs no signal (docs/decisions/0067)
        if self._descriptor is not None and self._has_moved():
            self._close()
        while self._descriptor is None:
            is_first = self._identity is None
            if self._open_unless_unread():
                if not is_first:
                    self._lock_again()
            elif self.closing.wait(_PAUSE):
                return False
        return True

    def _open_unless_unread(self) -> bool:
        """Open the file, and return whether it could be; a pipe cannot without a reader."""
        try:
            self._open()
        except OSError as error:
            if not self._lacks_reader(error):
                raise
            return False
        return True

    def _lock_again(self) -> None:
        """Lock a file that replaces another, which was locked as this process's own."""
        if self._descriptor is not None:
            owner_only.lock(self._descriptor)

    def _has_moved(self) -> bool:
        """Whether the file was renamed or removed, as a rotation of logs does."""
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return (status.st_dev, status.st_ino) != self._identity

    def _lacks_reader(self, error: OSError) -> bool:
        """Whether the file is a pipe that nobody reads yet, and say so."""
        # opening a pipe for writing without blocking, while nobody reads it (man 7 fifo)
        if error.errno != errno.ENXIO or not _is_pipe(self.path):
            return False
        guard.say_once(f"nobody reads {self.path!r} yet: telemetry waits for a reader")
        return True

    def _append(self, lines: list[bytes]) -> int:
        """Write lines and return how many are whole.

        These are fewer than all when a pipe takes no more, or has lost its reader.
        """
        descriptor = self._descriptor
        assert descriptor is not None
        # a torn line is ended first, so that it takes no other with it
        skipped = int(self._torn)
        data = memoryview(b"".join([b"\n" * skipped, *lines]))
        done = 0
        try:
            while done < len(data):
                number = self._write_some(descriptor, data[done:])
                done += number
                if not number and self.closing.is_set():
                    break
        except BrokenPipeError:
            self._close()  # the next reader gets the line that was cut from its beginning
        except OSError as error:
            self._cut(descriptor, done - skipped, lines)
            raise _PartlyWritten(_whole_lines(done - skipped, lines), error) from error
        self._torn = False
        return _whole_lines(done - skipped, lines)

    def _write_some(self, descriptor: int, data: memoryview) -> int:
        """Write as much as the file takes; where that is nothing, wait for a moment."""
        try:
            return os.write(descriptor, data)
        except BlockingIOError:
            if not self.closing.is_set():
                select.select([], [descriptor], [], _PAUSE)
            return 0

    def _cut(self, descriptor: int, done: int, lines: list[bytes]) -> None:
        """Take back half a line on a full disk, unless another process has written behind it."""
        whole = sum(len(line) for line in lines[: _whole_lines(done, lines)])
        surplus = max(0, done - whole)
        if not surplus or not self._regular:
            return
        # until the next write ends it, unless it can be taken back here
        self._torn = True
        with contextlib.suppress(OSError):
            # after an append this is the end of what this process wrote
            end = os.lseek(descriptor, 0, os.SEEK_CUR)
            if os.fstat(descriptor).st_size == end:
                os.ftruncate(descriptor, end - surplus)
                self._torn = False

    def _fix(self, error: OSError) -> str:
        folder = Path(self.path).absolute().parent
        if not folder.is_dir():
            return f"{self.path!r} cannot be written: there is no folder {str(folder)!r}, create it or choose another"
        return f"{self.path!r} cannot be written: {error.strerror or error}; choose another file"


class _PartlyWritten(Exception):
    """A write has failed after so many whole lines."""

    def __init__(self, lines: int, error: OSError) -> None:
        super().__init__(str(error))
        self.lines = lines


def _whole_lines(done: int, lines: list[bytes]) -> int:
    """Return how many of the lines are within the first so many bytes."""
    number = 0
    for line in lines:
        done -= len(line)
        if done < 0:
            break
        number += 1
    return number


def _is_pipe(path: str) -> bool:
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except OSError:
        return False
