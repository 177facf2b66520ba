"""The packages that are installed."""

from __future__ import annotations


def installed_version(package: str) -> str | None:
    """Return the version of a package by its metadata; `None` if it has none, as in some bundles.

    The metadata is read with its whole description, which takes 2 ms.
    """
    # here, as it takes longer to import than callspan's own modules
    import importlib.metadata

    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
