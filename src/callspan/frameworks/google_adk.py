"""Google ADK: the runner's turn, agents of all kinds, and tools.

All agents run through `BaseAgent.run_async`, and all tools within one context manager of ADK's own
telemetry, whether that is on or not. Seen with google-adk 2.13.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from callspan.decorators.results import ResultReader, tool_failure
from callspan.decorators.running import Args, Kwargs
from callspan.events import Failure
from callspan.frameworks.function_runs import argument, function_run, manager_run
from callspan.frameworks.reporter import Reporter, RunStart, tool_start
from callspan.runtime import scope
from callspan.runtime.patching import Patch

reporter = Reporter("google_adk", "google-adk")
_WORKFLOWS = frozenset({"SequentialAgent", "ParallelAgent", "LoopAgent"})
"""Agents that ask no model, but run other agents."""


def _turn(runner: Any, _args: Args, kwargs: Kwargs) -> RunStart | None:
    if reporter.enclosing_call() is not None:
        # the runner of an agent that is a tool of another
        return None
    question = _text(kwargs.get("new_message"))
    session = kwargs.get("session_id")
    return RunStart("invoke_workflow", runner.app_name, question, conversation_id=session)


def _agent(agent: Any, args: Args, kwargs: Kwargs) -> RunStart:
    context = argument(args, kwargs, 0, "parent_context")
    # by the names of its classes, as we import nothing of ADK's
    kinds = {kind.__name__ for kind in type(agent).__mro__}
    operation = "invoke_agent" if _WORKFLOWS.isdisjoint(kinds) else "invoke_workflow"
    question = _text(context.user_content)
    return RunStart(operation, agent.name, question, conversation_id=context.session.id)


def _tool(_instance: object, args: Args, kwargs: Kwargs) -> RunStart:
    tool = argument(args, kwargs, 0, "tool")
    arguments = argument(args, kwargs, 2, "function_args")
    return tool_start(tool.name, arguments, description=tool.description)


def _text(content: Any) -> str | None:
    """Return the text of a message of Gemini's kind, which may have parts of other kinds."""
    parts = getattr(content, "parts", None) or ()
    # thoughts have text, too, and are no answer
    texts = [part.text for part in parts if part.text and not part.thought]
    return "".join(texts) or None


def _answer(event: Any) -> str | None:
    """Return the text of an event, unless a later one repeats it."""
    if event.partial:
        return None
    return _text(event.content)


def _tool_result(tool_scope: Any) -> object:
    event = tool_scope.function_response_event
    responses = [] if event is None else event.get_function_responses()
    # the event of one tool call has one response
    return responses[0].response if responses else None


def _tool_failure(tool_scope: Any) -> Failure | None:
    if not tool_scope.error_type:
        return None
    return tool_failure(tool_scope.error_type)


def note_tool_call(
    wrapped: Callable[..., Any], _instance: object, args: Args, kwargs: Kwargs
) -> Any:
    """Take the id of a tool call, which is not known where the tool's run begins."""
    call = getattr(scope.run_context(), "call", None)
    context = argument(args, kwargs, 2, "tool_context")
    # the innermost run here is the tool's, whose context manager surrounds this call
    if call is not None and call.operation == "execute_tool":
        call.update({"tool_call_id": getattr(context, "function_call_id", None)})
    return wrapped(*args, **kwargs)


def patches() -> list[Patch]:
    """Return the patches of the runner, of agents and of tools."""
    reader = ResultReader(item=_answer)
    # at a transfer ADK closes the agent that hands over
    agent_reader = ResultReader(item=_answer, is_whole_when_closed=True)
    agent = function_run(reporter, _agent, agent_reader)
    tool = manager_run(reporter, _tool, ResultReader(output=_tool_result, failure=_tool_failure))
    caller = "google.adk.flows.llm_flows.tools._caller"
    telemetry = "google.adk.telemetry._instrumentation"
    return [
        Patch("google.adk.runners", "Runner.run_async", function_run(reporter, _turn, reader)),
        Patch("google.adk.agents.base_agent", "BaseAgent.run_async", agent),
        # sessions of audio and video; their model calls are those of google-genai's live client
        Patch("google.adk.agents.base_agent", "BaseAgent.run_live", agent),
        Patch(telemetry, "record_tool_execution", tool),
        Patch(caller, "_call_tool_async", note_tool_call, optional=True),
    ]


GOOGLE_ADK = reporter.integration(
    module="google.adk",
    versions=("2.13", "3"),
    operations=("invoke_workflow", "invoke_agent", "execute_tool"),
    patches=patches,
)
