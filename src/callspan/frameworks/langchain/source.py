"""LangChain as a source of calls: the patches, and what is done with them."""

from __future__ import annotations

from typing import Any

from callspan.frameworks.framework import Opener, Source
from callspan.frameworks.langchain import callbacks, models
from callspan.frameworks.langchain.tree import tree
from callspan.patching import Patch

_CHAT = "langchain_core.language_models.chat_models"
_LLM = "langchain_core.language_models.llms"
_RETRIEVER = "langchain_core.retrievers"
_MODELS: tuple[tuple[str, str, Any, bool], ...] = (
    (_CHAT, "BaseChatModel.generate", models.generate, False),
    (_CHAT, "BaseChatModel.agenerate", models.agenerate, False),
    (_CHAT, "BaseChatModel.stream", models.stream, False),
    (_CHAT, "BaseChatModel.astream", models.astream, False),
    (_CHAT, "BaseChatModel._generate_with_cache", models.exact, True),
    (_CHAT, "BaseChatModel._agenerate_with_cache", models.aexact, True),
    (_CHAT, "BaseChatModel._iter_v2_events", models.exact_events, True),
    (_CHAT, "BaseChatModel._aiter_v2_events", models.aexact_events, True),
    (_LLM, "BaseLLM.generate", models.generate, False),
    (_LLM, "BaseLLM.agenerate", models.agenerate, False),
    (_LLM, "BaseLLM.stream", models.stream, False),
    (_LLM, "BaseLLM.astream", models.astream, False),
    (_RETRIEVER, "BaseRetriever.invoke", models.search, True),
    (_RETRIEVER, "BaseRetriever.ainvoke", models.asearch, True),
    ("langchain_core.runnables.config", "_set_config_context", callbacks.set_context, True),
    ("langgraph._internal._runnable", "_set_config_context", callbacks.set_context, True),
)


def patches() -> list[Patch]:
    """The patches by which LangChain is heard."""
    manager = "langchain_core.callbacks.manager"
    return [
        Patch(manager, "_configure", callbacks.configure),
        Patch(manager, "handle_event", callbacks.handle),
        Patch(manager, "ahandle_event", callbacks.ahandle),
        Patch(manager, "AsyncCallbackManager.on_llm_start", callbacks.llm_start, optional=True),
        *(Patch(*row) for row in _MODELS),
    ]


def listen(opener: Opener | None, everywhere: bool) -> None:
    """Begin runs by this opener from now on, or none."""
    tree.opener, tree.everywhere = opener, everywhere


LANGCHAIN = Source(
    name="langchain",
    package="langchain-core",
    module="langchain_core",
    versions=("0.3", "2"),
    operations=("chat", "text_completion", "invoke_agent", "invoke_workflow", "execute_tool", "retrieval"),
    patches=patches,
    listen=listen,
)
