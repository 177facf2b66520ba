"""What the set-up of providers needs, imported before the first call would wait for it."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import threading
from collections.abc import Callable, Iterable

from callspan.runtime import greenlets, process

QUIET_SECONDS = 0.2
"""How long the program must have imported nothing, so that its own start is not slowed down."""
_STEP_SECONDS = 2.0
"""How long a fork and the end of the process wait for the module that is being imported."""
_PAUSE_SECONDS = 0.001


class Preparation:
    """Imports modules on a thread, one after the other, once the program itself imports no more.

    A fork and the end of the process wait until the module that is being imported is there: in
    a child the lock of that import would be held for ever, and to end within an extension's start
    can abort.
    """

    def __init__(self, modules: Callable[[], Iterable[str]]) -> None:
        self._modules = modules
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_pending = False

    def begin(self) -> None:
        """Begin, unless threads are greenlets, of which one that imports holds up all."""
        if self._is_pending or greenlets.are_threads():
            return
        self._is_pending = True
        process.at_exit(self.end)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=self._pause, after_in_child=self._forked)
        self._start()

    def end(self) -> None:
        """Import nothing more: who needs the modules now does it."""
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
        thread = self._thread
        self._stop.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(_STEP_SECONDS)

    def _forked(self) -> None:
        """Go on in a child. The parent does not: Python warns of forks where there are threads."""
        self._thread = None
        if self._is_pending:
            self._start()

    def _run(self, stop: threading.Event) -> None:
        count = 0
        while count != len(sys.modules):
            count = len(sys.modules)
            if stop.wait(QUIET_SECONDS):
                return
        for name in self._modules():
            with contextlib.suppress(Exception):  # the set-up comes to the same, and says it
                importlib.import_module(name)
            if stop.wait(_PAUSE_SECONDS):
                return
        self._is_pending = False
