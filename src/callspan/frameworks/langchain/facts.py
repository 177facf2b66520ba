"""What LangChain's callbacks say of a run beside its input: names, tags and metadata, only what is known to be safe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callspan.events import Framework
from callspan.frameworks.version import version
from callspan.runtime.number import whole

NAME = "langchain"
GRAPH = "langgraph"
_INTERNAL_TAGS = ("seq:step:", "map:key:", "graph:step:", "condition:", "branch:", "langsmith:")
_CONVERSATION = ("thread_id", "session_id", "conversation_id")


def framework(told: Mapping[str, Any]) -> Framework:
    """The framework's facts. Metadata of the app's own stays out: it may hold anything."""
    metadata = _mapping(told.get("metadata"))
    node, step = metadata.get("langgraph_node"), metadata.get("langgraph_step")
    name = GRAPH if node is not None or metadata.get("ls_integration") == GRAPH else NAME
    return Framework(
        name=name,
        version=version("langchain-core" if name == NAME else "langgraph"),
        run_id=str(told.get("run_id")),
        tags=tuple(_own(told.get("tags"))),
        node=node if isinstance(node, str) else None,
        step=whole(step),
        conversation_id=_conversation(metadata),
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _own(tags: Any) -> list[str]:
    """The tags that the app has set, without those by which the framework marks its steps."""
    tags = tags if isinstance(tags, (list, tuple)) else ()
    return [tag for tag in tags if isinstance(tag, str) and not tag.startswith(_INTERNAL_TAGS)]


def _conversation(metadata: Mapping[str, Any]) -> str | None:
    found = next((metadata[key] for key in _CONVERSATION if metadata.get(key)), None)
    return None if found is None else str(found)
