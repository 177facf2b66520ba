"""A handler that prints calls as they start and end."""

from __future__ import annotations

import sys
from typing import TextIO

from callspan.handlers.lines import LineHandler
from callspan.runtime.output_line import OUTPUT


class ConsoleHandler(LineHandler):
    """Prints a line when a call starts and when it ends, with its seconds and tokens.

    It waits for the end of a line that the program is printing to the same terminal.

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
        OUTPUT.print(self._stream or sys.stderr, text)
