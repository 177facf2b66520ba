"""Counts instructions by callgrind: of a part of a program, with a name for each part.

Instructions do not depend on what else the machine does, so a few of them more are seen where a
time would be lost in noise.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

SOURCE = Path(__file__).with_name("counting.c")
_LIBRARY = "CALLSPAN_COUNTING_LIBRARY"
"""The variable that tells the program under callgrind where the compiled part is."""
_NAME = re.compile(r"^desc: Trigger: Client Request: (.*)$", re.MULTILINE)
_TOTAL = re.compile(r"^(?:totals|summary): (\d+)", re.MULTILINE)


def missing_tools() -> list[str]:
    """Return what the machine lacks for counting: valgrind with its header, and a C compiler."""
    missing = [tool for tool in ("valgrind", "cc") if shutil.which(tool) is None]
    if not Path("/usr/include/valgrind/callgrind.h").exists():
        missing.append("valgrind/callgrind.h")
    return missing


def count_parts(python: Path | str, arguments: Iterable[str], folder: Path) -> dict[str, int]:
    """Run a Python program under callgrind, and return the instructions of each part it counts.

    Args:
        python: The interpreter.
        arguments: Its arguments.
        folder: An empty folder for callgrind's files.

    Raises:
        subprocess.CalledProcessError: The program, or the compiler, has failed.
    """
    library = folder / "counting.so"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
    output = folder / "counts"
    command = [
        "valgrind",
        "--quiet",
        "--tool=callgrind",
        "--instr-atstart=no",
        "--dump-line=no",
        f"--callgrind-out-file={output}",
        str(python),
        *arguments,
    ]
    # the order of sets of texts is a matter of the seed, and instructions are a matter of the order
    environment = {**os.environ, "PYTHONHASHSEED": "0", _LIBRARY: str(library)}
    subprocess.run(command, env=environment, stdout=sys.stderr, check=True)
    return _read_counts(folder)


def _read_counts(folder: Path) -> dict[str, int]:
    counts: dict[str, int] = {}
    for path in folder.glob("counts.*"):
        text = path.read_text()
        name, total = _NAME.search(text), _TOTAL.search(text)
        if name is not None and total is not None:
            counts[name[1]] = int(total[1])
    return counts


class Counter:
    """Counts parts of the program that it is used in, which `count_parts` has started."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(os.environ[_LIBRARY])

    def count(self, name: str, action: Callable[[], object], times: int) -> None:
        """Count an action, repeated a number of times, under a name."""
        self._library.start_counting()
        for _ in range(times):
            action()
        self._library.stop_counting(name.encode())
