"""The guard: a fault of ours, or of a user's handler, is logged once and never reaches the app.

Logging runs the app's own code, its handlers and filters, which may fail as well; so the guard is
guarded too.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterable

logger = logging.getLogger("callspan")
_reported: set[str] = set()
_LOGGING = "writing to the log"
_MOST_MESSAGES = 1000
"""Different messages that are logged; texts may hold names from outside, which have no end."""
_FULL = "so many different warnings were logged that no further one will be"


def report(place: str, error: BaseException) -> None:
    """Log that a place failed, the first time only.

    The text of an error may be content, so only the level DEBUG has it.

    Args:
        place: The step that failed, in words, such as `reading a chunk`.
        error: The exception; its type and line are logged as a warning.
    """
    if not _is_first(place):
        return
    kind = type(error).__name__
    _log(
        logging.WARNING,
        "callspan: %s failed and is skipped (%s%s); DEBUG tells more",
        place,
        kind,
        _line(error),
    )
    _log(logging.DEBUG, "callspan: %s failed", place, exc_info=error)


def _is_first(message: str) -> bool:
    """Whether a message has not been logged yet, and still may be."""
    # no lock: two threads that fail at once log it twice at worst
    if message in _reported:
        return False
    # one is left for the message that says so
    if len(_reported) >= _MOST_MESSAGES - 1:
        _say_full()
        return False
    _reported.add(message)
    return True


def _say_full() -> None:
    """Log once that no further message is logged, so that silence is not taken for health."""
    if _FULL in _reported:
        return
    _reported.add(_FULL)
    _log(logging.WARNING, "callspan: %s", _FULL)


def _line(error: BaseException) -> str:
    """Return the line that raised an error, as ` in FILE:LINE`, or an empty text."""
    last = error.__traceback__
    if last is None:
        return ""
    # the innermost frame is the one that raised
    while last.tb_next is not None:
        last = last.tb_next
    return f" in {last.tb_frame.f_code.co_filename}:{last.tb_lineno}"


def say_once(message: str) -> None:
    """Log a warning, the first time only."""
    if _is_first(message):
        _log(logging.WARNING, "callspan: %s", message)


def expect(messages: Iterable[str]) -> None:
    """Count warnings as logged, as `callspan run` has printed them before the program began."""
    _reported.update(messages)


def forget() -> None:
    """Let every place report again."""
    _reported.clear()


def _log(level: int, message: str, *values: object, exc_info: BaseException | None = None) -> None:
    """Log a line; write it to stderr, without details, where the app's logging raises."""
    try:
        logger.log(level, message, *values, exc_info=exc_info)
    except Exception as fault:  # noqa: BLE001  the app's handlers and filters may raise anything
        if level < logging.WARNING or _LOGGING in _reported:
            return
        _reported.add(_LOGGING)
        reason = f"{_LOGGING} failed ({type(fault).__name__}{_line(fault)})"
        _write_to_stderr(message % values, reason)


def _write_to_stderr(line: str, reason: str) -> None:
    # so in programs without a console, such as those of pythonw
    if sys.stderr is None:
        return
    with contextlib.suppress(Exception):  # it may be closed, or be an object of the app's
        sys.stderr.write(
            f"{line}\ncallspan: {reason}: look at the handlers and filters of logging\n"
        )
