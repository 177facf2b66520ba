"""Where the standard streams end: in one place or two, and in a terminal that can move the cursor or not."""

from __future__ import annotations

import io
import os
import stat
import sys
from typing import TextIO

_FEWEST_ROWS = 5
"""Rows below which a terminal has no room for lines of ours."""
_FEWEST_COLUMNS = 20
Size = tuple[int, int]
"""Columns and rows."""


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


def can_show(stream: TextIO | None) -> bool:
    """Whether a stream ends in a terminal that can move the cursor."""
    return stream is not None and terminal_of(stream) is not None


def is_kept_apart(stream: TextIO | None) -> bool:
    """Whether a stream cannot reach the terminal: it goes to a file, or nowhere.

    A pipe may end in a program that writes to the same terminal.
    """
    if stream is None:
        return True
    try:
        mode = os.fstat(stream.fileno()).st_mode
        return stat.S_ISREG(mode) or (stat.S_ISCHR(mode) and not stream.isatty())
    except Exception:  # noqa: BLE001  streams of the app's raise what they like
        return False


def terminal_of(stream: TextIO) -> int | None:
    """Return the descriptor of a terminal that can move the cursor; else `None`."""
    # Windows has no such terminal without being asked for one
    if sys.platform == "win32" or os.environ.get("TERM", "dumb") in ("", "dumb"):
        return None
    try:
        return stream.fileno() if stream.isatty() else None
    except Exception:  # noqa: BLE001  streams of the app's raise what they like
        return None


def size_for_lines(descriptor: int) -> Size | None:
    """Return the size of a terminal; `None` where lines of ours would disturb, or have no room."""
    if not _is_ours(descriptor):
        return None
    try:
        columns, rows = os.get_terminal_size(descriptor)
    except OSError:
        return None
    if columns < _FEWEST_COLUMNS or rows < _FEWEST_ROWS:
        return None
    return columns, rows


def _is_ours(descriptor: int) -> bool:
    """Whether the terminal reads lines for this process, so that no program draws on it key by key."""
    import termios

    try:
        local_modes = termios.tcgetattr(descriptor)[3]
    except termios.error:
        return False
    reads_lines = local_modes & termios.ICANON
    echoes = local_modes & termios.ECHO
    return bool(reads_lines and echoes) and _is_in_foreground(descriptor)


def _is_in_foreground(descriptor: int) -> bool:
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:  # no terminal of a shell's, so that there is no background
        return True
