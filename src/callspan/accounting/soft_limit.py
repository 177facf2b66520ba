"""The share of a budget's limits at which a handler of the app's is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from callspan.runtime import guard
from callspan.runtime.errors import SettingsError

if TYPE_CHECKING:
    # the other way round at run time, as budgets have soft limits
    from callspan.accounting.budgets import Budget


class SoftLimit:
    """A share of the limits at which a handler is called, once."""

    __slots__ = ("_handler", "_is_reached", "_share")

    def __init__(self, share: float, handler: Callable[[Budget], object]) -> None:
        self._share, self._handler = share, handler
        self._is_reached = False

    def reach(self, budget: Budget) -> bool:
        """Whether the share is reached for the first time; the caller then calls `notify`."""
        if self._is_reached:
            return False
        spent = {**budget.spent, "seconds": budget.elapsed}
        self._is_reached = any(
            spent[unit] >= self._share * limit for unit, limit in budget.limits.items()
        )
        return self._is_reached

    def notify(self, budget: Budget) -> None:
        """Call the handler; its exceptions are logged, never raised."""
        try:
            self._handler(budget)
        except Exception as error:  # noqa: BLE001  a handler's fault is never the app's
            guard.report(f"the soft limit of {budget.name}", error)


def create_soft_limit(share: float, handler: Callable[[Budget], object] | None) -> SoftLimit | None:
    """Return the soft limit of a budget; raises `SettingsError` for a share that is none."""
    if not 0 < share <= 1:
        raise SettingsError(f"soft is {share!r}: it is a share of the limits, such as 0.8")
    if handler is None:
        return None
    return SoftLimit(share, handler)
