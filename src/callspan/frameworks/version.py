"""The version of a framework that is loaded."""

from __future__ import annotations

import functools
import sys


@functools.cache
def version(module: str) -> str:
    """The version of the package of a module; read once, for it is asked of the file system. Empty if there is none."""
    import importlib.metadata  # it takes longer to import than callspan's own modules

    try:
        return importlib.metadata.version(module.replace("_", "-")) if module in sys.modules else ""
    except importlib.metadata.PackageNotFoundError:
        return ""
