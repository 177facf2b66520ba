"""What PyInstaller is told of callspan, found by the entry point group `pyinstaller40`."""

from __future__ import annotations

import os


def hook_folders() -> list[str]:
    """Return the folder with the hook and, in `rthooks`, what runs at the start of a bundle."""
    return [os.path.dirname(__file__)]
