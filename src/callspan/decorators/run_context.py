"""The run context of an operation, and the framework's run or agent around it."""

from __future__ import annotations

import weakref
from typing import Any

from callspan.events import Call, Failure, Framework, Parameters
from callspan.runtime import scope

RunContext = Any
"""A run context of a decorated function or of a framework; `None` outside of any.

They share `call`, `outer` and `adopt`.
"""


class OperationContext:
    """Run context of an operation: of a decorated function or block, or of a framework's function.

    A model called here may belong to a framework's model run further out.

    Attributes:
        call: The operation.
        outer: The run context around.
        framework: The framework whose operation it is; `None` for the app's own.
        failure: Why the operation failed, as the code inside it knows, where nothing else tells it.
        result: Its result, as the code inside it knows, where nothing else tells it.
        closing_reader: The task that has left the items of the operation's generator, while that
            is closed.
    """

    __slots__ = ("call", "closing_reader", "failure", "framework", "outer", "result")

    def __init__(self, call: Call, outer: RunContext, framework: Framework | None = None) -> None:
        self.call = call
        self.outer = outer
        self.framework = framework
        self.failure: Failure | None = None
        self.result: object = None
        # weak: a context may outlive the task, which holds the app's frames
        self.closing_reader: weakref.ref[Any] | None = None

    def is_around(self, run_context: RunContext) -> bool:
        """Whether a run context is this one or lies inside it."""
        while run_context is not None and run_context is not self:
            run_context = run_context.outer
        return run_context is self

    def adopt(self, operation: str) -> RunContext:
        """Return the run further out that a client's call belongs to, if one waits for it."""
        if self.outer is None:
            return None
        return self.outer.adopt(operation)


def closing_reader(run_context: RunContext) -> weakref.ref[Any] | None:
    """Return the task that has left a generator inside which a run context lies."""
    while run_context is not None:
        reader = getattr(run_context, "closing_reader", None)
        if reader is not None:
            return reader
        run_context = run_context.outer
    return None


def is_reported_by_framework(run_context: RunContext, call: Call) -> bool:
    """Whether the run of a framework around reports the same operation already."""
    if run_context is None:
        return False
    # the app's own function in itself, by recursion, is an operation each time
    if isinstance(run_context, OperationContext) and run_context.framework is None:
        return False
    outer_call = run_context.call
    if outer_call is None:
        return False
    # one method of a framework's object calls another of it, and both are patched
    return outer_call.operation == call.operation and outer_call.subject == call.subject


def agent_parameters(run_context: RunContext) -> Parameters:
    """Return the agent that runs a tool as a parameter of the tool's call; empty without one."""
    if run_context is None:
        return {}
    agent = scope.agent(run_context.call)
    if agent is None:
        return {}
    return {"agent_name": agent.subject}
