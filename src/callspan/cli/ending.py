"""The end of a process by a signal that it sends to itself, as servers do."""

from __future__ import annotations

import functools
import signal
from collections.abc import Callable

_DEADLY = {number for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT") if (number := getattr(signal, name, None))}


def before_a_signal_to_itself(function: Callable[[], None]) -> None:
    """Run a function before this process kills itself by a signal; it must bear being run twice."""
    # uvicorn stops gracefully at a signal, and then raises it again with the default action, which is death
    # without atexit. The handlers of signals stay untouched: they are the program's.
    original = signal.raise_signal

    @functools.wraps(original)
    def raise_signal(signum: int, /) -> None:
        if signum in _DEADLY and signal.getsignal(signum) is signal.SIG_DFL:
            function()
        original(signum)

    signal.raise_signal = raise_signal
