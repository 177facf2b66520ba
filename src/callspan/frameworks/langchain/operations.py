"""Chain runs that are operations of their own, rather than steps on the way.

Operations are graphs, agents, nodes of graphs, and chains that have no LangChain run around them.
Steps are the rest: sequences, parallels, prompts, parsers, and runs with the tag `hidden`. Calls
inside a step stand under the operation around it.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from callspan.events import Parameters
from callspan.frameworks.langchain.graphs import AgentName
from callspan.frameworks.run import Arguments, Run

Operation = tuple[str, Parameters]
"""The name of an operation in the conventions, and its parameters."""
Serialized = Any
"""LangChain's description of a runnable: a dict whose `id` is the path of its class, or `None`."""
# tags that hide a run in LangChain's own traces
_HIDDEN = ("langsmith:hidden", "hidden")
_NODE_TAG = "graph:step:"
_AGENT_CLASSES = ("AgentExecutor",)
# the integration that LangChain 1 writes into the metadata of `create_agent`'s graph
_CREATED_AGENT = "langchain_create_agent"
# runs of prompts and parsers, which only turn one value into another
_SILENT_TYPES = ("prompt", "parser")
# starts of default names: `RunnableSequence<a,b>` is no name of the app's
_CLASS_NAMES = (
    "Runnable",
    "LangGraph",
    "StateGraph",
    "CompiledStateGraph",
    "CompiledGraph",
    "Pregel",
)


def chain_operation(
    arguments: Arguments, serialized: Serialized, parent: Run | None
) -> Operation | None:
    """Return the operation that a chain run is; `None` for a step on the way."""
    tags = arguments.get("tags") or ()
    metadata = _metadata(arguments)
    if _is_silent(arguments.get("run_type"), tags):
        return None
    if is_node(tags):
        return "run_node", {"node_name": _node_name(arguments, metadata)}
    name = chain_name(arguments, serialized)
    if _is_agent(arguments, serialized, parent):
        return "invoke_agent", {"agent_name": metadata.get("lc_agent_name") or name}
    # a chain that the app calls by itself is what it calls a workflow
    if parent is None:
        return "invoke_workflow", {"workflow_name": name}
    return None


def _metadata(arguments: Arguments) -> Mapping[str, Any]:
    return arguments.get("metadata") or {}


def _node_name(arguments: Arguments, metadata: Mapping[str, Any]) -> Any:
    return metadata.get("langgraph_node") or arguments.get("name")


def _is_silent(run_type: object, tags: Iterable[object]) -> bool:
    """Whether a run is a step by its type, or hidden by a tag."""
    if run_type in _SILENT_TYPES:
        return True
    return any(tag in _HIDDEN for tag in tags)


def is_node(tags: Any) -> bool:
    """Whether the tags are those of a node of a graph."""
    return any(isinstance(tag, str) and tag.startswith(_NODE_TAG) for tag in tags or ())


def _is_agent(arguments: Arguments, serialized: Serialized, parent: Run | None) -> bool:
    """Whether a run is an agent itself, rather than inside one.

    Metadata goes down to all runs of an agent, so the agent is the outermost run that has it.
    """
    if isinstance(arguments.get("name"), AgentName):
        return True
    if _class_name(serialized) in _AGENT_CLASSES:
        return True
    metadata = _metadata(arguments)
    outer = {} if parent is None else _metadata(parent.arguments)
    integration = metadata.get("ls_integration")
    if integration == _CREATED_AGENT and integration != outer.get("ls_integration"):
        return True
    # an agent inside an agent has another name
    name = metadata.get("lc_agent_name")
    return name is not None and name != outer.get("lc_agent_name")


def _class_name(serialized: Serialized) -> str | None:
    """Return the class of a runnable. The description holds settings as well, never read."""
    if not isinstance(serialized, Mapping):
        return None
    path = serialized.get("id")
    if not isinstance(path, list) or not path:
        return None
    # the path is that of the class in its package: `["langchain", "agents", "AgentExecutor"]`
    name = path[-1]
    return name if isinstance(name, str) else None


def chain_name(arguments: Arguments, serialized: Serialized) -> str | None:
    """Return the name that the app gave to a chain; `None` for a class's name, the default."""
    name = arguments.get("name")
    if not isinstance(name, str) or not name:
        return None
    if name.startswith(_CLASS_NAMES):
        return None
    if name == _class_name(serialized):
        return None
    if _is_class(name):
        return None
    # plain text, also of an `AgentName`
    return str(name)


# the walk over all classes is slow, and an app has few names
@functools.lru_cache(maxsize=1000)
def _is_class(name: str) -> bool:
    """Whether a class of runnables, of LangChain's or of the app's own, has this name."""
    module = sys.modules.get("langchain_core.runnables.base")
    if module is None:
        return False
    classes = [module.Runnable]
    while classes:
        runnable_class = classes.pop()
        if runnable_class.__name__ == name:
            return True
        # not `runnable_class.__subclasses__()`: a metaclass may have a method of that name
        classes.extend(type.__subclasses__(runnable_class))
    return False
