"""What a user can put right: one line that names the fix."""

from __future__ import annotations

import contextlib
import difflib
import sys
from collections.abc import Iterable


class Problem(ValueError):
    """Wrong input; the command prints its one line and exits with code 2."""


def say(text: str) -> None:
    """Print one line on stderr, and nothing where stderr is closed: `print` would take stdout then."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(f"callspan: {text}", file=sys.stderr)


def meant(word: str, known: Iterable[str]) -> str:
    """` (did you mean 'x'?)` for the nearest known word, or nothing."""
    close = difflib.get_close_matches(word, list(known), 1)
    return f" (did you mean {close[0]!r}?)" if close else ""
