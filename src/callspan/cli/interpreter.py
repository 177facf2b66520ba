"""Which Python a command starts, and whether callspan can start with it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from callspan.cli.problem import Problem

_PYTHON = re.compile(r"(python|pypy)[\d.]*(\.exe)?$")
_LONG_SHEBANG = re.compile(rb"'''exec' \"?([^\"]+?)\"? \"\$0\"")
_SWITCHES_OFF = {"I": "ignores PYTHONPATH", "E": "ignores PYTHONPATH", "S": "skips site"}
_STARTS = {"c": "-c", "m": "-m"}
_LONG_WITH_ARGUMENT = "--check-hash-based-pycs"
_SECONDS = 20


@dataclass(frozen=True)
class Start:
    """A Python interpreter, the letters of its options, and what follows them."""

    executable: str
    letters: str
    rest: tuple[str, ...]


def start_of(executable: str, words: Sequence[str]) -> Start | None:
    """How a command starts Python, or None where it starts something else."""
    if _PYTHON.match(os.path.basename(words[0])):
        return Start(executable, *_options(words[1:]))
    shebang = _shebang(executable)
    if shebang and _PYTHON.match(os.path.basename(shebang[0])):
        return Start(shebang[0], _options(shebang[1:])[0], ())
    return None


def _options(words: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return the letters of Python's options, and the words from the script, `-c` or `-m` on."""
    letters = ""
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        if word.startswith("--"):
            if word == _LONG_WITH_ARGUMENT:
                del rest[:1]
            continue
        plain = re.split("[cmWX]", word[1:], maxsplit=1)[0]
        letters += plain
        option = word[len(plain) + 1 : len(plain) + 2]
        # As in C's getopt, the argument of an option is the rest of its word, or else the next word.
        argument = word[len(plain) + 2 :]
        if option in _STARTS:
            return letters, (_STARTS[option], *([argument] if argument else []), *rest)
        if option and not argument:
            del rest[:1]
    return letters, tuple(rest)


def _shebang(executable: str) -> list[str] | None:
    try:
        with open(executable, "rb") as script:
            first, second = script.readline(512), script.readline(512)
    except OSError:
        return None
    if not first.startswith(b"#!"):
        return None
    # pip writes a shell script where the path of the interpreter is too long for the kernel, or has a space.
    if first.startswith(b"#!/bin/sh") and (found := _LONG_SHEBANG.match(second)):
        return [found[1].decode(errors="replace")]
    words = shlex.split(first[2:].decode(errors="replace"))
    if words and os.path.basename(words[0]) == "env":
        words = [word for word in words[1:] if word != "-S"]
    return words


def must_let_callspan_in(start: Start, environ: Mapping[str, str]) -> None:
    """Raise where nothing would be recorded: an option that switches the start-up hook off, or another Python."""
    for letter in start.letters:
        if letter in _SWITCHES_OFF:
            raise Problem(
                f"python -{letter} {_SWITCHES_OFF[letter]}, so callspan cannot start with the program: "
                f"leave -{letter} out, or call callspan.instrument() in the program"
            )
    if not _is_ours(start.executable) and not _imports_callspan(start.executable, environ):
        raise Problem(
            f"{start.executable} cannot import callspan, so nothing would be recorded: "
            f"install callspan there, or let {sys.executable} run it: callspan run SCRIPT.py or -m MODULE"
        )


def _is_ours(executable: str) -> bool:
    # By folder, not by the file behind the links: all virtual environments link to the same file.
    return os.path.dirname(os.path.abspath(executable)) == os.path.dirname(
        os.path.abspath(sys.executable)
    )


def _imports_callspan(executable: str, environ: Mapping[str, str]) -> bool:
    try:
        asked = [executable, "-c", "import callspan"]
        return (
            subprocess.run(
                asked, env=environ, capture_output=True, timeout=_SECONDS, check=False
            ).returncode
            == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
