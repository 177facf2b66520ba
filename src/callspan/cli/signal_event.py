"""An event that a signal sets from C, in any thread, and whatever Python is doing there.

Neither of Python's own two ways will do. A handler of `signal.signal` is seen by the program, and
waits for the main thread. `faulthandler.register` writes either the stacks of all threads, and
crashes when one of them runs meanwhile; or the stack of one, and writes nothing in a thread that
Python does not know (CPython 3.11; tests/cli/test_endings.py tries both).
"""

from __future__ import annotations

import importlib.util
import os
import platform
import select
import stat
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from callspan.cli.signal_action import Action

_MACHINES = {"x86_64", "aarch64"}
"""The machines that have the `struct sigaction` of `signal_action`."""
_BITS_64 = 1 << 32


class SignalEvent:
    """An event that one signal sets in C.

    A handler in C gets the number of its signal as the first argument, and `eventfd_write` of the C
    library takes the number of a descriptor there. So that function is the handler of signal 15, and
    descriptor 15 is an event (man 2 eventfd). It does one `write` and nothing else, which a handler
    may do at any moment. The second argument is the address of a structure, and an event takes any
    number that is not 0.
    """

    def __init__(self, signum: int) -> None:
        self._number = signum
        self._is_ours = False
        self._previous_action: Action | None = None

    @staticmethod
    def is_possible() -> bool:
        """Whether this system has events, and actions of signals as `signal_action` knows them."""
        if sys.platform != "linux" or platform.machine() not in _MACHINES:
            return False
        # Some Pythons are built without it; looked up and not imported, as that takes time.
        has_ctypes = importlib.util.find_spec("_ctypes") is not None
        return has_ctypes and hasattr(os, "eventfd") and sys.maxsize > _BITS_64

    def reserve(self) -> bool:
        """Put a new event at the descriptor with the signal's number; return whether that worked.

        It does not if the program has the descriptor, so this is called as early as can be. In the
        child of a fork it is called again, since the old event is the parent's too.
        """
        if not self._is_free():
            return False
        # Not inherited by programs that this one starts: they have no handler for it.
        descriptor = os.eventfd(0, os.EFD_CLOEXEC)
        if descriptor != self._number:
            os.dup2(descriptor, self._number, inheritable=False)
            os.close(descriptor)
        self._is_ours = True
        return True

    def _is_free(self) -> bool:
        """Whether nobody has the descriptor, or it is still the event that was put there."""
        try:
            mode = os.fstat(self._number).st_mode
        except OSError:
            return True
        # A program that closes all its files, as daemons do, may have opened one of its own there
        # since. An event is the one kind of descriptor that has no type of file.
        return self._is_ours and stat.S_IFMT(mode) == 0

    def register(self) -> None:
        """Make the signal set the event instead of its action; `reserve` has to be called before.

        Raises:
            OSError: The system does not allow it.
        """
        from callspan.cli.signal_action import set_event_handler

        self._previous_action = set_event_handler(self._number)

    def unregister(self) -> None:
        """Restore the action of the signal, unless somebody has set another one since."""
        from callspan.cli.signal_action import restore

        if self._previous_action is not None:
            restore(self._number, self._previous_action)
            self._previous_action = None

    def wait(self) -> None:
        """Return as soon as the event is set."""
        self._poll(None)

    def is_set(self) -> bool:
        """Whether the signal has come since the last `clear`."""
        return self._poll(0)

    def clear(self) -> None:
        """Forget the signals that have come; wait for one if none has."""
        # Reading sets the counter back to 0, however many signals came.
        os.eventfd_read(self._number)

    def _poll(self, milliseconds: int | None) -> bool:
        poll = select.poll()
        poll.register(self._number, select.POLLIN)
        return bool(poll.poll(milliseconds))
