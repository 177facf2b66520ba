"""Programs that bring their packages along: bundles made by PyInstaller, PEX files, zipapps."""

from __future__ import annotations

import mmap
import os
import zipfile

from callspan.cli.problem import Problem

_COOKIE = b"MEI\x0c\x0b\x0a\x0b\x0e"
"""By this PyInstaller's loader finds the archive at the end of its own file."""
_TAIL_BYTES = 65_536
_OURS = b"callspan.setup.instrument"
"""Stands in the archive's list of modules, which is not compressed."""


def is_zipapp(path: str) -> bool:
    """Whether Python can run a file as a program, though its name does not tell that."""
    # A PEX file is a zip file too, but one that has its own interpreter line and is executable.
    return "__main__.py" in _names(path) and not _is_pex(path)


def check_contents(path: str) -> None:
    """Raise `Problem` for a program in which nothing could be recorded, as callspan is not in it."""
    name = os.path.basename(path)
    # Its packages stand in folders of their own within it, so only the end of the path is compared.
    if _is_pex(path) and not any("callspan/__init__.py" in entry for entry in _names(path)):
        raise Problem(
            f"{name} is a PEX file, which shuts out what is not in it, so nothing would be recorded: "
            "put callspan into it, and call callspan.configure() and callspan.instrument() in the program"
        )
    if _is_frozen_without_callspan(path):
        raise Problem(
            f"{name} was bundled by PyInstaller without callspan, so nothing would be recorded: "
            "build it where callspan is installed, with --hidden-import callspan"
        )


def _is_pex(path: str) -> bool:
    return "PEX-INFO" in _names(path)


def _names(path: str) -> list[str]:
    """Return the names of the files in a zip file; nothing if it is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return []


def _is_frozen_without_callspan(path: str) -> bool:
    try:
        with (
            open(path, "rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            is_frozen = data.rfind(_COOKIE, max(0, len(data) - _TAIL_BYTES)) >= 0
            return is_frozen and data.find(_OURS) < 0
    except (OSError, ValueError):  # not to be read, or empty: the start will tell
        return False
