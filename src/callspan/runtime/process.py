"""What has to happen in a forked child, and at the end of one: `multiprocessing` ends its children without `atexit`.

A child has the thread that forked and no other. A lock that another one held at that moment is held for ever there, so
every lock of ours is made by `own_lock`.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
_in_child: list[Callable[[], None]] = []
_at_exit: list[Callable[[], None]] = []
_locks: dict[tuple[int, str], tuple[weakref.ref[Any], Callable[[], Any]]] = {}
_awaited: set[tuple[int, str]] = set()
_held_for_fork: list[Any] = []
FORK_SECONDS = 2.0
"""How long a fork waits for what another thread is setting up."""
_registered = False
_hurried = False


def in_child(function: Callable[[], None]) -> None:
    """Run a function in every forked child, before anything else of the program runs there."""
    _in_child.append(function)
    _register()


def own_lock(
    owner: Any,
    name: str = "_lock",
    make: Callable[[], Any] = threading.RLock,
    *,
    awaited: bool = False,
) -> Any:
    """Return a new lock for an attribute of an object or a module; a forked child finds another one there.

    Args:
        owner: What the lock belongs to. It is referred to weakly.
        name: The attribute under which the owner keeps the lock.
        make: What makes the lock. A signal handler may come to a lock that its own thread holds, so it is an `RLock`.
        awaited: Whether a fork waits, within bounds, until the lock is free: half of a set-up is of no use to a child.
    """
    key = (id(owner), name)
    if awaited:
        _awaited.add(key)
    _locks[key] = weakref.ref(owner, lambda _gone: _locks.pop(key, None)), make
    _register()
    return make()


def _before_fork() -> None:
    """Take the awaited locks, which a set-up in another thread holds, to let it end."""
    deadline = time.monotonic() + FORK_SECONDS
    for key in list(_awaited):
        reference, _ = _locks.get(key, (lambda: None, None))
        lock = getattr(reference(), key[1], None)
        if lock is not None and lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            _held_for_fork.append(lock)


def _after_fork_in_parent() -> None:
    while _held_for_fork:
        _held_for_fork.pop().release()


def _renew_locks() -> None:
    _held_for_fork.clear()
    for (_, name), (reference, make) in list(_locks.items()):
        owner = reference()
        if owner is not None:
            setattr(owner, name, make())


def at_exit(function: Callable[[], None]) -> None:
    """Run a function when the process ends, also when it is a forked child of `multiprocessing`; the last one first."""
    _at_exit.append(function)
    atexit.register(function)
    _register()
    process, util = (
        sys.modules.get("multiprocessing.process"),
        sys.modules.get("multiprocessing.util"),
    )
    if process and util and process.parent_process() is not None:
        util.Finalize(None, function, exitpriority=-100)


def until_interrupted(step: Callable[[], T]) -> T | None:
    """Take a step of the end of the process, or as much of it as a user lets it take who presses Ctrl-C once more."""
    global _hurried
    try:
        return step()
    except KeyboardInterrupt:
        _hurried = True
        return None


def patience(seconds: float) -> float:
    """Seconds that a step of the end may take: none once it was interrupted."""
    return 0.0 if _hurried else seconds


def _register() -> None:
    global _registered
    if not _registered:
        _registered = True
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=_before_fork,
                after_in_parent=_after_fork_in_parent,
                after_in_child=_after_fork,
            )


def _after_fork() -> None:
    _renew_locks()
    for function in _in_child:
        function()
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        # the child of a Process forgets all finalizers first and asks for new ones by this list
        util.register_after_fork(
            _run_at_exit, lambda _: util.Finalize(None, _run_at_exit, exitpriority=-100)
        )


def _run_at_exit() -> None:
    for function in reversed(_at_exit):
        function()
