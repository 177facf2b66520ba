"""The action of a signal as the C library sets it, which `signal.getsignal` does not show.

Python keeps a table of its own, and hands that out; the kernel runs what `sigaction` was told last.
"""

from __future__ import annotations

import ctypes
from typing import Any

_MASK_BYTES = 128
"""The size of `sigset_t` in glibc and musl."""
_SA_SIGINFO = 0x00000004
_SA_ONSTACK = 0x08000000
_SA_RESTART = 0x10000000
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
    """Have a signal call `eventfd_write` with its own number for the descriptor; return the action before.

    Raises:
        OSError: the system does not allow it.
    """
    before = Action()
    _sigaction(signum, Action(handler=_event_handler(), flags=_FLAGS), before)
    return before


def restore(signum: int, before: Action) -> None:
    """Give a signal the action that it had, unless somebody has set another one since."""
    current = Action()
    _sigaction(signum, None, current)
    if current.handler == _event_handler():
        _sigaction(signum, before, None)


def _event_handler() -> int | None:
    return ctypes.cast(_libc().eventfd_write, ctypes.c_void_p).value


def _sigaction(signum: int, new: Action | None, old: Action | None) -> None:
    arguments = [None if each is None else ctypes.byref(each) for each in (new, old)]
    if _libc().sigaction(signum, *arguments):
        raise OSError(ctypes.get_errno(), f"the action of signal {signum} cannot be changed")


def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)
