"""The end of a process by a signal that it does not handle: sent by others, or to itself as servers do."""

from __future__ import annotations

import faulthandler
import os
import re
import signal
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from callspan.runtime import greenlets, guard, private, process
from callspan.runtime.patching import Patch
from callspan.settings.settings import flush_timeout

_DEADLY = {
    number
    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT")
    if (number := getattr(signal, name, None))
}
_CREDENTIALS = struct.Struct("3i")
"""What the kernel says of who wrote into a socket: process, user, group."""
_PID_1 = 1
_TURN_SECONDS = 0.05
_GRACE_SECONDS = 1.0
"""How much longer than `CALLSPAN_FLUSH_TIMEOUT` the end may take before it is cut short."""
_kill = os.kill


class Ending:
    """Runs `last_words` before a signal ends this process, where the program leaves that signal alone.

    The handlers of signals are the program's, so none of Python's is set: it would show in `signal.getsignal`, and
    would wait for a main thread that is busy in C. SIGTERM is caught by the handler in C that `faulthandler` has. That
    writes where the program stood into a socket, and wakes a thread of ours, which kills the process in earnest.

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
        self._sockets: tuple[socket.socket, socket.socket] | None = None
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
        if not (_possible() and _is_default()):
            return
        told, tells = self._sockets = _pair()
        told.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        tells.setblocking(False)  # the handler must not wait for a thread that waits for it
        self._thread = threading.Thread(
            target=self._wait, args=(told,), name="callspan-ending", daemon=True
        )
        self._thread.start()
        # A thread that is just being created, or that Python does not know, may get the signal: while
        # `pthread_create` runs, the main thread blocks it. There faulthandler would write nothing
        # about the one thread (CPython 3.11; tests/cli/test_endings.py), and the signal would be lost.
        faulthandler.register(signal.SIGTERM, tells.fileno(), all_threads=True)

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

    def _wait(self, told: socket.socket) -> None:
        while True:
            # looked at before it is taken: the end of the program must see it there, or see that it is under way
            told.recv(1, socket.MSG_PEEK)
            self._under_way.set()
            _, ancillary, _, _ = told.recvmsg(1 << 16, socket.CMSG_SPACE(_CREDENTIALS.size))
            is_from_child = _writer(ancillary) != os.getpid()  # between fork and exec
            if not is_from_child and os.getpid() != _PID_1:
                self._end()
                return
            if not is_from_child:
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
        if self._sockets is not None and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            faulthandler.unregister(signal.SIGTERM)

    def _wait_if_under_way(self) -> None:
        """A program that ends by itself when the signal has come ends by the signal."""
        if self._thread is None or self._sockets is None or os.getpid() == _PID_1:
            return
        while self._thread.is_alive() and (self._under_way.is_set() or _readable(self._sockets[0])):
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
        for each in self._sockets or ():
            each.close()
        self._sockets = self._thread = None
        self._under_way = threading.Event()
        self._unblock()


def _pair() -> tuple[socket.socket, socket.socket]:
    """Return two sockets that are connected, with numbers above those of stdin, stdout and stderr.

    Where the program has closed one of those, its number is free; and what others write there would end the process.
    """
    low = socket.socketpair()
    high = [socket.socket(fileno=private.above_standard(each.fileno())) for each in low]
    for each in low:
        each.close()
    return high[0], high[1]


def _possible() -> bool:
    """Whether this system has what it takes, and threads are threads: greenlets run only when others let them."""
    return (
        hasattr(faulthandler, "register")
        and hasattr(socket, "SO_PASSCRED")
        and not greenlets.are_threads()
    )


def _is_default() -> bool:
    """Whether SIGTERM has its default action, for Python and for the kernel, which knows of handlers in C too."""
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return False
    caught = re.search(
        r"^SigCgt:\s*([0-9a-f]+)", Path("/proc/self/status").read_text(), re.MULTILINE
    )
    return caught is not None and not int(caught[1], 16) >> (signal.SIGTERM - 1) & 1


def _readable(told: socket.socket) -> bool:
    try:
        return bool(told.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except BlockingIOError:
        return False


def _writer(ancillary: list[tuple[int, int, bytes]]) -> int:
    """The process that wrote, as the kernel says."""
    told: Any = next((data for _, kind, data in ancillary if kind == socket.SCM_CREDENTIALS), None)
    return _CREDENTIALS.unpack(told)[0] if told else 0
