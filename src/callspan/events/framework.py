"""The framework's run that made a call."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class Framework:
    """A framework, its run, and the place of that run in the framework's own program.

    Attributes:
        name: The framework, such as `langchain`.
        version: Its version.
        run_id: The framework's id of the run.
        tags: Labels that the app gave to the run.
        node: The node of a graph in which the call was made.
        step: The number of the graph's step.
        conversation_id: The id of the conversation, such as LangGraph's `thread_id`.
    """

    name: str
    version: str = ""
    run_id: str = ""
    tags: tuple[str, ...] = ()
    node: str | None = None
    step: int | None = None
    conversation_id: str | None = None

    def of_calls_inside(self) -> Framework:
        """Return the facts that hold for calls inside the run too: framework and conversation."""
        # id, tags, node and step say which run it is: they stand on the span of the run alone
        return Framework(self.name, self.version, conversation_id=self.conversation_id)
