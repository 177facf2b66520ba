"""Files that are nobody else's to read, for they may hold what was said to a model."""

from __future__ import annotations

import os

MODE = 0o600


def opened(path: str) -> int:
    """A descriptor that appends to a file; one that is there already keeps the permissions that it has."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), MODE)
