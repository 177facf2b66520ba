"""Frameworks whose own telemetry is muted where ours stands for it."""

from __future__ import annotations

import sys
from collections.abc import Callable

from callspan.frameworks.native import Native
from callspan.runtime import process
from callspan.runtime.patching import Patches
from callspan.runtime.searches import before_import, forget

_loading = process.own_lock(sys.modules[__name__], "_loading")
"""Held while patches are made: an import in another thread and `instrument()` may come at once."""


class Muting:
    """The patches that mute one framework's own telemetry, applied when it is imported.

    Args:
        native: The framework.
        then: Called after its patches were applied.
    """

    def __init__(self, native: Native, then: Callable[[], None]) -> None:
        self.native = native
        self._then = then
        self._patches: Patches | None = None

    def apply(self) -> None:
        """Mute the framework, now or when it is imported."""
        before_import((self.native.module,), self._load)

    def undo(self) -> None:
        """Leave it as it was."""
        forget((self.native.module,), self._load)
        if self._patches is not None:
            self._patches.undo()

    def _load(self) -> None:
        """Make the patches, the first time, and apply them."""
        with _loading:
            if self._patches is None:
                self._patches = Patches(self.native.patches(), self.native.module, self._then)
                self._patches.apply()

    @property
    def muted(self) -> bool:
        """Whether something of it is muted now."""
        # `any`, as some versions lack some of the functions
        patches = [] if self._patches is None else self._patches.patches
        return any(patch.state == "patched" for patch in patches)
