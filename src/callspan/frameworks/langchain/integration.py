"""LangChain's integration: its patches, and the subscription to its runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from callspan.frameworks.integration import Integration, ObservationFactory
from callspan.frameworks.langchain import callbacks, graphs, models
from callspan.frameworks.langchain.tree import tree
from callspan.runtime.patching import Patch

_CHAT = "langchain_core.language_models.chat_models"
_LLM = "langchain_core.language_models.llms"
_RETRIEVER = "langchain_core.retrievers"
_MODELS: tuple[tuple[str, str, Callable[..., Any], bool], ...] = (
    # `invoke` and `batch` go through `generate`; streams do not
    (_CHAT, "BaseChatModel.generate", models.generate, False),
    (_CHAT, "BaseChatModel.agenerate", models.agenerate, False),
    (_CHAT, "BaseChatModel.stream", models.stream, False),
    (_CHAT, "BaseChatModel.astream", models.astream, False),
    # private, for one list of messages each; `agenerate` answers many at once, in tasks
    (_CHAT, "BaseChatModel._generate_with_cache", models.generate_one, True),
    (_CHAT, "BaseChatModel._agenerate_with_cache", models.agenerate_one, True),
    # private, and missing in older versions: streams of typed events
    (_CHAT, "BaseChatModel._iter_v2_events", models.stream_events, True),
    (_CHAT, "BaseChatModel._aiter_v2_events", models.astream_events, True),
    (_LLM, "BaseLLM.generate", models.generate, False),
    (_LLM, "BaseLLM.agenerate", models.agenerate, False),
    (_LLM, "BaseLLM.stream", models.stream, False),
    (_LLM, "BaseLLM.astream", models.astream, False),
    # a retriever does its work in the method that begins its run
    (_RETRIEVER, "BaseRetriever.invoke", models.search, True),
    (_RETRIEVER, "BaseRetriever.ainvoke", models.asearch, True),
    # private: called in the copied context in which the code of a run will run
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
# not dispatched to all handlers in asynchronous code
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
"""The methods by which run managers report events, each with the name of its argument."""


def patches() -> list[Patch]:
    """Return the patches of LangChain's callback dispatch and of its models' methods."""
    patches = [
        Patch(_MANAGER, "handle_event", callbacks.handle_event),
        Patch(_MANAGER, "ahandle_event", callbacks.ahandle_event),
    ]
    for event in _STARTS:
        # asynchronous starts of models skip handlers, see `amodel_start`
        astart = callbacks.amodel_start(event) if event in _MODEL_STARTS else callbacks.astart
        patches.append(Patch(_MANAGER, f"CallbackManager.{event}", callbacks.start))
        patches.append(Patch(_MANAGER, f"AsyncCallbackManager.{event}", astart))
    for manager, event, parameter in _ENDS:
        patches.append(_end(manager, event, parameter, False))
        patches.append(_end(f"Async{manager}", event, parameter, True))
    for row in _MODELS:
        patches.append(Patch(*row))
    # LangGraph may not be there, and old versions of it have other classes
    patches.append(
        Patch("langgraph.graph.state", "StateGraph.compile", graphs.compile_graph, optional=True)
    )
    return patches


def _end(manager: str, event: str, parameter: str, asynchronous: bool) -> Patch:
    wrapper = callbacks.end(event, parameter, asynchronous)
    # older versions have no stream events
    optional = event == "on_stream_event"
    return Patch(_MANAGER, f"{manager}.{event}", wrapper, optional=optional)


def subscribe(create_observation: ObservationFactory | None, everywhere: bool) -> None:
    """Report runs to this factory from now on; with `None` those that are open still end."""
    were_everywhere = tree.everywhere
    tree.create_observation, tree.everywhere = create_observation, everywhere
    # after the change: a run that begins meanwhile gets its handler in the thread that begins it
    if were_everywhere and create_observation is None:
        callbacks.attach_end_handlers()


LANGCHAIN = Integration(
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
    subscribe=subscribe,
)
