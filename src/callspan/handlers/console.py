"""A handler that prints what happens, as it happens."""

from __future__ import annotations

import sys
from typing import TextIO

from callspan.events import Call, Response, Token
from callspan.handlers.lines import Lines


class ConsoleHandler:
    """Prints a line when a call starts and when it ends; with `content`, what the model says as it arrives.

    It prints to stderr, or to another text stream. Without `content` nothing of the conversation is printed.
    """

    def __init__(self, stream: TextIO | None = None, *, content: bool = False) -> None:
        self.reads_text = content
        self._stream = stream
        self._lines = Lines(self._write, content)

    def _write(self, text: str) -> None:
        stream = self._stream or sys.stderr  # looked up late: notebooks and tests exchange it
        encoding = getattr(stream, "encoding", None) or "utf-8"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()

    def on_start(self, call: Call) -> None:
        """Print that a call has started."""
        self._lines.started(call)

    def on_token(self, call: Call, token: Token) -> None:
        """Print a piece of the answer."""
        self._lines.token(call, token)

    def on_end(self, call: Call, response: Response) -> None:
        """Print how a call ended."""
        self._lines.ended(call, response)

    def on_error(self, call: Call, error: BaseException) -> None:
        """Print that a call failed."""
        self._lines.failed(call, error)
