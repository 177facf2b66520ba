"""Exceptions by which LangGraph steers a program: interrupts, and commands to a graph further out."""

from __future__ import annotations

_NAMES = ("GraphInterrupt", "NodeInterrupt", "GraphBubbleUp", "ParentCommand")


def is_control_flow(error: BaseException) -> bool:
    """Whether an exception is control flow, so that what it ends has not failed."""
    return any(kind.__name__ in _NAMES for kind in type(error).__mro__)
