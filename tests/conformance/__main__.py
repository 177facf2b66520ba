"""Plays tests under each dialect of the conventions, without content and with it, and checks what they emit.

python -m tests.conformance [--only CHOICE]... [FILE]...

Without files: the table of all clients with all endings. What a test itself asserts holds for its
own settings, and is not looked at here; what counts is what the checker says of all that was
emitted. Ends with 1 if a rule is broken. `python -m tests.frameworks --check` does the same for
programs of frameworks.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys

import pytest

from .choices import CHOICES, Choice
from .played import Play

TABLE = "tests/test_outcomes.py"


def main() -> int:
    """Play the files under the choices that are asked for, one after the other."""
    names = [str(choice) for choice in CHOICES]
    parser = argparse.ArgumentParser("python -m tests.conformance", description=__doc__)
    parser.add_argument("--only", action="append", choices=names, help="can be repeated")
    parser.add_argument("files", nargs="*", default=[TABLE], metavar="FILE")
    options = parser.parse_args()
    chosen = options.only or names
    plays = [_play(choice, options.files) for choice in CHOICES if str(choice) in chosen]
    in_vain = _declared_in_vain(plays)
    print(*in_vain, sep="\n", end="\n" if in_vain else "")
    violations = sum(len(play.violations) for play in plays)
    return 1 if violations or in_vain else 0


def _play(choice: Choice, files: list[str]) -> Play:
    """Play the files, and print what was found."""
    play = Play(choice)
    # tests that assert the names of one dialect fail under another, by hundreds
    with contextlib.redirect_stdout(io.StringIO()):
        code = pytest.main(["--tb=short", *files], plugins=[play])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise SystemExit(f"{choice}: pytest ended with {code!r}")
    print(play.summary, flush=True)
    for violation, test in play.violations.items():
        print(f"  {violation}\n    {test}", flush=True)
    return play


def _declared_in_vain(plays: list[Play]) -> list[str]:
    """Return a line for each declared exception that occurred under no choice."""
    declared: set[tuple[str, str]] = set()
    occurred: set[tuple[str, str]] = set()
    for play in plays:
        declared |= play.declared
        occurred |= play.occurred
    return [
        f"{file}: {rule} is declared, and never broken"
        for file, rule in sorted(declared - occurred)
    ]


if __name__ == "__main__":
    sys.exit(main())
