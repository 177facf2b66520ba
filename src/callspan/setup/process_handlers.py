"""Handlers for all calls of the process, whoever calls `instrument()` before or meanwhile."""

from __future__ import annotations

from callspan.setup import state
from callspan.setup.installation import Installation, process_handlers
from callspan.setup.instrument import uninstrument, watch

_own_installation: Installation | None = None
"""The installation that stands only for these handlers; `None` where the app has one."""


def add_process_handler(handler: object) -> None:
    """Call a handler for all calls that begin from now on.

    Where nothing is instrumented, the clients are watched for it, and nothing else is recorded.
    """
    global _own_installation
    with state.lock:
        process_handlers.append(handler)
        if state.current is None:
            watch()
            _own_installation = state.current
        else:
            state.current.refresh_handlers()


def remove_process_handler(handler: object) -> None:
    """Call a handler no more; after the last one clients that were watched for them are left."""
    global _own_installation
    with state.lock:
        # by identity: a handler may define its own equality
        process_handlers[:] = [other for other in process_handlers if other is not handler]
        # an `instrument()` of the app's has replaced the installation, and keeps its own
        is_own = state.current is not None and state.current is _own_installation
        if is_own and not process_handlers:
            uninstrument()
            _own_installation = None
        elif state.current is not None:
            state.current.refresh_handlers()
