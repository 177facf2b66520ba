"""The framework's facts of a run: names, tags and metadata, as far as they are safe to record."""

from __future__ import annotations

from collections.abc import Mapping

from callspan.events import Framework
from callspan.frameworks.integration import version
from callspan.frameworks.run import Arguments
from callspan.runtime.number import whole

NAME = "langchain"
GRAPH = "langgraph"
# starts of the tags by which LangChain and LangGraph mark their steps
_INTERNAL_TAGS = ("seq:step:", "map:key:", "graph:step:", "condition:", "branch:", "langsmith:")
# LangGraph's key, and the two that LangSmith takes for a conversation
_CONVERSATION_KEYS = ("thread_id", "session_id", "conversation_id")


def read_framework(arguments: Arguments) -> Framework:
    """Return the facts of a run. Metadata of the app's own stays out: it may hold anything."""
    metadata = arguments.get("metadata")
    if not isinstance(metadata, Mapping):
        metadata = {}
    node = metadata.get("langgraph_node")
    # the graph itself has no node around; its metadata name the integration
    is_graph = node is not None or metadata.get("ls_integration") == GRAPH
    return Framework(
        name=GRAPH if is_graph else NAME,
        version=version("langgraph" if is_graph else "langchain-core"),
        run_id=str(arguments.get("run_id")),
        tags=_app_tags(arguments.get("tags")),
        node=node if isinstance(node, str) else None,
        step=whole(metadata.get("langgraph_step")),
        conversation_id=_conversation_id(metadata),
    )


def _app_tags(tags: object) -> tuple[str, ...]:
    """Return the tags of the app, without those by which the framework marks its steps."""
    if not isinstance(tags, (list, tuple)):
        return ()
    app_tags: list[str] = []
    for tag in tags:
        if isinstance(tag, str) and not tag.startswith(_INTERNAL_TAGS):
            app_tags.append(tag)
    return tuple(app_tags)


def _conversation_id(metadata: Arguments) -> str | None:
    for key in _CONVERSATION_KEYS:
        if metadata.get(key):
            return str(metadata[key])
    return None
