"""A handler that appends what happens to a text file, as it happens."""

from __future__ import annotations

import atexit
import contextlib
import os
from types import TracebackType

from callspan.handlers.lines import LineHandler
from callspan.runtime import private
from callspan.runtime.process import own_lock


class FileHandler(LineHandler):
    """Appends to a file the lines that `ConsoleHandler` prints; each is in the file when the event is over.

    A context manager; without `with`, the file is closed at exit. After `close` events are no longer written.
    """

    def __init__(self, path: str | os.PathLike[str], *, content: bool = False) -> None:
        super().__init__(content)
        self.path = os.fspath(path)
        self._open = own_lock(self, "_open")
        self._file = os.fdopen(
            private.opened(self.path), "a", encoding="utf-8", errors="backslashreplace"
        )
        atexit.register(self.close)

    def _write(self, text: str) -> None:
        with self._open:
            if not self._file.closed:
                self._file.write(text)
                self._file.flush()

    def close(self) -> None:
        """Close the file."""
        with self._open, contextlib.suppress(OSError):  # a full disk, or a pipe that takes no more
            self._file.close()
        atexit.unregister(self.close)

    def __enter__(self) -> FileHandler:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
