"""The guard: a fault of ours, or of a user's handler, is logged once per place and never reaches the app.

Logging runs the app's own code, its handlers and filters, which may fail as well; so the guard is guarded too.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterable
from typing import Any

logger = logging.getLogger("callspan")
_reported: set[str] = set()
_LOGGING = "writing to the log"


def report(place: str, error: BaseException) -> None:
    """Log that a place failed, the first time only. What the error says may be content, so only DEBUG tells it."""
    if place in _reported:
        return
    _reported.add(place)
    kind = type(error).__name__
    _log(
        logging.WARNING,
        "callspan: %s failed and is skipped (%s%s); DEBUG tells more",
        place,
        kind,
        _line(error),
    )
    _log(logging.DEBUG, "callspan: %s failed", place, exc_info=error)


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
        _log(logging.WARNING, "callspan: %s", message)


def expect(messages: Iterable[str]) -> None:
    """Take messages as logged, for who reads the log has read them elsewhere."""
    _reported.update(messages)


def forget() -> None:
    """Let every place report again."""
    _reported.clear()


def _log(level: int, message: str, *values: Any, exc_info: BaseException | None = None) -> None:
    """Log, and survive handlers and filters of the app's that raise: then the line goes to stderr, without details."""
    try:
        logger.log(level, message, *values, exc_info=exc_info)
    except Exception as fault:  # noqa: BLE001  see above
        if level < logging.WARNING or _LOGGING in _reported:
            return
        _reported.add(_LOGGING)
        _write_to_stderr(
            message % values, f"{_LOGGING} failed ({type(fault).__name__}{_line(fault)})"
        )


def _write_to_stderr(line: str, reason: str) -> None:
    if sys.stderr is None:
        return
    with contextlib.suppress(Exception):  # it may be closed, or be an object of the app's
        sys.stderr.write(
            f"{line}\ncallspan: {reason}: look at the handlers and filters of logging\n"
        )
