"""The end of a process, in the ways in which servers and `multiprocessing` end theirs."""

from __future__ import annotations

import atexit
import functools
import signal
import sys
from collections.abc import Callable

_DEADLY = {number for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT") if (number := getattr(signal, name, None))}


def at_the_end(function: Callable[[], None]) -> None:
    """Run a function before this process ends; it must bear being run twice."""
    atexit.register(function)
    _at_the_end_of_a_child(function)
    _before_a_signal_to_itself(function)


def _at_the_end_of_a_child(function: Callable[[], None]) -> None:
    # `multiprocessing` ends its forked children without atexit.
    process, util = sys.modules.get("multiprocessing.process"), sys.modules.get("multiprocessing.util")
    if process and util and process.parent_process() is not None:
        util.Finalize(None, function, exitpriority=-100)


def _before_a_signal_to_itself(function: Callable[[], None]) -> None:
    # uvicorn stops gracefully at a signal, and then raises it again with the default action, which is death
    # without atexit. The handlers of signals stay untouched: they are the program's.
    original = signal.raise_signal

    @functools.wraps(original)
    def raise_signal(signum: int, /) -> None:
        if signum in _DEADLY and signal.getsignal(signum) is signal.SIG_DFL:
            function()
        original(signum)

    signal.raise_signal = raise_signal
