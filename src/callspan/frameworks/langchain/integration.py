"""LangChain as a source of calls: the patches, and what is done with them."""

from __future__ import annotations

from typing import Any

from callspan.frameworks.integration import Opener, Source
from callspan.frameworks.langchain import callbacks, models
from callspan.frameworks.langchain.tree import tree
from callspan.runtime.patching import Patch

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
_MANAGER = "langchain_core.callbacks.manager"
_STARTS = (
    "on_chain_start",
    "on_tool_start",
    "on_retriever_start",
    "on_chat_model_start",
    "on_llm_start",
)
_MODEL_STARTS = ("on_chat_model_start", "on_llm_start")
_ENDS = (
    ("RunManager", "on_retry", "retry_state"),
    ("CallbackManagerForLLMRun", "on_llm_new_token", "token"),
    ("CallbackManagerForLLMRun", "on_stream_event", "event"),
    ("CallbackManagerForLLMRun", "on_llm_end", "response"),
    ("CallbackManagerForLLMRun", "on_llm_error", "error"),
    ("CallbackManagerForChainRun", "on_chain_end", "outputs"),
    ("CallbackManagerForChainRun", "on_chain_error", "error"),
    ("CallbackManagerForToolRun", "on_tool_end", "output"),
    ("CallbackManagerForToolRun", "on_tool_error", "error"),
    ("CallbackManagerForRetrieverRun", "on_retriever_end", "documents"),
    ("CallbackManagerForRetrieverRun", "on_retriever_error", "error"),
)
"""The methods by which managers of runs tell what happens, each with the name of its argument."""


def patches() -> list[Patch]:
    """The patches by which LangChain is heard."""
    return [
        Patch(_MANAGER, "handle_event", callbacks.handle),
        Patch(_MANAGER, "ahandle_event", callbacks.ahandle),
        *(Patch(_MANAGER, f"CallbackManager.{event}", callbacks.start) for event in _STARTS),
        *(Patch(_MANAGER, f"AsyncCallbackManager.{event}", _astart(event)) for event in _STARTS),
        *(_end(manager, event, parameter, False) for manager, event, parameter in _ENDS),
        *(_end(f"Async{manager}", event, parameter, True) for manager, event, parameter in _ENDS),
        *(Patch(*row) for row in _MODELS),
    ]


def _astart(event: str) -> Any:
    return callbacks.amodel_start(event) if event in _MODEL_STARTS else callbacks.astart


def _end(manager: str, event: str, parameter: str, asynchronous: bool) -> Patch:
    wrapper = callbacks.end(event, parameter, asynchronous)
    return Patch(_MANAGER, f"{manager}.{event}", wrapper, optional=event == "on_stream_event")


def listen(opener: Opener | None, everywhere: bool) -> None:
    """Begin runs by this opener from now on, or none."""
    if opener is None and tree.everywhere:
        callbacks.hear_open_ends()
    tree.opener, tree.everywhere = opener, everywhere


LANGCHAIN = Source(
    name="langchain",
    package="langchain-core",
    module="langchain_core",
    packages=("langchain-core", "langgraph"),
    versions=("0.3", "2"),
    operations=(
        "chat",
        "text_completion",
        "invoke_agent",
        "invoke_workflow",
        "execute_tool",
        "retrieval",
    ),
    patches=patches,
    listen=listen,
)
