"""Forks and the end of a process: `multiprocessing` ends its children without `atexit`.

A child has the thread that forked and no other. A lock that another one held at that moment is held
for ever there, so every lock of ours is made by `own_lock` (docs/decisions/0020).
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
_before: list[Callable[[], None]] = []
_in_child: list[Callable[[], None]] = []
_at_exit: list[Callable[[], None]] = []
_locks: dict[tuple[int, str], tuple[weakref.ref[object], Callable[[], threading.RLock]]] = {}
_awaited: set[tuple[int, str]] = set()
_held_for_fork: list[threading.RLock] = []
FORK_SECONDS = 10.0
"""The most seconds that a fork waits for a set-up in another thread."""
_registered = False
_is_forked = False
_is_interrupted = False
_LAST = -100
"""The priority of our finalizers: after those of the program, whose calls are recorded too."""


def in_child(function: Callable[[], None]) -> None:
    """Run a function in every forked child, before anything else of the program runs there."""
    _in_child.append(function)
    _register()


def before_fork(function: Callable[[], None]) -> None:
    """Run a function in the parent before each fork; it must not raise."""
    _before.append(function)
    _register()


def is_child() -> bool:
    """Whether this process was forked since callspan watches forks, or is one of multiprocessing's."""
    return _is_forked or _is_multiprocessing_child()


def _is_multiprocessing_child() -> bool:
    # where the program has not imported the module, this process is no child of it
    process = sys.modules.get("multiprocessing.process")
    return process is not None and process.parent_process() is not None


def own_lock(
    owner: object,
    name: str = "_lock",
    make: Callable[[], threading.RLock] = threading.RLock,
    *,
    awaited: bool = False,
) -> threading.RLock:
    """Return a lock for an attribute of an object or a module, which a forked child renews.

    Args:
        owner: The object or module, which is referred to weakly.
        name: The attribute under which the owner keeps the lock.
        make: The type of the lock. A signal handler may come to a lock that its own thread holds,
            so it is an `RLock`.
        awaited: Whether a fork waits, for up to `FORK_SECONDS`, until the lock is free: half of a
            set-up is of no use to a child.
    """
    key = (id(owner), name)
    if awaited:
        _awaited.add(key)
    # the entry goes with its owner, whose id may be given to another object
    _locks[key] = weakref.ref(owner, lambda _gone: _locks.pop(key, None)), make
    _register()
    return make()


def _before_fork() -> None:
    """Run the functions; take the awaited locks, so that a set-up in another thread ends before the fork."""
    for function in _before:
        function()
    deadline = time.monotonic() + FORK_SECONDS
    for key in list(_awaited):
        lock = _find_lock(key)
        if lock is None:
            continue
        remaining = max(0.0, deadline - time.monotonic())
        # one that is not free in time is left alone: the child gets another lock in any case
        if lock.acquire(timeout=remaining):
            _held_for_fork.append(lock)


def _find_lock(key: tuple[int, str]) -> threading.RLock | None:
    """Return the lock of an owner that still lives, or `None`."""
    entry = _locks.get(key)
    if entry is None:
        return None
    owner = entry[0]()
    return getattr(owner, key[1], None)


def _after_fork_in_parent() -> None:
    while _held_for_fork:
        _held_for_fork.pop().release()


def _renew_locks() -> None:
    # not released: the child gets new locks in place of all, those that were taken among them
    _held_for_fork.clear()
    for (_, name), (reference, make) in list(_locks.items()):
        owner = reference()
        if owner is not None:
            setattr(owner, name, make())


def runs(number: int) -> bool:
    """Whether a process of this number runs."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it runs, and is another user's
        return True
    return True


def at_exit(function: Callable[[], None]) -> None:
    """Run a function when the process ends, the last one first.

    That holds for a child of `multiprocessing` too, which runs its own finalizers and no `atexit`.
    """
    _at_exit.append(function)
    atexit.register(function)
    _register()
    # here too, for a child that loads callspan after its fork: its first client is imported in a task
    _follow_celery()
    util = sys.modules.get("multiprocessing.util")
    if util is not None and _is_multiprocessing_child():
        util.Finalize(None, function, exitpriority=_LAST)


def until_interrupted(step: Callable[[], T]) -> T | None:
    """Take a step of the end of the process; end it, and all later ones, at a further Ctrl-C.

    Returns:
        The result of the step; `None` if it was interrupted.
    """
    global _is_interrupted
    try:
        return step()
    except KeyboardInterrupt:
        _is_interrupted = True
        return None


def patience(seconds: float) -> float:
    """Return the seconds that a step of the end may take: none after an interrupt."""
    return 0.0 if _is_interrupted else seconds


def _register() -> None:
    global _registered
    if not _registered:
        _registered = True
        # Windows has no fork
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=_before_fork,
                after_in_parent=_after_fork_in_parent,
                after_in_child=_after_fork,
            )


def _after_fork() -> None:
    global _is_forked
    _is_forked = True
    # first, as the functions that follow take locks
    _renew_locks()
    for function in _in_child:
        function()
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        # the child of a Process forgets all finalizers first and asks for new ones by this list
        util.register_after_fork(
            _run_at_exit, lambda _: util.Finalize(None, _run_at_exit, exitpriority=_LAST)
        )
    _follow_celery()


def _follow_celery() -> None:
    """Let a worker process of Celery run our functions at its end.

    Its pool (billiard 4.3) ends with `os._exit`, so neither finalizers nor `atexit` run there. Celery
    tells of the end by a signal of its own (tests/cli/test_celery.py).
    """
    signals: Any = sys.modules.get("celery.signals")
    if signals is None:
        return
    with contextlib.suppress(Exception):  # another version than those that were tried
        # the id keeps a child of a child from being connected twice
        signals.worker_process_shutdown.connect(_end_of_worker, weak=False, dispatch_uid="callspan")


def _end_of_worker(**_: object) -> None:
    _run_at_exit()


def _run_at_exit() -> None:
    for function in reversed(_at_exit):
        function()
