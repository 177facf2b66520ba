"""The guard: a fault of ours, or of a user's handler, is logged once per place and never reaches the app."""

from __future__ import annotations

import logging

logger = logging.getLogger("callspan")
_reported: set[str] = set()


def report(place: str, error: BaseException) -> None:
    """Log that a place failed, the first time only. What the error says may be content, so only DEBUG tells it."""
    if place in _reported:
        return
    _reported.add(place)
    kind = type(error).__name__
    logger.warning("callspan: %s failed and is skipped (%s%s); DEBUG tells more", place, kind, _line(error))
    logger.debug("callspan: %s failed", place, exc_info=error)


def _line(error: BaseException) -> str:
    """Where an error was raised, as ` in FILE:LINE`."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return f" in {last.tb_frame.f_code.co_filename}:{last.tb_lineno}" if last is not None else ""


def say_once(message: str) -> None:
    """Log a warning the first time it is given."""
    if message not in _reported:
        _reported.add(message)
        logger.warning("callspan: %s", message)


def forget() -> None:
    """Let every place report again."""
    _reported.clear()
