"""Exceptions by which frameworks steer a program: an interrupt, or a wait for somebody's approval."""

from __future__ import annotations

_NAMES = frozenset(
    {
        # LangGraph: interrupts, and commands to a graph further out
        *("GraphInterrupt", "NodeInterrupt", "GraphBubbleUp", "ParentCommand"),
        # Pydantic AI: a tool that somebody else runs, or has to approve of
        *("ApprovalRequired", "CallDeferred"),
        # LlamaIndex: a step that goes on when an event comes
        "WaitingForEvent",
        # CrewAI: a flow that goes on when a person has answered
        "HumanFeedbackPending",
        # Agent Framework: a tool that asks the user, and middleware that ends a run
        *("UserInputRequiredException", "MiddlewareTermination"),
    }
)

_CANCELLATIONS = frozenset({"WorkflowCancelledByUser"})
"""LlamaIndex raises it from a run that its user has cancelled."""


def is_cancellation(error: BaseException) -> bool:
    """Whether an exception says that a run was cancelled: asyncio's and those of the interpreter do."""
    return not isinstance(error, Exception) or type(error).__name__ in _CANCELLATIONS


def is_control_flow(error: BaseException) -> bool:
    """Whether an exception steers the program, so that the operation that it ends has not failed."""
    # by name, as callspan imports no framework
    return any(kind.__name__ in _NAMES for kind in type(error).__mro__)
