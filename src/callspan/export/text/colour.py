"""Colours for a terminal, and whether there are any."""

from __future__ import annotations

import os
from typing import TextIO

RED, YELLOW, CYAN, DIM, BOLD = "\x1b[31m", "\x1b[33m", "\x1b[36m", "\x1b[2m", "\x1b[1m"
_OFF = "\x1b[0m"


def is_coloured(stream: TextIO) -> bool:
    """Whether to colour text on a stream.

    Never against NO_COLOR (https://no-color.org); with FORCE_COLOR always; else on a terminal.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0", "false"):
        return True
    if os.environ.get("TERM") == "dumb":
        return False
    return is_terminal(stream)


def is_terminal(stream: TextIO) -> bool:
    """Whether a stream ends in a terminal."""
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):  # not quite a stream, or a closed one
        return False


class Paint:
    """Puts colours round text, or does not."""

    def __init__(self, on: bool) -> None:
        self._on = on

    def __call__(self, colour: str, text: str) -> str:
        """Return a text in a colour; as it is if there is no colour or it is empty."""
        has_colour = self._on and colour and text
        return f"{colour}{text}{_OFF}" if has_colour else text
