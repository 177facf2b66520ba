"""Lines of ours below the line in which the program prints, on a terminal that can move the cursor.

They are no part of the program's text: they go before the program prints, and the cursor never leaves the
column where the program has left it (docs/decisions/0103).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TextIO

from callspan.runtime import process
from callspan.runtime.terminal import Size, size_for_lines, terminal_of

_DOWN = "\x1bD"
"""To the next row, in the same column; the terminal scrolls at its end, and moves the text above up."""
_UP = "\x1b[{}A"
_SAVE, _RESTORE = "\x1b7", "\x1b8"
"""Note the cursor's place and colours, and take them again."""
_NEXT_ROW = "\x1b[B\r"
_PLAIN = "\x1b[0m"
_DIM = "\x1b[2m"
_ERASE_ROW = "\x1b[K"
"""From the cursor to the end of its row."""
_ERASE_BELOW = "\x1b[J"
"""From the cursor to the end of the screen."""
HIDES_CURSOR, SHOWS_CURSOR = "\x1b[?25l", "\x1b[?25h"
CURSOR_SWITCH = "\x1b[?25"
"""Their common beginning."""
_CLOSING_SECONDS = 1.0


class LiveArea:
    """Lines below the program's, which are shown while the program prints nothing.

    Any thread may call any method; none raises.

    Args:
        stream: Where the program prints; only a terminal shows anything.

    Attributes:
        is_shown: Whether lines stand there now; to be looked at before each text of the program's.
        is_quiet: Set to false with each text of the program's.
        is_screen_taken: Whether the program has hidden the cursor, as those do that draw by themselves.
    """

    __slots__ = (
        "__weakref__",
        "_descriptor",
        "_is_closed",
        "_lines",
        "_lock",
        "is_quiet",
        "is_screen_taken",
        "is_shown",
    )

    def __init__(self, stream: TextIO) -> None:
        self._lock = process.own_lock(self)
        self._descriptor = terminal_of(stream)
        self._is_closed = self._descriptor is None
        self._lines: list[str] = []
        self.is_shown = False
        self.is_quiet = False
        self.is_screen_taken = False

    def size(self) -> Size | None:
        """Return the terminal's size; `None` where nothing can be shown now."""
        descriptor = self._descriptor
        if descriptor is None or self._is_closed or self.is_screen_taken:
            return None
        return size_for_lines(descriptor)

    def show(self, lines: Sequence[str]) -> None:
        """Show lines in place of those that stand there, if the program has been quiet since the last time.

        Args:
            lines: Text without control characters, no wider than the terminal, and fewer than its rows.
        """
        was_quiet = self.is_quiet
        self.is_quiet = True
        if not lines:
            self.clear()
            return
        with self._lock:
            # a text that the program prints now comes before or after, and in any case to its own place
            if self._is_closed or not was_quiet:
                return
            if self.is_shown and self._lines == list(lines):
                return
            self._lines = list(lines)
            self.is_shown = True
            self._write(_drawing(self._lines))

    def clear(self, is_line_open: bool = True) -> None:
        """Take the lines away.

        Args:
            is_line_open: Whether text of the program's may stand right of the cursor.
        """
        if not self.is_shown:
            return
        with self._lock:
            if self.is_shown:
                self.is_shown = False
                self._write(_erasure(is_line_open))

    def close(self) -> None:
        """Take the lines away, and show none from now on."""
        self._is_closed = True
        # not for ever: a terminal that was stopped by Ctrl-S holds up who writes there
        if self._lock.acquire(timeout=_CLOSING_SECONDS):
            try:
                self.clear()
            finally:
                self._lock.release()

    def forget(self) -> None:
        """Leave the lines, and all further ones, to the parent of this process."""
        self._is_closed = True
        self.is_shown = False

    def note(self, text: str) -> None:
        """Take note of a text of the program's that hides or shows the cursor."""
        hides, shows = text.rfind(HIDES_CURSOR), text.rfind(SHOWS_CURSOR)
        if hides != shows:
            self.is_screen_taken = hides > shows

    def _write(self, text: str) -> None:
        """Write to the terminal itself: the stream's buffer and its lock are the program's."""
        if self._descriptor is None:
            return
        try:
            os.write(self._descriptor, text.encode())
        except Exception:  # noqa: BLE001  it is gone or full, or a tool forbids to wait for it here
            self._is_closed = True


def _drawing(lines: Sequence[str]) -> str:
    """Return the sequence that draws lines below the cursor's row, and leaves the cursor where it is."""
    is_plain = bool(os.environ.get("NO_COLOR"))
    style = _PLAIN if is_plain else _PLAIN + _DIM
    rows = [f"{_NEXT_ROW}{style}{line}{_PLAIN}" for line in lines]
    # room first, so that the place that is saved does not scroll away
    room = _DOWN * len(lines) + _UP.format(len(lines))
    return room + _SAVE + _ERASE_ROW.join(rows) + _ERASE_BELOW + _RESTORE


def _erasure(is_line_open: bool) -> str:
    """Return the sequence that erases all below the cursor's row, and its row where the program has no text there."""
    if is_line_open:
        # with room below, as at the last row the cursor would stay in its own
        room = _DOWN + _UP.format(1)
        return room + _SAVE + _NEXT_ROW + _PLAIN + _ERASE_BELOW + _RESTORE
    # the line feed of somebody at a prompt, which we do not see, has moved the cursor into our first row
    return _SAVE + _PLAIN + _ERASE_BELOW + _RESTORE
