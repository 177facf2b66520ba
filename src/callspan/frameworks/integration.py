"""Integrations of frameworks as data, and the versions of the frameworks' packages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from callspan.events import Call
from callspan.lifecycle.observation import Observation
from callspan.lifecycle.reading import Reading
from callspan.runtime.packages import installed_version
from callspan.runtime.patching import Patch

Context = Any
"""An OpenTelemetry context; `None` stands for the one in force."""
ObservationFactory = Callable[[Call, Reading, Context], "Observation | None"]
"""Returns an observation of a call in a context, or `None` if nobody observes it.

The reading says how the call's answers are read.
"""
_versions: dict[str, str] = {}
"""Versions by package, read before the first run: callbacks run in event loops, which files block."""


@dataclass(frozen=True, slots=True)
class Integration:
    """One framework.

    Attributes:
        name: The framework's name in settings and in telemetry.
        package: The package whose version decides whether it can be patched.
        module: The module whose import puts the patches in place.
        packages: The packages whose versions its runs report.
        versions: The oldest version that works, and the first that is not tested.
        operations: The operations that it reports.
        patches: Returns the patches.
        subscribe: Reports runs to a factory of observations from now on; with `None` no new ones
            are reported. The second argument is true if all runs are reported, and false for
            those alone to which the app has given a callspan handler.
        prepare: Called when its modules are there, and never in an event loop, to load what its
            wrappers need.
    """

    name: str
    package: str
    module: str
    packages: tuple[str, ...]
    versions: tuple[str, str]
    operations: tuple[str, ...]
    patches: Callable[[], list[Patch]]
    subscribe: Callable[[ObservationFactory | None, bool], None]
    prepare: Callable[[], object] | None = None


def read_versions(packages: tuple[str, ...]) -> None:
    """Read the versions of packages from their metadata, each once."""
    for package in packages:
        if package not in _versions:
            # without metadata runs are reported without a version
            _versions[package] = installed_version(package) or ""


def version(package: str) -> str:
    """Return the version of a package; empty if it is not installed, or not read yet."""
    return _versions.get(package, "")
