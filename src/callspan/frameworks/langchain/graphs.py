"""Graphs of LangGraph that are agents: they are marked where they are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from callspan.frameworks.run_context import Args, Kwargs
from callspan.runtime import guard

_AGENTS = "langgraph.prebuilt.chat_agent_executor"
"""The module with `create_react_agent`, whose functions are the nodes of its graphs."""


class AgentName(str):
    """The name of a graph that is an agent, which LangGraph hands on with each run of the graph.

    It equals the name that it is made of. Copies stay of this class; pickled it is plain text, to
    be read where callspan is not installed.
    """

    __slots__ = ()

    def __copy__(self) -> AgentName:
        return self

    def __deepcopy__(self, _memo: object) -> AgentName:
        return self

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)


def compile_graph(
    wrapped: Callable[..., object], builder: Any, args: Args, kwargs: Kwargs
) -> object:
    """Wrap `StateGraph.compile`: mark the graph if `create_react_agent` has built it.

    LangGraph tells its runs apart from those of other graphs by nothing that callbacks hear, and
    apps have taken `create_react_agent` by name before it could be patched. Tried with LangGraph
    0.2 to 1.2 (`tests/frameworks/langchain/test_react_agents.py`).
    """
    graph: Any = wrapped(*args, **kwargs)
    try:
        if _is_agent(builder) and isinstance(graph.name, str):
            graph.name = AgentName(graph.name)
    except Exception as error:  # noqa: BLE001  a graph of another version must reach the app
        guard.report("looking at a graph", error)
    return graph


def _is_agent(builder: Any) -> bool:
    """Whether a node of the graph is the function by which `create_react_agent` calls the model."""
    for node in builder.nodes.values():
        function: Any = getattr(getattr(node, "runnable", None), "func", None)
        if getattr(function, "__module__", None) != _AGENTS:
            continue
        if function.__name__ == "call_model":
            return True
    return False
