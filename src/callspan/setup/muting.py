"""Frameworks whose own telemetry is muted where ours stands for it."""

from __future__ import annotations

from collections.abc import Callable

from callspan.frameworks.native import Native
from callspan.runtime.patching import Patches


class Muting:
    """The patches that mute one framework's own telemetry, applied when it is imported.

    Args:
        native: The framework.
        then: Called after its patches were applied.
    """

    def __init__(self, native: Native, then: Callable[[], None]) -> None:
        self.native = native
        self.patches = Patches(native.patches(), native.module, then)

    def apply(self) -> None:
        """Mute the framework, now or when it is imported."""
        self.patches.apply()

    def undo(self) -> None:
        """Leave it as it was."""
        self.patches.undo()

    @property
    def muted(self) -> bool:
        """Whether something of it is muted now."""
        # `any`, as some versions lack some of the functions
        return any(patch.state == "patched" for patch in self.patches.patches)
