"""Where the code of an operation runs, and what is around it."""

from __future__ import annotations

from typing import Any

from callspan.events import Call
from callspan.runtime import scope


class Place:
    """Where the code of an operation runs, also for the frameworks that run in it.

    A model that is called here may be what the run of a model further out stands for.
    """

    __slots__ = ("call", "outer")

    def __init__(self, call: Call, outer: Any) -> None:
        self.call = call
        self.outer = outer

    def is_around(self, place: Any) -> bool:
        """Whether a place is this one or lies within it."""
        while place is not None and place is not self:
            place = place.outer
        return place is self

    def claim(self, operation: str) -> Any:
        """What waits further out for the call of a client."""
        return None if self.outer is None else self.outer.claim(operation)


def framework_tells(place: Any, call: Call) -> bool:
    """Whether the framework's run at a place is of the tool that is called there: then they are one operation."""
    around = None if isinstance(place, Place) else place.call
    return around is not None and (around.operation, around.subject) == (call.operation, call.subject)


def agent_at(place: Any) -> dict[str, Any]:
    """The agent that runs a tool at a place, as a parameter of the tool's call."""
    agent = scope.agent(place.call)
    return {} if agent is None else {"agent_name": agent.subject}
