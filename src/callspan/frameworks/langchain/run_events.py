"""LangChain's callbacks, one function each: they begin, feed and end the runs of the tree."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from callspan.events import Delta, Parameters
from callspan.events.ending import Retry
from callspan.events.exceptions import note_translation, qualified_name
from callspan.frameworks.langchain import model_events, operations, request_reader, states
from callspan.frameworks.langchain.model_events import Item
from callspan.frameworks.langchain.operations import Serialized
from callspan.frameworks.langchain.tree import Tree, tree
from callspan.frameworks.run import Arguments, ModelRun, Run
from callspan.frameworks.run_context import OpaqueRunContext
from callspan.lifecycle.observation import Observation
from callspan.runtime import guard, scope
from callspan.runtime.background import running_loop
from callspan.runtime.number import real

_NODES_SHARE_CONTEXT = sys.version_info < (3, 11)
"""Whether LangGraph awaits an asynchronous node in the context in which it reports it.

From Python 3.11 on it does so in a copy. `tests/frameworks/langchain/test_traces.py` shows it.
"""


def handle(event: str, args: tuple[Any, ...], arguments: Arguments) -> None:
    """Take in one callback. No exception of ours reaches the app."""
    function = _FUNCTIONS.get(event)
    if function is None:
        return
    try:
        function(tree, arguments, *args)
    except Exception as error:  # noqa: BLE001  this is the app's callback
        guard.report(f"hearing LangChain's {event}", error)


# -- starts ------------------------------------------------------------------------------------


def _on_chain_start(
    tree: Tree,
    arguments: Arguments,
    serialized: Serialized = None,
    inputs: Item = None,
    *_rest: Item,
) -> None:
    # `None` also for a second report of one run, by another handler
    run = tree.begin(arguments, Run)
    if run is None:
        return
    # kept until it ends: that it is a graph is known when its first node begins
    run.input = inputs
    # LangGraph reports a graph as any chain; only its nodes are known by their tags
    if operations.is_node(arguments.get("tags")) and run.parent is not None:
        tree.start_graph(run.parent)
    operation = operations.chain_operation(arguments, serialized, run.parent)
    if operation is None:
        return
    tree.start_chain(run, operation)
    if _NODES_SHARE_CONTEXT and operation[0] == "run_node":
        in_event_loop = running_loop() is not None
        if in_event_loop:
            run.context_token = scope.enter(run.context)


def _on_tool_start(
    tree: Tree,
    arguments: Arguments,
    serialized: Serialized = None,
    input_text: Item = None,
    *_rest: Item,
) -> None:
    run = tree.begin(arguments, Run)
    if run is None:
        return
    name, description = arguments.get("name"), None
    if isinstance(serialized, Mapping):
        name = serialized.get("name") or name
        description = serialized.get("description")
    parameters: Parameters = {
        "tool_name": name or "unknown",
        "tool_type": "function",
        "tool_description": description,
        "tool_call_id": arguments.get("tool_call_id"),
        "agent_name": _agent_name(run),
    }
    # the object, where LangChain passes it; the positional argument is its text
    tool_input = arguments.get("inputs") or input_text
    tree.start_operation(
        run, ("execute_tool", parameters), lambda: request_reader.tool_content(tool_input)
    )


def _agent_name(run: Run) -> str | None:
    agent = scope.agent(run.call)
    return None if agent is None else agent.parameters.get("agent_name")


def _on_retriever_start(
    tree: Tree,
    arguments: Arguments,
    _serialized: Serialized = None,
    query: Item = None,
    *_rest: Item,
) -> None:
    run = tree.begin(arguments, Run)
    if run is None:
        return
    run_context = scope.run_context()
    is_inside = isinstance(run_context, OpaqueRunContext) and run_context.opens
    parameters: Parameters = {}
    if is_inside:
        parameters["retrieval_top_k"] = run_context.limit
    operation = ("retrieval", parameters)
    tree.start_operation(run, operation, lambda: request_reader.search_content(query))
    if is_inside:
        # the wrapper of the retriever's method, which made the run context, restores the one before
        scope.enter(run.context)


# -- what happens in between -------------------------------------------------------------------


def _on_retry(tree: Tree, arguments: Arguments, state: Item = None, *_rest: Item) -> None:
    """Count a retry; `state` is tenacity's `RetryCallState`."""
    run = tree.runs.get(arguments.get("run_id"))
    if run is None:
        return
    retries = _retries(run)
    if retries is None:
        return
    seconds = real(getattr(getattr(state, "next_action", None), "sleep", 0.0))
    retries.append(Retry(len(retries) + 1, _cause(state), seconds or 0.0, time.time_ns()))


def _retries(run: Run) -> list[Retry] | None:
    """Return the retries of a run to append to; `None` if it has ended, or cannot have any."""
    observation = run.observation
    if observation is not None:
        return None if observation.ended else observation.call.retries
    # its observation begins with its first token or its end, and takes them over
    return run.retries if isinstance(run, ModelRun) else None


def _cause(state: Item) -> str:
    """Return the name of the exception for which a request is made again."""
    read_exception = getattr(getattr(state, "outcome", None), "exception", None)
    error = None if read_exception is None else read_exception()
    return "unknown" if error is None else qualified_name(type(error))


# -- ends --------------------------------------------------------------------------------------


def _on_end(tree: Tree, arguments: Arguments, output: Item = None, *_rest: Item) -> None:
    run = tree.take(arguments)
    if run is None:
        return
    if isinstance(run, ModelRun):
        model_events.end(tree, run, output)
        return
    observation = run.end()
    if observation is not None:
        _add_output(observation, output)
        observation.finish()


def _add_output(observation: Observation, output: Item) -> None:
    """Add the answer of a graph, an agent or a chain, the result of a tool or a search."""
    response = observation.call.response
    try:
        response.result = request_reader.read_output(observation, output)
        if observation.needs_text and observation.call.operation in states.OPERATIONS:
            response.add(Delta(parts=states.answer(output)))
    except Exception as error:  # noqa: BLE001  an odd state must not leave its run open
        guard.report("reading the output of a run", error)


def _on_error(tree: Tree, arguments: Arguments, error: Item = None, *_rest: Item) -> None:
    run = tree.take(arguments)
    if run is None:
        return
    exception = error if isinstance(error, BaseException) else None
    if isinstance(run, ModelRun) and run.adopted and exception is not None:
        # LangChain may have made another exception of the client's: they are one failure
        note_translation(run.call, exception)
    tree.close(run, exception)


_FUNCTIONS: dict[str, Callable[..., None]] = {
    "on_chain_start": _on_chain_start,
    "on_tool_start": _on_tool_start,
    "on_retriever_start": _on_retriever_start,
    "on_chat_model_start": model_events.start_chat,
    "on_llm_start": model_events.start_completion,
    "on_llm_new_token": model_events.add_token,
    "on_stream_event": model_events.add_event,
    "on_retry": _on_retry,
    "on_chain_end": _on_end,
    "on_tool_end": _on_end,
    "on_retriever_end": _on_end,
    "on_llm_end": _on_end,
    "on_chain_error": _on_error,
    "on_tool_error": _on_error,
    "on_retriever_error": _on_error,
    "on_llm_error": _on_error,
}
"""The function of each callback. Text, agent actions and custom events add nothing to the runs."""
EVENTS = (*_FUNCTIONS, "on_agent_action", "on_agent_finish", "on_text", "on_custom_event")
