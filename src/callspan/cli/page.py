"""The page of `callspan run --view`: a process of its own, which shows what the program's file gets."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from callspan.cli.problem import Problem, say

VARIABLE = "CALLSPAN_RUN_VIEW"
"""Stands for the option; no program gets it."""
# As docs/view.md has it: an hour after the last look.
_IDLE_SECONDS = 3600
_FILE = "traces.jsonl"


def temporary_file() -> str:
    """Return the path of a file for one run, in a folder that only its owner may read."""
    return str(Path(tempfile.mkdtemp(prefix="callspan-")) / _FILE)


def start(path: str, is_temporary: bool) -> None:
    """Start a page that shows a file, and say its address.

    Its process is nobody's child: the program takes this process over, and must not find a child that it has
    not started.

    Args:
        path: The file that the program will write.
        is_temporary: Whether the page removes the file at its end.

    Raises:
        Problem: there is no page, and why.
    """
    command = [sys.executable, "-m", "callspan.cli", "view", path, "--children"]
    command += ["--idle", str(_IDLE_SECONDS)]
    if is_temporary:
        command.append("--temporary")
    reading, writing = os.pipe()
    # `Popen` forks once more in the launcher, which ends: so the page is nobody's child.
    launcher = os.fork()
    if launcher == 0:
        _launch(command, writing)
    # Or the reading below would never see the end, were the page to fail.
    os.close(writing)
    os.waitpid(launcher, 0)
    with os.fdopen(reading) as output:
        line = output.readline().strip()
    if not line.startswith("callspan: the page is at "):
        raise Problem(line.removeprefix("callspan: ") or "the page could not be started")
    say(line.removeprefix("callspan: "))


def _launch(command: list[str], output: int) -> None:
    try:
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # A Ctrl-C in the terminal is for the program, and not for its page.
            start_new_session=True,
        )
    finally:
        # Without `atexit` and buffers, which belong to the process that goes on.
        os._exit(0)
