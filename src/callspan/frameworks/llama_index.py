"""LlamaIndex: workflows, agents, tools, retrievers and query engines.

`Workflow.run` returns a handle at once, and the run lasts as long as the handle's task. A tool that
raises does not fail: its output says so. Seen with llama-index-core 0.14.
"""

from __future__ import annotations

from typing import Any

from callspan.decorators.results import ResultReader, tool_failure
from callspan.decorators.running import Args, Kwargs
from callspan.events import Failure
from callspan.events.exceptions import qualified_name
from callspan.formats.fields import all_fields
from callspan.frameworks.function_runs import argument, function_run, future_run
from callspan.frameworks.reporter import Reporter, RunStart, tool_start
from callspan.runtime import scope
from callspan.runtime.patching import Patch

_reporter = Reporter("llama_index", "llama-index-core")
_AGENTS = "llama_index.core.agent.workflow"


def _workflow(workflow: Any, args: Args, kwargs: Kwargs) -> RunStart:
    message = _message(args, kwargs)
    # by the names of its classes, as we import nothing of LlamaIndex's
    class_names = [each.__name__ for each in type(workflow).__mro__]
    if "BaseWorkflowAgent" in class_names:
        return RunStart("invoke_agent", workflow.name, message)
    name: str | None = type(workflow).__name__
    if name == "AgentWorkflow":
        # a class of the framework is no name
        name = None
    return RunStart("invoke_workflow", name, message)


def _message(args: Args, kwargs: Kwargs) -> object:
    """Return the user's message, or the fields of the event with which a workflow starts."""
    message = argument(args, kwargs, 0, "user_msg")
    start = kwargs.get("start_event")
    if message is None and start is not None:
        # an agent passes its message on in an event
        message = start.get("user_msg", None)
    if message is not None:
        return message
    # a workflow of the app's own: its start event has these fields
    fields: dict[str, object] = {}
    for name, value in kwargs.items():
        if name not in ("ctx", "memory", "start_event"):
            fields[name] = value
    return fields


def _agent_step(_workflow: object, args: Args, kwargs: Kwargs) -> RunStart:
    """Return the facts of one step of an agent among several."""
    event = argument(args, kwargs, 1, "ev")
    return RunStart("invoke_agent", event.current_agent_name)


def _tool(_workflow: object, args: Args, kwargs: Kwargs) -> RunStart:
    event = argument(args, kwargs, 1, "ev")
    return tool_start(event.tool_name, event.tool_kwargs, call_id=event.tool_id)


def _tool_output(event: Any) -> object:
    return event.tool_output.content


def _tool_failure(event: Any) -> Failure | None:
    output = event.tool_output
    if not output.is_error:
        return None
    exception = getattr(output, "exception", None)
    # a tool that does not exist has a text alone
    if exception is None:
        return tool_failure(output.content)
    return Failure(qualified_name(type(exception)), str(exception))


def _search(retriever: object, args: Args, kwargs: Kwargs) -> RunStart:
    # retrievers have no common field for it; those of an index and BM25's have this one
    limit = all_fields(retriever).get("_similarity_top_k")
    return RunStart("retrieval", None, _query(args, kwargs), {"retrieval_top_k": limit})


def _question(_engine: object, args: Args, kwargs: Kwargs) -> RunStart | None:
    """Return the facts of a query engine's run, which is only reported where nothing is around."""
    # inside a workflow or a tool a query engine is a step between, whose calls are seen anyway
    if scope.run_context() is not None:
        return None
    return RunStart("invoke_workflow", None, _query(args, kwargs))


def _query(args: Args, kwargs: Kwargs) -> str:
    query = argument(args, kwargs, 0, "str_or_query_bundle")
    return str(getattr(query, "query_str", query))


def _documents(nodes: Any) -> object:
    """Return the nodes of a result as documents of the conventions."""
    documents: list[dict[str, object]] = []
    for node in nodes:
        documents.append({"id": node.node_id, "score": node.score, "content": node.get_content()})
    return documents


def patches() -> list[Patch]:
    """Return the patches of the runs."""
    workflow = future_run(
        _reporter, _workflow, lambda handler: handler._result_task, ResultReader(output=str)
    )
    tool = function_run(_reporter, _tool, ResultReader(_tool_output, failure=_tool_failure))
    patches = [
        Patch("workflows.workflow", "Workflow.run", workflow),
        Patch(f"{_AGENTS}.base_agent", "BaseWorkflowAgent.call_tool", tool),
        Patch(f"{_AGENTS}.multi_agent_workflow", "AgentWorkflow.call_tool", tool),
        Patch(
            f"{_AGENTS}.multi_agent_workflow",
            "AgentWorkflow.run_agent_step",
            # an agent of several: its answer stands on its model's call
            function_run(_reporter, _agent_step, ResultReader(output=lambda _event: None)),
            optional=True,
        ),
    ]
    search = function_run(_reporter, _search, ResultReader(output=_documents))
    question = function_run(_reporter, _question, ResultReader(output=str))
    for prefix in ("", "a"):
        retriever = "llama_index.core.base.base_retriever"
        patches.append(Patch(retriever, f"BaseRetriever.{prefix}retrieve", search))
        engine = "llama_index.core.base.base_query_engine"
        patches.append(Patch(engine, f"BaseQueryEngine.{prefix}query", question))
    return patches


LLAMA_INDEX = _reporter.integration(
    module="llama_index.core",
    versions=("0.14", "1"),
    operations=("invoke_workflow", "invoke_agent", "execute_tool", "retrieval"),
    patches=patches,
)
