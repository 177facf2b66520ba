"""Exceptions by which LangGraph steers a program: interrupts, and commands to a graph further out."""

from __future__ import annotations

_NAMES = ("GraphInterrupt", "NodeInterrupt", "GraphBubbleUp", "ParentCommand")


def is_control_flow(error: BaseException) -> bool:
    """Whether an exception steers the program, so that the operation that it ends has not failed."""
    # by name, as callspan imports no framework
    return any(kind.__name__ in _NAMES for kind in type(error).__mro__)
