"""Files that are nobody else's to read, for they may hold what was said to a model."""

from __future__ import annotations

import contextlib
import errno
import os

MODE = 0o600
_FLAGS = ("O_WRONLY", "O_APPEND", "O_CREAT", "O_CLOEXEC", "O_NONBLOCK")
"""Without waiting, for to open a FIFO that nobody reads would wait for a reader."""
_FIRST_FREE = 3
_claims: dict[str, tuple[int, int]] = {}


def opened(path: str) -> int:
    """Return a descriptor that appends to a file; one that is there already keeps the permissions that it has.

    Never 0, 1 or 2: where the program has closed those, what others write there would come into the file.
    """
    flags = 0
    for name in _FLAGS:
        flags |= getattr(os, name, 0)
    descriptor = os.open(path, flags, MODE)
    if descriptor >= _FIRST_FREE:
        return descriptor
    try:
        return above_standard(descriptor)
    finally:
        os.close(descriptor)


def above_standard(descriptor: int) -> int:
    """Return a copy of a descriptor that is not 0, 1 or 2; programs that are started do not inherit it."""
    import fcntl

    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE)


def claimed(path: str) -> str:
    """Return the path, or `PATH.PID` if another process that still runs writes to it, as worker processes do.

    Raises `OSError` if it cannot be written.
    """
    if _claims.get(path, (0, 0))[0] == os.getpid():
        return path
    try:
        descriptor = opened(path)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return path  # a pipe that nobody reads yet
        raise
    state = lock(descriptor)
    if state is None:
        _claims[path] = os.getpid(), descriptor  # to the end of the process, which frees it
        return path
    os.close(descriptor)
    return f"{path}.{os.getpid()}" if isinstance(state, BlockingIOError) else path


def lock(descriptor: int) -> OSError | None:
    """Lock a file as this process's own; return why not, which is `BlockingIOError` if another process has it."""
    try:
        import fcntl
    except ImportError as error:  # not on Windows
        return OSError(str(error))
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:  # also where the file system has no locks
        return error
    return None


def last_byte(path: str) -> bytes:
    """Return the last byte of a file; nothing if the file is empty or cannot be read."""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        end = file.seek(0, os.SEEK_END)
        if end:
            file.seek(end - 1)
            return file.read(1)
    return b""
