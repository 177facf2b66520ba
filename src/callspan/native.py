"""What clients and frameworks record by themselves, and whether it is muted where ours stands for it.

`policy` is set by `instrument()`, and read wherever something native would begin.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def _no() -> bool:
    return False


@dataclass(slots=True)
class Policy:
    """What is muted now.

    `spans` says whether a client's own span of a call gives way to ours. `metrics` says the same of a framework's own
    metrics of the names that ours have. `content` is asked whether a framework's own spans would take content out
    though ours does not.
    """

    spans: bool = False
    metrics: bool = False
    content: Callable[[], bool] = _no

    def mute(self, content: Callable[[], bool]) -> None:
        """Mute what is native, from now on."""
        self.spans = self.metrics = True
        self.content = content

    def keep(self) -> None:
        """Leave all that is native as it is, from now on."""
        self.spans = self.metrics = False
        self.content = _no


policy = Policy()
