"""Files that only their owner may read, as they may hold content of calls."""

from __future__ import annotations

import contextlib
import errno
import os

MODE = 0o600
_FLAGS = ("O_WRONLY", "O_APPEND", "O_CREAT", "O_CLOEXEC", "O_NONBLOCK")
"""`O_NONBLOCK`, as opening a FIFO that nobody reads would wait for a reader."""
_FIRST_FREE = 3
"""The first descriptor that is not stdin, stdout or stderr."""
_claims: dict[str, tuple[int, int]] = {}
"""The process that claimed each path, and the descriptor that holds the lock."""


def temporary_name(prefix: str) -> str:
    """Return the path of a temporary file or folder of this process, which is not made.

    Args:
        prefix: The beginning of its name; the number of the process follows, and letters that nobody can guess.

    Returns:
        The path; empty if there is no place for it.
    """
    import secrets

    return temporary_path(f"{prefix}{os.getpid()}-{secrets.token_hex(8)}")


def temporary_path(name: str) -> str:
    """Return the path of this name among temporary files; empty if there is no place for them."""
    import tempfile

    try:
        return os.path.join(tempfile.gettempdir(), name)
    except OSError:  # nowhere can anything be written
        return ""


def open_to_append(path: str) -> int:
    """Return a descriptor that appends to a file; a file that exists keeps its permissions.

    Never 0, 1 or 2: where the program has closed those, others who write there would write into
    the file.
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
    """Return a copy of a descriptor, above 2, which child programs do not inherit."""
    import fcntl

    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE)


def claim(path: str) -> str:
    """Claim a path for this process.

    Returns:
        The path, or `PATH.PID` if another process that still runs writes to it, as worker
        processes do.

    Raises:
        OSError: The file cannot be written.
    """
    owner, _ = _claims.get(path, (0, 0))
    if owner == os.getpid():
        return path
    try:
        descriptor = open_to_append(path)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return path  # a pipe that nobody reads yet
        raise
    obstacle = lock(descriptor)
    if obstacle is None:
        _claims[path] = os.getpid(), descriptor  # to the end of the process, which frees it
        return path
    os.close(descriptor)
    if isinstance(obstacle, BlockingIOError):
        return f"{path}.{os.getpid()}"
    return path


def lock(descriptor: int) -> OSError | None:
    """Lock a file as this process's own.

    Returns:
        The reason if that failed, which is a `BlockingIOError` where another process has the lock;
        else `None`.
    """
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
