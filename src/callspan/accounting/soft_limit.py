"""The share of a budget's limits at which a handler of the app's is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from callspan.runtime import guard
from callspan.runtime.errors import SettingsError

Budget = TypeVar("Budget")
"""The type of the budget, which is in a module above this one."""


class SoftLimit(Generic[Budget]):
    """A share of the limits at which a handler is called, once."""

    __slots__ = ("_handler", "_is_reached", "_share")

    def __init__(self, share: float, handler: Callable[[Budget], object]) -> None:
        self._share, self._handler = share, handler
        self._is_reached = False

    def reach(self, limits: Mapping[str, float], spent: Mapping[str, float]) -> bool:
        """Whether the share is reached for the first time; the caller then calls `notify`.

        Both are amounts by unit.
        """
        if self._is_reached:
            return False
        self._is_reached = any(spent[unit] >= self._share * limits[unit] for unit in limits)
        return self._is_reached

    def notify(self, budget: Budget, name: str) -> None:
        """Call the handler with the budget of this name; its exceptions are logged, never raised."""
        try:
            self._handler(budget)
        except Exception as error:  # noqa: BLE001  a handler's fault is never the app's
            guard.report(f"the soft limit of {name}", error)


def create_soft_limit(
    share: float, handler: Callable[[Budget], object] | None
) -> SoftLimit[Budget] | None:
    """Return the soft limit of a budget; raises `SettingsError` for a share that is none."""
    if not 0 < share <= 1:
        raise SettingsError(f"soft is {share!r}: it is a share of the limits, such as 0.8")
    if handler is None:
        return None
    return SoftLimit(share, handler)
