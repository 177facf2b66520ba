"""The page as users have it: the command in a process of its own, asked over HTTP."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

COMMAND = [sys.executable, "-m", "callspan.cli", "view"]
Page = Callable[..., httpx.Client]


@contextmanager
def served(*words: str) -> Iterator[str]:
    """Run `callspan view` with some words, and give its address."""
    with subprocess.Popen(
        [*COMMAND, *words, "--no-open"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("callspan: the page is at "), line
            yield line.split()[5]
        finally:
            process.terminate()


@pytest.fixture
def page() -> Iterator[Page]:
    """Serve files on a free port, and give a client that asks the page."""
    with ExitStack() as stack:

        def serve(*words: str | Path) -> httpx.Client:
            address = stack.enter_context(served(*map(str, words), "--port", "0"))
            return stack.enter_context(httpx.Client(base_url=address, timeout=60))

        yield serve


def until(client: httpx.Client, path: str, wanted: str) -> str:
    """Ask until a page has a text, as new spans take a moment; a test's time limit ends it."""
    while True:
        text = client.get(path).text
        if wanted in text:
            return text
