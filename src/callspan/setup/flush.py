"""Send everything that was recorded to its destinations, on demand and when the program ends."""

from __future__ import annotations

import sys
import time
from typing import Any

from callspan.lifecycle.shutdown import abandon_all, forget_all
from callspan.runtime import guard, process, reentry
from callspan.runtime.handler_queue import drain
from callspan.settings.environment import flush_timeout
from callspan.setup import state
from callspan.setup.providers import Providers

_exit_hook_is_registered = False


def flush(timeout: float = 5.0) -> bool:
    """Export everything that is recorded so far, and wait for it.

    Args:
        timeout: The most seconds to wait.

    Returns:
        Whether all of it arrived in time, and nothing was lost since the last flush;
        `status().losses` has the numbers.
    """
    deadline = time.monotonic() + timeout
    return reentry.within(timeout, lambda: _flush(deadline), False)


def _flush(deadline: float) -> bool:
    # background work first, as spans that wait for an estimate or a cost end in it
    is_complete = drain(max(0.0, deadline - time.monotonic()))
    # looked up: without a destination of ours it was never imported
    export = sys.modules.get("callspan.export.providers")
    if export is not None:
        export.begin_flush(deadline - time.monotonic())
    installation = state.current
    providers = Providers() if installation is None else installation.providers
    for provider in providers.in_force():
        try:
            is_flushed = _force_flush(provider, deadline - time.monotonic())
        except Exception as error:  # noqa: BLE001  a provider's fault must not stop the app
            guard.report(f"flushing {type(provider).__name__}", error)
            is_flushed = False
        is_complete = is_complete and is_flushed
    return is_complete


def _force_flush(provider: Any, seconds: float) -> bool:
    force_flush = getattr(provider, "force_flush", None)
    if force_flush is None:
        return True
    milliseconds = max(1, int(seconds * 1000))
    # providers of others may return nothing, which is no failure
    return force_flush(milliseconds) is not False


def register_exit_hook() -> None:
    """Flush when the program ends.

    Called at the first call of a model: by then the providers have registered theirs, and hooks run
    in the reverse order, so that ours comes before they are shut down.
    """
    global _exit_hook_is_registered
    if not _exit_hook_is_registered:
        _exit_hook_is_registered = True
        process.at_exit(_at_exit)
        process.in_child(forget_all)


def _at_exit() -> None:
    # first, so that the spans of open calls are flushed as well
    abandon_all()
    process.until_interrupted(lambda: flush(process.patience(flush_timeout())))
