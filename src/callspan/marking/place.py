"""Where the code of an operation runs, and what is around it."""

from __future__ import annotations

from typing import Any

from callspan import scope
from callspan.events import Call


class Place:
    """Where the code of an operation runs, also for the frameworks that run in it.

    A model that is called here may be what the run of a model further out stands for.
    """

    __slots__ = ("call", "outer")

    def __init__(self, call: Call, outer: Any) -> None:
        self.call = call
        self.outer = outer

    def claim(self, operation: str) -> Any:
        """What waits further out for the call of a client."""
        return None if self.outer is None else self.outer.claim(operation)


def framework_tells(call: Call) -> bool:
    """Whether a framework runs a function as its tool, so that its run, in which this is, is the same operation."""
    place = scope.place()
    around = place.call if place is not None and not isinstance(place, Place) else None
    return around is not None and (around.operation, around.subject) == (call.operation, call.subject)


def agent_here() -> dict[str, Any]:
    """The agent in which a tool is run, as a parameter of the call."""
    place = scope.place()
    agent = scope.agent(place.call) if place is not None else None
    return {} if agent is None else {"agent_name": agent.subject}
