"""Which chain runs are operations of their own.

Graphs, agents, nodes of graphs, and whatever has no LangChain run around it; the rest (sequences, parallels, prompts,
parsers, and what is tagged hidden) are steps on the way, and what they call stands under the operation around them.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from typing import Any

from callspan.frameworks.run import Run

Operation = tuple[str, dict[str, Any]]
_HIDDEN = ("langsmith:hidden", "hidden")
_NODE_TAG = "graph:step:"
_AGENT_CLASSES = ("AgentExecutor",)
_CREATED_AGENT = "langchain_create_agent"
_SILENT_TYPES = ("prompt", "parser")
_CLASS_NAMES = (
    "Runnable",
    "LangGraph",
    "StateGraph",
    "CompiledStateGraph",
    "CompiledGraph",
    "Pregel",
)


def operation(told: Mapping[str, Any], serialized: Any, parent: Run | None) -> Operation | None:
    """The operation that a chain run is, with the parameter that names it; `None` for a step on the way."""
    tags, metadata = told.get("tags") or (), told.get("metadata") or {}
    if any(tag in _HIDDEN for tag in tags) or told.get("run_type") in _SILENT_TYPES:
        return None
    if is_node(tags):
        return "run_node", {"node_name": metadata.get("langgraph_node") or told.get("name")}
    name = name_of(told, serialized)
    if _is_agent(metadata, serialized, parent):
        return "invoke_agent", {"agent_name": metadata.get("lc_agent_name") or name}
    return ("invoke_workflow", {"workflow_name": name}) if parent is None else None


def is_node(tags: Any) -> bool:
    """Whether a run is a node of a graph."""
    return any(isinstance(tag, str) and tag.startswith(_NODE_TAG) for tag in tags or ())


def _is_agent(metadata: Mapping[str, Any], serialized: Any, parent: Run | None) -> bool:
    """Metadata goes down to all that an agent does, so only the run at which it first stands is the agent."""
    if class_of(serialized) in _AGENT_CLASSES:
        return True
    outer = (parent.told.get("metadata") or {}) if parent is not None else {}
    if (
        metadata.get("ls_integration") == _CREATED_AGENT
        and outer.get("ls_integration") != _CREATED_AGENT
    ):
        return True
    name = metadata.get("lc_agent_name")
    return name is not None and name != outer.get("lc_agent_name")


def class_of(serialized: Any) -> str | None:
    """The name of the class, as LangChain writes objects down; nothing else of that is ever read."""
    path = serialized.get("id") if isinstance(serialized, Mapping) else None
    return path[-1] if isinstance(path, list) and path and isinstance(path[-1], str) else None


def name_of(told: Mapping[str, Any], serialized: Any) -> str | None:
    """The name that somebody gave to a chain; the name of its class is none."""
    name = told.get("name")
    if (
        not isinstance(name, str)
        or not name
        or name.startswith(_CLASS_NAMES)
        or name == class_of(serialized)
    ):
        return None
    return None if _is_class(name) else name


@functools.lru_cache(maxsize=1000)
def _is_class(name: str) -> bool:
    """Whether a class of LangChain's runnables, the app's own among them, has this name: objects without one get it."""
    module = sys.modules.get("langchain_core.runnables.base")
    kinds = [module.Runnable] if module is not None else []
    while kinds:
        kind = kinds.pop()
        if kind.__name__ == name:
            return True
        kinds.extend(type.__subclasses__(kind))
    return False
