"""Frameworks with hooks of their own: their runs feed the same observations as clients' calls.

The module of a framework is loaded when the framework is.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from callspan.lifecycle.control_flow import register
from callspan.runtime.listing import Listing, load

if TYPE_CHECKING:
    from callspan.frameworks.integration import Integration


def _listing(name: str, *modules: str, home: str = "") -> Listing[Integration]:
    """Return the listing of the framework whose integration a module of this folder has.

    Args:
        name: The name that users write; the integration has the same in capitals.
        modules: The modules of the framework that are patched, or begin the names of those.
        home: The module that has the integration, where it has another name.
    """
    home = f"callspan.frameworks.{home or name}"
    return Listing(name, modules, partial(load, home, name.upper()))


def _store(kind: str, name: str, *modules: str) -> Listing[Integration]:
    """Return the listing of a store of a kind, whose folder has the name of its setting."""
    home = f"callspan.frameworks.{kind}.{name}"
    # a search is a call to a database for many users, who would pay for its spans
    return Listing(name, modules, partial(load, home, name.upper()), kind)


INTEGRATIONS = (
    _listing("langchain", "langchain_core", "langgraph", home="langchain.integration"),
    _listing("litellm", "litellm", home="litellm.integration"),
    _listing("openai_agents", "agents"),
    _listing("pydantic_ai", "pydantic_ai"),
    _listing("llama_index", "llama_index.core", "workflows"),
    _listing("strands", "strands"),
    _listing("agno", "agno"),
    _listing("haystack", "haystack"),
    _listing("smolagents", "smolagents"),
    _listing("crewai", "crewai"),
    _listing("dspy", "dspy"),
    _listing("autogen", "autogen_core", "autogen_agentchat", "autogen_ext"),
    _listing("agent_framework", "agent_framework"),
    _listing("semantic_kernel", "semantic_kernel"),
    _listing("claude_agent_sdk", "claude_agent_sdk", home="claude_agent_sdk.integration"),
    _listing("instructor", "instructor"),
    # FastMCP is built on mcp, and asks whether ours reports its requests
    _listing("mcp", "mcp", "fastmcp", home="mcp.integration"),
    _listing("google_adk", "google.adk"),
    _listing("beeai", "beeai_framework"),
    _listing("guardrails", "guardrails"),
    _store("vector_stores", "chroma", "chromadb"),
    _store("vector_stores", "qdrant", "qdrant_client"),
    _store("vector_stores", "pinecone", "pinecone"),
    _store("vector_stores", "weaviate", "weaviate"),
    _store("vector_stores", "lancedb", "lancedb"),
    _store("vector_stores", "milvus", "pymilvus"),
    _store("memory_stores", "langgraph_store", "langgraph.store.base"),
    _store("memory_stores", "mem0", "mem0.memory.main"),
)

# The exceptions of frameworks, by name, also of those that are not observed: a decorated function
# may end with one.
# LangGraph: interrupts, and commands to a graph further out
register(("GraphInterrupt", "NodeInterrupt", "GraphBubbleUp", "ParentCommand"))
# Pydantic AI: a tool that somebody else runs, or has to approve of
register(("ApprovalRequired", "CallDeferred"))
# Agent Framework: a tool that asks the user, and middleware that ends a run
register(("UserInputRequiredException", "MiddlewareTermination"))
# LlamaIndex: a step that goes on when an event comes
register(("WaitingForEvent",), cancelling=("WorkflowCancelledByUser",))
# CrewAI: a flow that goes on when a person has answered
register(("HumanFeedbackPending",))
