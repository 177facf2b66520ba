"""A handler that appends a line to a file as a call starts and ends."""

from __future__ import annotations

import atexit
import contextlib
import os
from types import TracebackType

from callspan.handlers.lines import LineHandler
from callspan.runtime import owner_only
from callspan.runtime.process import own_lock


class FileHandler(LineHandler):
    """Appends to a file the lines that `ConsoleHandler` prints.

    Each line is in the file at once. A handler is a context manager; without `with` the file is
    closed at exit. After `close` nothing is written.

    Args:
        path: The file. A new one can be read by its owner only.
        content: Whether to write answers too, as they arrive, and the messages of errors. Without
            it nothing of the conversation is written.

    Attributes:
        path: The path of the file.

    Raises:
        OSError: The file cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str], *, content: bool = False) -> None:
        super().__init__(content)
        self.path = os.fspath(path)
        # another lock than that of the lines: `close` may be called while a line is written
        self._file_lock = own_lock(self, "_file_lock")
        descriptor = owner_only.open_to_append(self.path)
        self._file = os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace")
        atexit.register(self.close)

    def _write(self, text: str) -> None:
        with self._file_lock:
            # a call that runs on after `close` is not an error
            if self._file.closed:
                return
            self._file.write(text)
            # each piece at once, so that `tail -f` shows a stream as it comes
            self._file.flush()

    def close(self) -> None:
        """Close the file; what comes later is not written."""
        # a full disk, or a pipe that nobody reads any more, fails the last write
        with self._file_lock, contextlib.suppress(OSError):
            self._file.close()
        # or `atexit` would keep this handler to the end of the process
        atexit.unregister(self.close)

    def __enter__(self) -> FileHandler:
        """Return the handler, which closes its file at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()
