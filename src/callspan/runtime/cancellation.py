"""Whether code is being cancelled, by asyncio or by trio."""

from __future__ import annotations

import math
import sys
import weakref
from typing import Any

from callspan.runtime.background import running_loop


def current_task() -> Any:
    """Return the asyncio task that runs here, or `None`."""
    if running_loop() is None:
        return None
    return sys.modules["asyncio"].current_task()


def being_cancelled(reader: weakref.ref[Any] | None = None) -> bool:
    """Whether a task is being cancelled; always false on Python 3.10, whose tasks do not say so.

    Args:
        reader: The task that reads a stream; by default the one that runs here.
    """
    if _cancelled_by_trio():
        return True
    if sys.version_info < (3, 11):
        return False
    # what closes a stream for its reader may be cancelled because the event loop ends
    task = current_task() if reader is None else reader()
    return task is not None and task.cancelling() > 0


def _cancelled_by_trio() -> bool:
    """Whether trio cancels the code that runs here: its deadline is then endlessly long ago."""
    trio = sys.modules.get("trio")
    if trio is None:
        return False
    try:
        return trio.current_effective_deadline() == -math.inf
    except RuntimeError:
        return False  # nothing of trio's runs here
