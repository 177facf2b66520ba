"""The versions of frameworks, read when they are imported: callbacks come in event loops, where no file may be read."""

from __future__ import annotations

_versions: dict[str, str] = {}


def read(packages: tuple[str, ...]) -> None:
    """Read the versions of installed packages, each once."""
    import importlib.metadata  # it takes longer to import than callspan's own modules

    for package in packages:
        if package not in _versions:
            try:
                _versions[package] = importlib.metadata.version(package)
            except importlib.metadata.PackageNotFoundError:
                _versions[package] = ""


def version(package: str) -> str:
    """Return the version of a package; empty if it is not installed, or not read yet."""
    return _versions.get(package, "")
