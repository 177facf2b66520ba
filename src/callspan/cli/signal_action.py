"""The action of a signal as the C library sets it, which `signal.getsignal` does not show.

Python returns what stands in a table of its own; the kernel runs the handler that `sigaction` set
last.
"""

from __future__ import annotations

import ctypes
from typing import Any

_MASK_BYTES = 128
"""The size of `sigset_t` in glibc and musl."""
# From <bits/sigaction.h> of the C library; the same numbers on both machines.
_SA_SIGINFO = 0x00000004
_SA_ONSTACK = 0x08000000
_SA_RESTART = 0x10000000
# The handler gets a second argument, which `eventfd_write` needs; a stack for signals is used
# where a thread has one; and system calls of the program go on where they were interrupted.
_FLAGS = _SA_SIGINFO | _SA_ONSTACK | _SA_RESTART


class Action(ctypes.Structure):
    """`struct sigaction` (man 2 sigaction), as x86_64 and aarch64 lay it out."""

    _fields_ = (
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_byte * _MASK_BYTES),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    )


def set_event_handler(signum: int) -> Action:
    """Make a signal call `eventfd_write` with its own number as the descriptor.

    Returns:
        The action that the signal had before.

    Raises:
        OSError: The system does not allow it.
    """
    # `sigaction` fills it with what was set before.
    previous = Action()
    _sigaction(signum, Action(handler=_event_handler(), flags=_FLAGS), previous)
    return previous


def restore(signum: int, previous: Action) -> None:
    """Give a signal its previous action, unless somebody has set another one since."""
    current = Action()
    _sigaction(signum, None, current)
    # The program may have set a handler since; it must stay.
    if current.handler == _event_handler():
        _sigaction(signum, previous, None)


def _event_handler() -> int | None:
    # The address of the function in the C library: no code of ours and no lock runs there.
    return ctypes.cast(_libc().eventfd_write, ctypes.c_void_p).value


def _sigaction(signum: int, new: Action | None, old: Action | None) -> None:
    new_pointer = None if new is None else ctypes.byref(new)
    old_pointer = None if old is None else ctypes.byref(old)
    if _libc().sigaction(signum, new_pointer, old_pointer):
        raise OSError(ctypes.get_errno(), f"the action of signal {signum} cannot be changed")


def _libc() -> Any:
    # What is loaded already, be it glibc or musl.
    return ctypes.CDLL(None, use_errno=True)
