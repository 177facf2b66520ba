"""A handler that prints what happens, as it happens."""

from __future__ import annotations

import sys
from typing import TextIO

from callspan.handlers.lines import LineHandler


class ConsoleHandler(LineHandler):
    """Prints a line when a call starts and when it ends; with `content` the answer as it arrives.

    It prints to stderr, or to another text stream. Without `content` nothing of the conversation is printed.
    """

    def __init__(self, stream: TextIO | None = None, *, content: bool = False) -> None:
        super().__init__(content)
        self._stream = stream

    def _write(self, text: str) -> None:
        stream = self._stream or sys.stderr  # looked up late: notebooks and tests exchange it
        encoding = getattr(stream, "encoding", None) or "utf-8"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
