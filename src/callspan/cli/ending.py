"""The end of a process by a signal that it does not handle: sent by others, or to itself as servers do."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from callspan.cli.signal_event import SignalEvent
from callspan.runtime import greenlets, guard, process
from callspan.runtime.patching import Patch
from callspan.settings.environment import flush_timeout

_DEADLY = {
    number
    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT")
    if (number := getattr(signal, name, None))
}
_PID_1 = 1
_TURN_SECONDS = 0.05
_GRACE_SECONDS = 1.0
"""How much longer than `CALLSPAN_FLUSH_TIMEOUT` the end may take before it is cut short."""
_kill = os.kill
_SIGTERM = SignalEvent(signal.SIGTERM)


def reserve() -> None:
    """Take early what an `Ending` needs: later on, the program may have that many files."""
    if _is_possible():
        _SIGTERM.reserve()


class Ending:
    """Runs `last_words` before a signal ends this process, where the program leaves that signal alone.

    The handlers of signals are the program's, so none of Python's is set: it would show in
    `signal.getsignal`, and would wait for a main thread that is busy in C. SIGTERM sets an event from
    C, which wakes a thread of ours; that says the last words and kills the process in earnest.

    `last_words` must bear being run twice. `flush` is for process 1 of a container, which the signal does not end.
    `hold` makes new calls wait from the signal on, and gives what lets them go again if the process lives on.
    """

    def __init__(
        self,
        last_words: Callable[[], None],
        flush: Callable[[], object],
        hold: Callable[[], Callable[[], None]],
    ) -> None:
        self._last_words = last_words
        self._flush = flush
        self._hold = hold
        self._pid = 0
        self._thread: threading.Thread | None = None
        self._under_way = threading.Event()
        self._masks = threading.local()

    def watch(self) -> None:
        """Begin in this process, unless that was done."""
        if self._pid == os.getpid():
            return
        if not self._pid:
            self._register()
        self._pid = os.getpid()
        if not (_is_possible() and _is_default() and _SIGTERM.reserve()):
            return
        self._thread = threading.Thread(target=self._wait, name="callspan-ending", daemon=True)
        self._thread.start()
        _SIGTERM.register()

    def _register(self) -> None:
        self._watch_own_signals()
        process.at_exit(self._wait_if_under_way)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._block, after_in_parent=self._unblock, after_in_child=self._forked
            )

    def _watch_own_signals(self) -> None:
        """Be asked before the process signals itself: its next line must not run.

        uvicorn stops gracefully at a signal, and then raises it again with the default action.
        """

        def raise_signal(
            wrapped: Any, _module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
        ) -> Any:
            if len(args) == 1:
                self._before(args[0])
            return wrapped(*args, **kwargs)

        def kill(wrapped: Any, _module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if len(args) == 2 and args[0] == os.getpid():
                self._before(args[1])
            return wrapped(*args, **kwargs)

        Patch("signal", "raise_signal", raise_signal).apply()
        Patch("os", "kill", kill).apply()

    def _before(self, signum: Any) -> None:
        if not isinstance(signum, int):
            return
        if (
            signum in _DEADLY
            and signal.getsignal(signum) is signal.SIG_DFL
            and os.getpid() != _PID_1
        ):
            self._say_last_words()
            self._let_go()

    def _say_last_words(self) -> None:
        """Say them on a thread that may hang, as in a disk that does: the signal ends the process all the same."""
        thread = threading.Thread(
            target=self._try_last_words, name="callspan-last-words", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # the interpreter ends already
            self._try_last_words()
        else:
            thread.join(flush_timeout() + _GRACE_SECONDS)

    def _try_last_words(self) -> None:
        try:
            self._last_words()
        except Exception as error:  # noqa: BLE001  the process must end as it would
            guard.report("the end by a signal", error)

    def _wait(self) -> None:
        while True:
            # The end of the program must see the event set, or see that this is under way.
            _SIGTERM.wait()
            self._under_way.set()
            _SIGTERM.clear()
            if os.getpid() != _PID_1:
                self._end()
                return
            self._flush()
            self._under_way.clear()

    def _end(self) -> None:
        """Say the last words and die; only a handler that the program has set meanwhile lets it live on."""
        release = self._hold()
        self._say_last_words()
        self._let_go()
        _kill(os.getpid(), signal.SIGTERM)
        release()

    def _let_go(self) -> None:
        """Have the default action back; a handler that the program has set by now stays."""
        if self._thread is not None:
            _SIGTERM.unregister()

    def _wait_if_under_way(self) -> None:
        """A program that ends by itself when the signal has come ends by the signal."""
        if self._thread is None or os.getpid() == _PID_1:
            return
        while self._thread.is_alive() and (self._under_way.is_set() or _SIGTERM.is_set()):
            self._thread.join(_TURN_SECONDS)

    # -- around a fork: the child would tell the parent of its own signals -----------------------------------------

    def _block(self) -> None:
        self._masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    def _unblock(self) -> None:
        before = getattr(self._masks, "before", None)
        if before is not None:  # else the fork began before this was registered, in another thread
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _forked(self) -> None:
        """The child has the default action until it watches too."""
        self._let_go()
        self._thread = None
        self._under_way = threading.Event()
        self._unblock()


def _is_possible() -> bool:
    """Whether this system has what it takes, and threads are threads: greenlets run only when others let them."""
    return SignalEvent.is_possible() and not greenlets.are_threads()


def _is_default() -> bool:
    """Whether SIGTERM has its default action, for Python and for the kernel, which knows of handlers in C too."""
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return False
    caught = re.search(
        r"^SigCgt:\s*([0-9a-f]+)", Path("/proc/self/status").read_text(), re.MULTILINE
    )
    return caught is not None and not int(caught[1], 16) >> (signal.SIGTERM - 1) & 1
