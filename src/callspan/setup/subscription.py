"""A framework whose runs are observed, as the calls of a client are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from callspan.events import Call
from callspan.frameworks.integration import Integration, read_versions
from callspan.lifecycle.observation import Observation, Reader
from callspan.runtime.background import outside_loop, running_loop
from callspan.runtime.patching import Patches
from callspan.runtime.scope import Scope, current, suppressed
from callspan.setup.inspection import installed_version, older


class FrameworkSubscription:
    """The patches of one framework, applied when it is imported.

    `begin` begins an observation in a scope. Without `everywhere`, only those runs are observed for
    which the app has given the framework a handler of ours.
    """

    def __init__(
        self,
        integration: Integration,
        begin: Callable[[Call, Reader, Scope], Observation],
        everywhere: bool = True,
    ) -> None:
        self.adapter = integration
        self._begin = begin
        self._everywhere = everywhere
        self._is_applying = False
        self.patches = Patches(integration.patches(), integration.module, self._on_import)

    def apply(self) -> None:
        """Patch the framework, now or when it is imported, and observe its runs."""
        self._is_applying = True
        self.patches.apply()
        self._is_applying = False
        self.adapter.subscribe(self.observe, self._everywhere)

    def undo(self) -> None:
        """Leave the framework as it was; the runs that have begun still end."""
        self.patches.undo()
        self.adapter.subscribe(None, False)

    def observe(self, call: Call, read: Reader, context: Any) -> Observation | None:
        """Begin an observation of a run in a context; return `None` where nobody wants it."""
        if not self.patches.active or suppressed():
            return None
        call.asynchronous = running_loop() is not None
        return self._begin(call, read, current(context))

    def _on_import(self) -> None:
        # Versions are read from files, which must not happen in an event loop that imports it.
        if self._is_applying:
            self._check_version()
        else:
            outside_loop(self._check_version)

    def _check_version(self) -> None:
        """Undo the patches where the framework is too old for them."""
        read_versions(self.adapter.packages)
        version = installed_version(self.adapter) or ""
        oldest = self.adapter.versions[0]
        if version and older(version, oldest):
            name = self.adapter.name
            self.patches.refuse(
                f"{name} {version} is too old to be heard: callspan needs >={oldest}"
            )
