"""Tests of a changed module, run in a copy of the project by a process that has the clients loaded already."""

from __future__ import annotations

import gc
import importlib.metadata
import os
import resource
import select
import shutil
import signal
import sys
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
from tests.matrix.environment import ROOT

_COPIED = ("src", "tests", "examples", "docs")
_LEFT_OUT = shutil.ignore_patterns("node_modules", "*.so")
_MEMORY = 4 << 30
"""Bytes that tests may take: a change can make a loop endless."""
# Loaded once, for this takes longer than most tests. Nothing of callspan is among it.
_PRELOADED = (
    "anthropic.resources",
    "anyio._backends._asyncio",
    "anyio._backends._trio",
    "google.genai",
    "httpcore",
    "httpcore2",
    "hypothesis",
    "langchain_core.language_models",
    "langsmith.testing",
    "mistralai.client",
    "openai.resources.chat.completions",
    "openai.resources.embeddings",
    "openai.resources.responses.responses",
    "opentelemetry.sdk._logs",
    "opentelemetry.sdk.metrics",
    "opentelemetry.sdk.trace",
    "pytest_asyncio",
    "tiktoken",
    "trio",
    "yaml",
)


class Trial:
    """A copy of the project, in which one module at a time is changed and tested."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in _COPIED:
            shutil.copytree(ROOT / name, folder / name, ignore=_LEFT_OUT)
        for file in (file for file in ROOT.iterdir() if file.is_file()):
            shutil.copy2(file, folder)
        for name in _PRELOADED:
            with suppress(ImportError):  # it saves time, and no more
                importlib.import_module(name)
        # each instrument() reads the versions of all clients, which is a third of the time of a short test
        importlib.metadata.version = cache(importlib.metadata.version)
        gc.freeze()  # or each child would copy all of it to look through it
        if "callspan" in sys.modules:
            raise SystemExit(
                "callspan is loaded already, and a change of its code would not be seen"
            )

    def passes(
        self, tests: tuple[str, ...], seconds: float, *, changed: bool = False
    ) -> tuple[bool, float]:
        """Whether tests pass in the copy within some seconds, and how many they took."""
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            self._test(tests, changed)
        handle = os.pidfd_open(child)
        ready, _, _ = select.select([handle], [], [], seconds)
        os.close(handle)
        with suppress(ProcessLookupError):  # also what the tests have left running
            os.killpg(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        return bool(ready) and status == 0, time.monotonic() - began

    def passes_with(
        self, module: Path, source: str, tests: tuple[str, ...], seconds: float
    ) -> tuple[bool, float]:
        """The same while a module of the copy has another source."""
        file = self.folder / module
        before, stat = file.read_text(encoding="utf-8"), file.stat()
        file.write_text(source, encoding="utf-8")
        try:
            return self.passes(tests, seconds, changed=True)
        finally:
            file.write_text(before, encoding="utf-8")
            os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # its bytecode stays good

    @property
    def log(self) -> Path:
        """What the last tests printed."""
        return self.folder / "tests.log"

    def _test(self, tests: tuple[str, ...], changed: bool) -> None:
        """Run tests in this process, which ends with them."""
        code = 1
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
            with self.log.open("w") as log:
                os.dup2(log.fileno(), 1)
                os.dup2(log.fileno(), 2)
            os.chdir(self.folder)
            source = str(self.folder / "src")
            os.environ.update(PYTHONPATH=source, CALLSPAN_SERVICES="skip")
            if changed:  # the bytecode of what is not changed was written before
                os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
                sys.dont_write_bytecode = True
            sys.path[:] = [source, *(place for place in sys.path if place not in ("", str(ROOT)))]
            code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests])
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
