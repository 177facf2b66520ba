"""Where the code of an operation runs, and what is around it."""

from __future__ import annotations

from typing import Any

from callspan.events import Call
from callspan.runtime import scope


class OperationContext:
    """Where the code of an operation runs, also for the frameworks that run in it.

    A model that is called here may be what the run of a model further out stands for.
    """

    __slots__ = ("call", "outer")

    def __init__(self, call: Call, outer: Any) -> None:
        self.call = call
        self.outer = outer

    def is_around(self, run_context: Any) -> bool:
        """Whether a place is this one or lies within it."""
        while run_context is not None and run_context is not self:
            run_context = run_context.outer
        return run_context is self

    def adopt(self, operation: str) -> Any:
        """What waits further out for the call of a client."""
        return None if self.outer is None else self.outer.adopt(operation)


def framework_tells(run_context: Any, call: Call) -> bool:
    """Whether the framework's run at a place is of the tool that is called there: then they are one operation."""
    around = None if isinstance(run_context, OperationContext) else run_context.call
    return around is not None and (around.operation, around.subject) == (
        call.operation,
        call.subject,
    )


def agent_at(run_context: Any) -> dict[str, Any]:
    """The agent that runs a tool at a place, as a parameter of the tool's call."""
    agent = scope.agent(run_context.call)
    return {} if agent is None else {"agent_name": agent.subject}
