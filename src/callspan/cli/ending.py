"""The end of a process by a signal that it does not handle, be it sent by others or by itself."""

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

_NAMES = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT")
# Windows has fewer signals.
_DEADLY = {getattr(signal, name) for name in _NAMES if hasattr(signal, name)}
# The kernel ends process 1 of a container by no signal that has its default action.
_PID_1 = 1
_TURN_SECONDS = 0.05
_GRACE_SECONDS = 1.0
"""How much longer than `CALLSPAN_FLUSH_TIMEOUT` the end may take before it is cut short."""
_CAUGHT_SIGNALS = re.compile(r"^SigCgt:\s*([0-9a-f]+)", re.MULTILINE)
"""The line of `/proc/self/status` with a bit for each signal that has a handler (man 5 proc)."""
_kill = os.kill  # the original, before it is patched here
_SIGTERM = SignalEvent(signal.SIGTERM)


def reserve() -> None:
    """Reserve the file descriptor that an `Ending` needs, before the program can open a file there."""
    if _is_possible():
        _SIGTERM.reserve()


class Ending:
    """Finishes our work before a signal ends this process, if the program does not handle the signal.

    The handlers of signals are the program's, so none of Python's is set: it would show in
    `signal.getsignal`, and would wait for a main thread that is busy in C. SIGTERM sets an event from
    C, which wakes a thread of ours; that finishes, and then kills the process by the same signal.

    Args:
        finish: Send all telemetry that is waiting; it may be called twice.
        flush: Send telemetry in process 1 of a container, which the signal does not end.
        hold: Make new calls wait from the signal on; return a function that lets them go on, for
            the case that the process lives on.
    """

    def __init__(
        self,
        finish: Callable[[], None],
        flush: Callable[[], object],
        hold: Callable[[], Callable[[], None]],
    ) -> None:
        self._finish = finish
        self._flush = flush
        self._hold = hold
        # The process that watches: a forked child has its parent's object, and begins anew.
        self._pid = 0
        self._thread: threading.Thread | None = None
        self._under_way = threading.Event()
        # By thread, as two threads may fork at the same time and each has a mask of its own.
        self._masks = threading.local()

    def watch(self) -> None:
        """Begin to watch for the signal in this process, once."""
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
        """Patch the functions by which the process signals itself, to finish before they do it.

        uvicorn stops gracefully at a signal, and then raises it again with the default action. The
        process ends within that function, so no thread of ours would get its turn.
        """

        def raise_signal(
            wrapped: Any, _module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
        ) -> Any:
            # Anything else is a wrong call, which the function itself refuses.
            if len(args) == 1:
                self._before_own_signal(args[0])
            return wrapped(*args, **kwargs)

        def kill(wrapped: Any, _module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if len(args) == 2 and args[0] == os.getpid():
                self._before_own_signal(args[1])
            return wrapped(*args, **kwargs)

        Patch("signal", "raise_signal", raise_signal).apply()
        Patch("os", "kill", kill).apply()

    def _before_own_signal(self, signum: Any) -> None:
        """Finish if the signal that the process sends itself will end it."""
        if not isinstance(signum, int) or signum not in _DEADLY or os.getpid() == _PID_1:
            return
        if signal.getsignal(signum) is signal.SIG_DFL:
            self._finish_in_time()
            self._restore_default()

    def _finish_in_time(self) -> None:
        """Finish on a thread of its own, and wait for it within bounds.

        It may hang, as on a disk that does; the signal ends the process all the same.
        """
        thread = threading.Thread(target=self._try_to_finish, name="callspan-finish", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter ends already
            self._try_to_finish()
        else:
            thread.join(flush_timeout() + _GRACE_SECONDS)

    def _try_to_finish(self) -> None:
        try:
            self._finish()
        except Exception as error:  # noqa: BLE001  the process must end as it would
            guard.report("the end by a signal", error)

    def _wait(self) -> None:
        """Wait for the signal, on the thread of its own, and end the process."""
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
        """Finish, and end the process by the signal."""
        release = self._hold()
        self._finish_in_time()
        self._restore_default()
        _kill(os.getpid(), signal.SIGTERM)
        # The process lives on if the program has set a handler of its own meanwhile.
        release()

    def _restore_default(self) -> None:
        """Restore the default action; a handler that the program has set by now stays."""
        if self._thread is not None:
            _SIGTERM.unregister()

    def _wait_if_under_way(self) -> None:
        """Wait at the exit of a process that the signal is about to end, so that it ends by that."""
        if self._thread is None or os.getpid() == _PID_1:
            return
        while self._thread.is_alive() and (self._under_way.is_set() or _SIGTERM.is_set()):
            self._thread.join(_TURN_SECONDS)

    def _block(self) -> None:
        """Hold the signal back during a fork: the child would set the event of its parent."""
        self._masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    def _unblock(self) -> None:
        before = getattr(self._masks, "before", None)
        if before is not None:  # else the fork began before this was registered, in another thread
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _forked(self) -> None:
        """Restore the default action in a child, which has it until it watches too."""
        self._restore_default()
        self._thread = None
        self._under_way = threading.Event()
        self._unblock()


def _is_possible() -> bool:
    """Whether this system has such events, and threads run by themselves."""
    # A greenlet runs only when the others let it.
    return SignalEvent.is_possible() and not greenlets.are_threads()


def _is_default() -> bool:
    """Whether SIGTERM has its default action, for Python and for the kernel."""
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return False
    # Python does not know of handlers in C, such as those of faulthandler or of a web server.
    status = Path("/proc/self/status").read_text()
    caught = _CAUGHT_SIGNALS.search(status)
    if caught is None:
        return False
    bit = 1 << (signal.SIGTERM - 1)
    return not int(caught[1], 16) & bit
