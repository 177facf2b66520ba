"""Import the modules that the set-up of providers needs, before the first call waits for them."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import threading
from collections.abc import Callable, Iterable

from callspan.runtime import greenlets, process

QUIET_SECONDS = 0.2
"""The time without an import of the program's after which it is taken to have started."""
_STEP_SECONDS = 2.0
"""The longest wait of a fork, or of the end of the process, for an import that is under way."""
# Lets the program's threads have their turn between two imports.
_PAUSE_SECONDS = 0.001


class Preparation:
    """Imports modules on a thread, one after the other, once the program itself imports no more.

    A fork and the end of the process wait for the import that is under way: in a child the lock of
    that import would be held for ever, and a process that ends while an extension module starts
    can abort.
    """

    def __init__(self, modules: Callable[[], Iterable[str]]) -> None:
        self._modules = modules
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_pending = False

    def begin(self) -> None:
        """Begin, unless threads are greenlets."""
        # A greenlet that imports holds up all others.
        if self._is_pending or greenlets.are_threads():
            return
        self._is_pending = True
        process.at_exit(self.end)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=self._pause, after_in_child=self._forked)
        self._start()

    def end(self) -> None:
        """Import nothing more: the caller is about to do it, or the process ends."""
        self._is_pending = False
        self._pause()

    def _start(self) -> None:
        self._stop = threading.Event()
        thread = threading.Thread(target=self._run, args=(self._stop,), daemon=True)
        thread.name = "callspan-preparation"
        with contextlib.suppress(RuntimeError):  # there can be no more threads
            thread.start()
            self._thread = thread

    def _pause(self) -> None:
        """Stop the thread, and wait for the import that is under way."""
        thread = self._thread
        self._stop.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(_STEP_SECONDS)

    def _forked(self) -> None:
        """Go on in a child."""
        # Not in the parent: Python 3.12 warns of each fork of a process that has threads.
        self._thread = None
        if self._is_pending:
            self._start()

    def _run(self, stop: threading.Event) -> None:
        """Wait until the program has started, and import the modules until `stop` is set."""
        count = 0
        while count != len(sys.modules):
            count = len(sys.modules)
            if stop.wait(QUIET_SECONDS):
                return
        for name in self._modules():
            # The set-up fails in the same way and reports it.
            with contextlib.suppress(Exception):
                importlib.import_module(name)
            if stop.wait(_PAUSE_SECONDS):
                return
        self._is_pending = False
