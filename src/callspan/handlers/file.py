"""A handler that appends what happens to a text file, as it happens."""

from __future__ import annotations

import atexit
import os
import threading
from types import TracebackType

from callspan.events import Call, Response, Token
from callspan.handlers.lines import Lines


class FileHandler:
    """Appends to a file the lines that `ConsoleHandler` prints; each is in the file when the event is over.

    A context manager; without `with`, the file is closed at exit. After `close` events are no longer written.
    """

    def __init__(self, path: str | os.PathLike[str], *, content: bool = False) -> None:
        self.reads_text = content
        self.path = os.fspath(path)
        self._lock = threading.Lock()
        self._file = open(self.path, "a", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115  closed by close
        self._lines = Lines(self._write, content)
        atexit.register(self.close)

    def _write(self, text: str) -> None:
        with self._lock:
            if not self._file.closed:
                self._file.write(text)
                self._file.flush()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()
        atexit.unregister(self.close)

    def __enter__(self) -> FileHandler:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def on_start(self, call: Call) -> None:
        """Write that a call has started."""
        self._lines.started(call)

    def on_token(self, call: Call, token: Token) -> None:
        """Write a piece of the answer."""
        self._lines.token(call, token)

    def on_end(self, call: Call, response: Response) -> None:
        """Write how a call ended."""
        self._lines.ended(call, response)

    def on_error(self, call: Call, error: BaseException) -> None:
        """Write that a call failed."""
        self._lines.failed(call, error)
