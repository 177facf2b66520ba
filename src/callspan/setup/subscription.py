"""A framework that is listened to, as a client is watched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from callspan.events import Call
from callspan.frameworks.framework import Source
from callspan.frameworks.version import read
from callspan.lifecycle.observation import Observation, Reader
from callspan.runtime.background import outside_loop, running_loop
from callspan.runtime.patching import Patches
from callspan.runtime.scope import Scope, current, suppressed
from callspan.setup.inspection import installed_version, older


class FrameworkSubscription:
    """One framework being listened to: all of it, or only where the app has given it a handler of ours.

    `begin` begins an observation in a scope.
    """

    def __init__(
        self,
        source: Source,
        begin: Callable[[Call, Reader, Scope], Observation],
        everywhere: bool = True,
    ) -> None:
        self.adapter = source
        self._begin = begin
        self._everywhere = everywhere
        self._applying = False
        self.patches = Patches(source.patches(), source.module, self._imported)

    def _imported(self) -> None:
        """Look at what is installed; not in an event loop in which the framework is imported."""
        if self._applying:
            self._look()
        else:
            outside_loop(self._look)

    def _look(self) -> None:
        read(self.adapter.packages)
        version, oldest = installed_version(self.adapter) or "", self.adapter.versions[0]
        if version and older(version, oldest):
            self.patches.refuse(
                f"{self.adapter.name} {version} is too old to be heard: callspan needs >={oldest}"
            )

    def apply(self) -> None:
        """Patch it, now or when it is imported, and listen."""
        self._applying = True
        self.patches.apply()
        self._applying = False
        self.adapter.listen(self.observe, self._everywhere)

    def undo(self) -> None:
        """Leave it as it was; what has begun still ends."""
        self.patches.undo()
        self.adapter.listen(None, False)

    def observe(self, call: Call, read: Reader, context: Any) -> Observation | None:
        """Begin an observation of what the framework tells of itself, in the context given."""
        if not self.patches.active or suppressed():
            return None
        call.asynchronous = running_loop() is not None
        return self._begin(call, read, current(context))
