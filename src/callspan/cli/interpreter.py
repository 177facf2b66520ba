"""Whether a command starts a Python interpreter, and whether callspan can start with it."""

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
# More than the 255 characters that the kernel reads of a first line (man 2 execve).
_SHEBANG_BYTES = 512
_SWITCHES_OFF = {"I": "ignores PYTHONPATH", "E": "ignores PYTHONPATH", "S": "skips site"}
"""Python's options that keep our sitecustomize from being imported, each with its effect."""
_OPTIONS_WITH_ARGUMENT = re.compile("[cmWX]")
_LONG_OPTION_WITH_ARGUMENT = "--check-hash-based-pycs"
# The most seconds for another Python to import callspan, on a machine that is busy.
_SECONDS = 20


@dataclass(frozen=True)
class Start:
    """A Python interpreter that a command starts.

    `letters` are those of its options that have no argument. `rest` begins with the script, with
    `-` for standard input, or with `-c` or `-m` and their argument. It is empty if the command
    names no program.
    """

    executable: str
    letters: str
    rest: tuple[str, ...]


def parse_command(executable: str, words: Sequence[str]) -> Start | None:
    """Return how a command starts Python, or `None` if it starts something else.

    Args:
        executable: The path of the file that is executed.
        words: The command as it was written; the first word is its name.
    """
    if _PYTHON.match(os.path.basename(words[0])):
        letters, rest = _split_options(words[1:])
        return Start(executable, letters, rest)
    shebang = _read_shebang(executable)
    if shebang and _PYTHON.match(os.path.basename(shebang[0])):
        # What the script itself does is not known, so `rest` stays empty.
        letters, _ = _split_options(shebang[1:])
        return Start(shebang[0], letters, ())
    return None


def _is_option(word: str) -> bool:
    """Whether a word is one of Python's options; `-` alone stands for standard input."""
    return word.startswith("-") and word != "-"


def _with_argument(argument: str, rest: list[str]) -> list[str]:
    """Return the words from an option's argument on.

    As in C's getopt the argument is the rest of the option's word or, if that is empty, the next
    word.
    """
    if argument:
        return [argument, *rest]
    return rest


def _split_options(words: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return the letters of Python's options, and the words from the script, `-c` or `-m` on."""
    letters = ""
    rest = list(words)
    while rest and _is_option(rest[0]):
        word = rest.pop(0)
        if word == "--":
            break
        if word.startswith("--"):
            if word == _LONG_OPTION_WITH_ARGUMENT:
                del rest[:1]
            continue
        option = _OPTIONS_WITH_ARGUMENT.search(word)
        if option is None:
            letters += word[1:]
            continue
        letters += word[1 : option.start()]
        rest = _with_argument(word[option.end() :], rest)
        if option[0] in "cm":
            return letters, (f"-{option[0]}", *rest)
        del rest[:1]
    return letters, tuple(rest)


def _read_shebang(executable: str) -> list[str] | None:
    """Return the words of a script's first line after `#!`, or `None` if it has no such line."""
    try:
        with open(executable, "rb") as script:
            first = script.readline(_SHEBANG_BYTES)
            second = script.readline(_SHEBANG_BYTES)
    except OSError:
        return None
    if not first.startswith(b"#!"):
        return None
    # pip writes a shell script where the path of the interpreter has a space, or is too long for
    # the kernel.
    if first.startswith(b"#!/bin/sh"):
        exec_line = _LONG_SHEBANG.match(second)
        if exec_line:
            return [exec_line[1].decode(errors="replace")]
    words = shlex.split(first[2:].decode(errors="replace"))
    if words and os.path.basename(words[0]) == "env":
        # `env -S` divides the line into words; without it, all of the rest is one argument.
        words = [word for word in words[1:] if word != "-S"]
    return words


def check_start(start: Start, environ: Mapping[str, str]) -> None:
    """Raise `Problem` if nothing would be recorded in the Python that is started.

    That is so with an option that switches the start-up hook off, and in a Python that cannot
    import callspan.
    """
    for letter in start.letters:
        if letter in _SWITCHES_OFF:
            raise Problem(
                f"python -{letter} {_SWITCHES_OFF[letter]}, "
                "so callspan cannot start with the program: "
                f"leave -{letter} out, or call callspan.instrument() in the program"
            )
    if not _is_ours(start.executable) and not _imports_callspan(start.executable, environ):
        raise Problem(
            f"{start.executable} cannot import callspan, so nothing would be recorded: "
            f"install callspan there, or let {sys.executable} run it: "
            "callspan run SCRIPT.py or -m MODULE"
        )


def _is_ours(executable: str) -> bool:
    # By folder, not by the file behind the links: all virtual environments link to the same file.
    folder = os.path.dirname(os.path.abspath(executable))
    our_folder = os.path.dirname(os.path.abspath(sys.executable))
    return folder == our_folder


def _imports_callspan(executable: str, environ: Mapping[str, str]) -> bool:
    command = [executable, "-c", "import callspan"]
    try:
        child = subprocess.run(
            command, env=environ, capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return child.returncode == 0
