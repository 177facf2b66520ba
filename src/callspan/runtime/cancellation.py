"""Whether the code that runs here, or that reads a stream, is being cancelled: by asyncio or by trio."""

from __future__ import annotations

import math
import sys
import weakref
from typing import Any

from callspan.runtime.background import running_loop


def current_task() -> Any:
    """The task that runs here, if any."""
    return None if running_loop() is None else sys.modules["asyncio"].current_task()


def being_cancelled(reader: weakref.ref[Any] | None = None) -> bool:
    """Whether the task that reads is being cancelled, or else the one that runs here; not known before Python 3.11."""
    if _cancelled_by_trio():
        return True
    if sys.version_info < (3, 11):
        return False
    # what closes a stream for its reader may be cancelled because the event loop ends
    task = current_task() if reader is None else reader()
    return task is not None and task.cancelling() > 0


def _cancelled_by_trio() -> bool:
    trio = sys.modules.get("trio")
    try:
        return trio is not None and trio.current_effective_deadline() == -math.inf
    except RuntimeError:
        return False  # nothing of trio's runs here
