"""A handler that prints calls as they start and end."""

from __future__ import annotations

import sys
from typing import TextIO

from callspan.handlers.lines import LineHandler


class ConsoleHandler(LineHandler):
    """Prints a line when a call starts and when it ends, with its seconds and tokens.

    Args:
        stream: The text stream to print to; `None` for stderr.
        content: Whether to print answers too, as they arrive, and the messages of errors. Without
            it nothing of the conversation is printed.
    """

    def __init__(self, stream: TextIO | None = None, *, content: bool = False) -> None:
        super().__init__(content)
        self._stream = stream

    def _write(self, text: str) -> None:
        # looked up at each line, as notebooks and pytest replace `sys.stderr`
        stream = self._stream or sys.stderr
        # a terminal may not have the characters of an answer, and must not cost the app its call
        encoding = getattr(stream, "encoding", None) or "utf-8"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
