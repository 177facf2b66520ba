"""Content that is too long for telemetry: written to files elsewhere, whole, in the background.

File names and variables are those of OpenTelemetry's `opentelemetry-util-genai` 1.3.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import uuid
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from typing import Any

from callspan.content.encoding import encode
from callspan.runtime import guard, process
from callspan.runtime.background import Worker

MISSING = "upload needs the extra: pip install 'callspan[upload]'"
FORMATS = ("json", "jsonl")
MOST_WAITING = 20
"""The most files that wait to be written, unless the variable says otherwise."""
_FORMAT = "OTEL_INSTRUMENTATION_GENAI_UPLOAD_FORMAT"
_QUEUE_SIZE = "OTEL_INSTRUMENTATION_GENAI_UPLOAD_MAX_QUEUE_SIZE"
_SHARED = ("system_instruction", "tool.definitions")
"""Kinds of content that many calls have in common: files of these are named by their content."""
_MOST_NAMES = 1024
"""The most names of such files that are remembered, so that each is written once."""
_worker = Worker("callspan-upload", is_drained=True)


class Uploads:
    """Writes content to a folder or a bucket that `fsspec` can open.

    Args:
        base: The path or URL of the folder, such as `gs://bucket/prompts`.
        file_format: `json`, one list a file, or `jsonl`, one line a message.
        most_waiting: The most files that wait to be written; further ones are not written.

    Attributes:
        base: The folder.
        lost: The number of files that could not be written, or had no room in the queue.
    """

    def __init__(
        self, base: str, file_format: str = "json", most_waiting: int = MOST_WAITING
    ) -> None:
        self.base = base
        self.lost = 0
        self._format = file_format
        self._most_waiting = most_waiting
        self._waiting: set[str] = set()
        self._names: OrderedDict[str, None] = OrderedDict()
        self._files: tuple[Any, str] | None = None
        process.in_child(self._forget)

    def _forget(self) -> None:
        """Leave the files that wait to the parent of a forked child, which writes them."""
        self._waiting.clear()
        # connections of the parent's are not the child's
        self._files = None

    @classmethod
    def from_environment(cls, base: str, environ: Mapping[str, str] = os.environ) -> Uploads:
        """Return uploads to a folder, with the format and the queue of the standard variables."""
        file_format = environ.get(_FORMAT, "").strip().lower() or FORMATS[0]
        if file_format not in FORMATS:
            guard.say_once(f"{_FORMAT} is {file_format!r}: use json or jsonl; json is taken")
            file_format = FORMATS[0]
        text = environ.get(_QUEUE_SIZE, "").strip()
        size = MOST_WAITING
        if text.isdecimal() and int(text) > 0:
            size = int(text)
        elif text:
            guard.say_once(f"{_QUEUE_SIZE} is {text!r}: write a number; {MOST_WAITING} is taken")
        return cls(base, file_format, size)

    def add(self, kind: str, value: Any) -> str | None:
        """Begin to write a value.

        Args:
            kind: The kind of content, for the name of the file, such as `inputs`.
            value: Plain data, which nobody changes any more.

        Returns:
            The URL of the file that is to be written; `None` where there is no room for it.
        """
        name = f"{uuid.uuid4()}_{kind}.{self._format}"
        text = None
        if kind in _SHARED:
            text = encode(value)
            name = f"{hashlib.sha256(text.encode()).hexdigest()}_{kind}.{self._format}"
        url = posixpath.join(self.base, name)
        if self._is_written(name):
            return url
        # only roughly so many: two threads may both find the last place free
        if len(self._waiting) >= self._most_waiting:
            self._lose(f"{self._most_waiting} files wait already")
            return None
        if not _worker.try_start():
            self._lose("there can be no more threads")
            return None
        self._waiting.add(name)
        if kind in _SHARED:
            self._names[name] = None
        _worker.put(partial(self._write, name, value, text))
        return url

    def _is_written(self, name: str) -> bool:
        while len(self._names) > _MOST_NAMES:
            self._names.popitem(last=False)
        return name in self._names

    def _write(self, name: str, value: Any, text: str | None) -> None:
        """Write a value, or its text where that was made for its name."""
        # here, as the command line reads settings without OpenTelemetry
        from callspan.runtime import scope

        try:
            # a bucket's client must not make spans of its own
            with scope.without_instrumentation():
                self._write_lines(name, self._lines(value, text))
        except Exception as error:  # noqa: BLE001  each file system has errors of its own
            self._names.pop(name, None)
            self._lose(f"{type(error).__name__}: {error}")
        finally:
            self._waiting.discard(name)

    def _write_lines(self, name: str, lines: list[str]) -> None:
        file_system, folder = self._open()
        path = posixpath.join(folder, name)
        with file_system.open(path, "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)

    def _open(self) -> tuple[Any, str]:
        """Return the file system, and the folder in it, which is made if it is not there."""
        if self._files is None:
            import fsspec

            file_system, folder = fsspec.url_to_fs(self.base)
            if "file" in file_system.protocol:
                # what was said is private, so others on this machine must not read it
                os.makedirs(folder, mode=0o700, exist_ok=True)
            self._files = file_system, folder
        return self._files

    def _lines(self, value: Any, text: str | None) -> list[str]:
        if self._format == "jsonl" and isinstance(value, list):
            return [encode({**item, "index": index}) for index, item in enumerate(value)]
        if text is None:
            text = encode(value)
        return [text]

    def _lose(self, why: str) -> None:
        self.lost += 1
        guard.say_once(f"content could not be uploaded to {self.base} ({why})")


def check_base(base: str) -> None:
    """Check that files can be opened there.

    Raises:
        ValueError: There is no `fsspec`, or none of its file systems knows such a URL.
    """
    try:
        import fsspec
    except ImportError:
        raise ValueError(MISSING) from None
    try:
        fsspec.url_to_fs(base)
    except (ImportError, ValueError) as error:
        raise ValueError(f"files cannot be opened there ({error})") from None
