"""A mistake that the user can correct, told in one line that names the fix."""

from __future__ import annotations

import contextlib
import difflib
import sys
from collections.abc import Iterable


class Problem(ValueError):
    """Wrong input; the command prints its one line and exits with code 2."""


def say(text: str) -> None:
    """Print one line on stderr, or nothing where stderr is closed."""
    # `print(file=None)` would write to stdout, which is the program's own.
    if sys.stderr is not None:
        with contextlib.suppress(OSError):  # nobody reads stderr any more
            print(f"callspan: {text}", file=sys.stderr)


def suggest(word: str, names: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)` for the name most like a word, or an empty text."""
    matches = difflib.get_close_matches(word, list(names), 1)
    if not matches:
        return ""
    return f" (did you mean {matches[0]!r}?)"
