"""CrewAI: crews, flows and their methods, agents, tools and searches in knowledge.

A streamed crew or flow returns at once and runs itself again without streaming, which is the run.
CrewAI's own agent executor, memory and planning are flows too; those are no runs of the app's. A
tool that fails is told to the model, and the crew goes on. Seen with crewai 1.15.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any

from callspan.decorators.results import ResultReader, tool_failure
from callspan.decorators.running import Args, Kwargs
from callspan.events import Failure
from callspan.frameworks.function_runs import argument, function_run
from callspan.frameworks.reporter import Reporter, RunStart, tool_start
from callspan.hooks.pools import carry_into
from callspan.runtime.arguments import by_name
from callspan.runtime.patching import Patch, Wrapper

_reporter = Reporter("crewai", "crewai")
_DEFAULT_CREW = "crew"
"""The name that a crew has unless the app gives one."""
_tool_call_id: ContextVar[str | None]
"""The model's id of the tool call that is being answered."""


def _crew(crew: Any, args: Args, kwargs: Kwargs) -> RunStart | None:
    # the call returns at once; `stream` is false while the crew then runs itself
    if crew.stream:
        return None
    name = None if crew.name == _DEFAULT_CREW else crew.name
    return RunStart("invoke_workflow", name, argument(args, kwargs, 0, "inputs"))


def _flow(input_name: str, flow: Any, args: Args, kwargs: Kwargs) -> RunStart | None:
    # `AgentExecutor` of CrewAI itself is a flow: it would add a workflow to each agent
    if flow.stream or _is_of_framework(flow):
        return None
    name = flow.name or type(flow).__name__
    return RunStart("invoke_workflow", name, argument(args, kwargs, 0, input_name))


def _method(flow: Any, args: Args, kwargs: Kwargs) -> RunStart | None:
    if _is_of_framework(flow):
        return None
    return RunStart("run_node", argument(args, kwargs, 0, "method_name"))


def _is_of_framework(flow: object) -> bool:
    return type(flow).__module__.startswith("crewai.")


def _task(agent: Any, args: Args, kwargs: Kwargs) -> RunStart:
    task = argument(args, kwargs, 0, "task")
    return RunStart("invoke_agent", agent.role.strip(), task.description)


def _messages(agent: Any, args: Args, kwargs: Kwargs) -> RunStart:
    return RunStart("invoke_agent", agent.role.strip(), argument(args, kwargs, 0, "messages"))


def _tool(tool: Any, args: Args, kwargs: Kwargs) -> RunStart:
    # positional arguments get the names of the tool's schema
    return _tool_start(tool, by_name(_parameters(tool), args, kwargs))


def _structured_tool(tool: Any, args: Args, kwargs: Kwargs) -> RunStart:
    return _tool_start(tool, argument(args, kwargs, 0, "input"))


def _tool_start(tool: Any, arguments: object) -> RunStart:
    call_id = _tool_call_id.get()
    return tool_start(tool.name, arguments, call_id=call_id, description=tool.description)


def _parameters(tool: Any) -> tuple[str, ...]:
    return tuple(tool.args_schema.model_fields)


def _search(_knowledge: object, args: Args, kwargs: Kwargs) -> RunStart:
    # CrewAI passes a list of questions
    queries = argument(args, kwargs, 0, "query")
    limit = argument(args, kwargs, 1, "results_limit")
    return RunStart("retrieval", None, " ".join(queries), {"retrieval_top_k": limit})


def _raw(output: Any) -> object:
    """Return the text of the output of a crew or an agent."""
    return getattr(output, "raw", output)


def _tool_failure(result: Any) -> Failure | None:
    """Return the failure that a tool has returned in place of a result."""
    # by name, as we import nothing of CrewAI's
    if type(result).__name__ != "ToolFailure":
        return None
    return tool_failure(result.message)


def call_tool(wrapped: Callable[..., Any], _executor: object, args: Args, kwargs: Kwargs) -> object:
    """Answer a tool call of the model's, with its id at hand for the tool."""
    tool_call = argument(args, kwargs, 0, "tool_call")
    is_plain = isinstance(tool_call, dict)
    call_id = tool_call.get("id") if is_plain else getattr(tool_call, "id", None)
    # a context variable: CrewAI answers several calls at once, in threads with a copied context
    token = _tool_call_id.set(call_id)
    try:
        return wrapped(*args, **kwargs)
    finally:
        _tool_call_id.reset(token)


def _in_context(run: Wrapper) -> Wrapper:
    """Return a wrapper for a coroutine function that calls `func` in a thread without its context."""
    # bound inside the run, so that the thread gets the context of the tool
    carry = carry_into("func")

    def wrapper(wrapped: Callable[..., Any], tool: object, args: Args, kwargs: Kwargs) -> object:
        async def ainvoke(*args: object, **kwargs: object) -> object:
            return await carry(wrapped, tool, args, kwargs)

        return run(ainvoke, tool, args, kwargs)

    return wrapper


def patches() -> list[Patch]:
    """Return the patches of crews, flows, agents, tools and knowledge."""
    return [*_crew_patches(), *_flow_patches(), *_tool_patches(), *_knowledge_patches()]


def _crew_patches() -> list[Patch]:
    raw = ResultReader(output=_raw)
    crew = function_run(_reporter, _crew, raw)
    task = function_run(_reporter, _task, raw)
    messages = function_run(_reporter, _messages, raw)
    return [
        Patch("crewai.crew", "Crew.kickoff", crew),
        Patch("crewai.crew", "Crew.akickoff", crew),
        Patch("crewai.agent.core", "Agent.execute_task", task),
        Patch("crewai.agent.core", "Agent.aexecute_task", task),
        Patch("crewai.agent.core", "Agent.kickoff", messages),
        Patch("crewai.agent.core", "Agent.kickoff_async", messages),
    ]


def _flow_patches() -> list[Patch]:
    flow = function_run(_reporter, partial(_flow, "inputs"))
    resumed_flow = function_run(_reporter, partial(_flow, "feedback"))
    method = function_run(_reporter, _method)
    runtime = "crewai.flow.runtime"
    return [
        Patch(runtime, "Flow.kickoff_async", flow),
        Patch(runtime, "Flow.resume_async", resumed_flow),
        Patch(runtime, "Flow._execute_method", method, optional=True),
    ]


def _tool_patches() -> list[Patch]:
    tool_reader = ResultReader(failure=_tool_failure)
    tool = function_run(_reporter, _tool, tool_reader)
    structured_tool = function_run(_reporter, _structured_tool, tool_reader)
    base_tool = "crewai.tools.base_tool"
    structured = "crewai.tools.structured_tool"
    return [
        # a tool may pass two of these; the inner one says the same and is left out
        Patch(base_tool, "BaseTool.run", tool),
        Patch(base_tool, "BaseTool.arun", tool),
        Patch(base_tool, "Tool.run", tool),
        Patch(base_tool, "Tool.arun", tool),
        Patch(structured, "CrewStructuredTool.invoke", structured_tool),
        Patch(structured, "CrewStructuredTool.ainvoke", _in_context(structured_tool)),
        Patch(
            "crewai.agents.agent_executor",
            "AgentExecutor._execute_single_native_tool_call",
            call_tool,
            optional=True,
        ),
    ]


def _knowledge_patches() -> list[Patch]:
    search = function_run(_reporter, _search)
    knowledge = "crewai.knowledge.knowledge"
    return [
        Patch(knowledge, "Knowledge.query", search),
        Patch(knowledge, "Knowledge.aquery", search),
    ]


_tool_call_id = ContextVar("callspan-crewai-tool-call", default=None)
CREWAI = _reporter.integration(
    module="crewai",
    versions=("1.15", "2"),
    operations=("invoke_workflow", "invoke_agent", "run_node", "execute_tool", "retrieval"),
    patches=patches,
)
