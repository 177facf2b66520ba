"""The guard: a fault of ours, or of a user's handler, is logged once per place and never reaches the app."""

from __future__ import annotations

import logging

logger = logging.getLogger("callspan")
_reported: set[str] = set()


def report(place: str, error: BaseException) -> None:
    """Log that a place failed, with the traceback, the first time only."""
    if place in _reported:
        return
    _reported.add(place)
    logger.warning("callspan: %s failed and is skipped (%s)", place, type(error).__name__, exc_info=error)


def say_once(message: str) -> None:
    """Log a warning the first time it is given."""
    if message not in _reported:
        _reported.add(message)
        logger.warning("callspan: %s", message)


def forget() -> None:
    """Let every place report again."""
    _reported.clear()
