"""Follow files of OTLP JSON lines, as `--file` writes them, while they grow and are rotated."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

TAIL = 64 << 20
"""How many bytes before its end a file is read from at first."""
BLOCK = 1 << 20
"""How many bytes are read, and their spans kept, at once."""
Documents = Sequence[Mapping[str, Any]]
"""Export requests that are kept in one step, as a trace is summed up anew at each step."""
# between two looks; files tell nobody portably that they grow
_SECONDS = 0.5
_LONGEST = 16 << 20
"""A line that is longer is left out."""


class FollowedFile:
    """One file, read line by line.

    Args:
        path: The file; it need not be there yet.
        tail: How many bytes before the end of what is there already are read.
    """

    def __init__(self, path: Path, tail: int = TAIL) -> None:
        self.path = path
        self._tail = tail
        self._file: IO[bytes] | None = None
        self._rest = b""

    def read(self) -> Iterable[Documents]:
        """Yield the documents that were written since the last time, some at once."""
        while True:
            # the old file to its end first: lines may have come after it was renamed
            for block in self._blocks():
                yield list(self._documents(block))
            if not self._is_replaced():
                return
            self._close()

    def _blocks(self) -> Iterable[bytes]:
        if self._file is None and not self._open():
            return
        assert self._file is not None
        if os.fstat(self._file.fileno()).st_size < self._file.tell():  # emptied by `copytruncate`
            self._file.seek(0)
            self._rest = b""
        while block := self._file.read(BLOCK):
            yield block

    def _open(self) -> bool:
        try:
            self._file = self.path.open("rb")
        except OSError:
            return False
        size = os.fstat(self._file.fileno()).st_size
        if size > self._tail:
            self._file.seek(size - self._tail)
            self._file.readline()  # the rest of a line that has begun before
        self._tail = 1 << 62  # a file that takes its place later is read from its beginning
        return True

    def _is_replaced(self) -> bool:
        if self._file is None:
            return False
        # device and inode: a rotation gives the name to another file
        own = os.fstat(self._file.fileno())
        try:
            named = self.path.stat()
        except OSError:
            return False
        return (own.st_dev, own.st_ino) != (named.st_dev, named.st_ino)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file, self._rest = None, b""

    def _documents(self, block: bytes) -> Iterable[Mapping[str, Any]]:
        # the last piece has no end yet: its rest comes with the next block
        *lines, self._rest = (self._rest + block).split(b"\n")
        # a file that is no text may have no line end at all, and must not fill the memory
        if len(self._rest) > _LONGEST:
            self._rest = b""
        for line in lines:
            document = _document(line)
            if document is not None:
                yield document


def _document(line: bytes) -> Mapping[str, Any] | None:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):  # a torn line, or none of ours
        return None
    return document if isinstance(document, Mapping) else None


class FollowedFiles:
    """Several files, and those of the child processes of the programs that write them.

    Args:
        paths: The files.
        has_children: Whether files with the same name and a number behind it are read too: `callspan run`
            writes those of child processes there.
    """

    def __init__(self, paths: Iterable[Path], has_children: bool = False) -> None:
        self._files = {path: FollowedFile(path) for path in paths}
        self._named = list(self._files) if has_children else []

    def read(self) -> Iterable[Documents]:
        """Yield the documents that were written since the last time, some at once."""
        for path in self._named:
            # looked for each time, as a program may begin a process at any moment
            for child in sorted(path.parent.glob(f"{path.name}.[0-9]*")):
                self._files.setdefault(child, FollowedFile(child))
        for each in list(self._files.values()):
            yield from each.read()


def follow(files: FollowedFiles, keep: Callable[[Documents], object]) -> threading.Event:
    """Read files on a thread, and again as they grow; return the event that ends it."""
    ended = threading.Event()

    def run() -> None:
        while not ended.is_set():
            for documents in files.read():
                keep(documents)
                if ended.is_set():
                    return
            ended.wait(_SECONDS)

    threading.Thread(target=run, name="callspan-view-files", daemon=True).start()
    return ended
