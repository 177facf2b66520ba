"""What has to happen in a forked child, and at the end of one: `multiprocessing` ends its children without `atexit`."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_in_child: list[Callable[[], None]] = []
_at_exit: list[Callable[[], None]] = []
_registered = False
_hurried = False


def in_child(function: Callable[[], None]) -> None:
    """Run a function in every forked child, before anything else of the program runs there."""
    _in_child.append(function)
    _register()


def at_exit(function: Callable[[], None]) -> None:
    """Run a function when the process ends, also when it is a forked child of `multiprocessing`; the last one first."""
    _at_exit.append(function)
    atexit.register(function)
    _register()
    process, util = sys.modules.get("multiprocessing.process"), sys.modules.get("multiprocessing.util")
    if process and util and process.parent_process() is not None:
        util.Finalize(None, function, exitpriority=-100)


def until_interrupted(step: Callable[[], T]) -> T | None:
    """Take a step of the end of the process, or as much of it as a user lets it take who presses Ctrl-C once more."""
    global _hurried
    try:
        return step()
    except KeyboardInterrupt:
        _hurried = True
        return None


def patience(seconds: float) -> float:
    """Seconds that a step of the end may take: none once it was interrupted."""
    return 0.0 if _hurried else seconds


def _register() -> None:
    global _registered
    if not _registered:
        _registered = True
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_after_fork)


def _after_fork() -> None:
    for function in _in_child:
        function()
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        # the child of a Process forgets all finalizers first and asks for new ones by this list
        util.register_after_fork(_run_at_exit, lambda _: util.Finalize(None, _run_at_exit, exitpriority=-100))


def _run_at_exit() -> None:
    for function in reversed(_at_exit):
        function()
