"""Exceptions by which frameworks steer a program, such as an interrupt or a wait for approval."""

from __future__ import annotations

from collections.abc import Iterable

# by name, as a framework's classes can only be had by importing it
_steering: set[str] = set()
_cancelling: set[str] = set()


def register(steering: Iterable[str], cancelling: Iterable[str] = ()) -> None:
    """Add the names of a framework's exceptions: those that steer, and those that cancel a run."""
    _steering.update(steering)
    _cancelling.update(cancelling)


def is_cancellation(error: BaseException) -> bool:
    """Whether an exception says that a run was cancelled.

    Frameworks have exceptions for that; those that are no `Exception` are asyncio's, or come from
    the interpreter.
    """
    return not isinstance(error, Exception) or type(error).__name__ in _cancelling


def is_control_flow(error: BaseException) -> bool:
    """Whether an exception steers the program: the operation that it ends has not failed."""
    # with the bases: a subclass of such an exception steers the program as well
    return any(kind.__name__ in _steering for kind in type(error).__mro__)
