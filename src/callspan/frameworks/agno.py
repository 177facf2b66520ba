"""Agno: agents, teams, workflows, and the functions that are their tools.

`run` is a plain function that returns an output or an iterator, `arun` one that returns a coroutine
or an asynchronous iterator; a run lasts as long as that. A tool that raises does not fail: its
result says so. Seen with agno 3.1.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from callspan.decorators.results import ResultReader, tool_failure
from callspan.decorators.running import Args, Kwargs
from callspan.events import Failure
from callspan.frameworks.function_runs import argument, function_run
from callspan.frameworks.reporter import Reporter, RunStart, tool_start
from callspan.runtime.patching import Patch

_reporter = Reporter("agno", "agno")


def _run(operation: str, target: Any, args: Args, kwargs: Kwargs) -> RunStart:
    """Return the facts of a run of an agent, a team or a workflow."""
    # Agno 3.1 keeps on the object the id that it makes up for a first run; later runs have it
    session = kwargs.get("session_id") or getattr(target, "session_id", None)
    run_input = argument(args, kwargs, 0, "input")
    return RunStart(operation, target.name, run_input, conversation_id=session)


def _continued_run(operation: str, target: Any, _args: Args, kwargs: Kwargs) -> RunStart:
    """Return the facts of a run that goes on after a pause; its first argument is an output."""
    session = kwargs.get("session_id") or getattr(target, "session_id", None)
    return RunStart(operation, target.name, conversation_id=session)


def _tool(function_call: Any, _args: Args, _kwargs: Kwargs) -> RunStart:
    function = function_call.function
    return tool_start(
        function.name,
        function_call.arguments,
        call_id=function_call.call_id,
        description=function.description,
    )


def _content(output: Any) -> object:
    """Return the content of an output, or of one event of a stream."""
    return getattr(output, "content", None)


def _failure_of_run(output: Any) -> Failure | None:
    # an agent does not raise either: its output has a `RunStatus`; a paused one has not failed
    if getattr(getattr(output, "status", None), "value", "") != "ERROR":
        return None
    return Failure("agent_error", str(getattr(output, "content", "")))


def _failure_of_tool(result: Any) -> Failure | None:
    if result.status != "failure":
        return None
    return tool_failure(result.error)


def patches() -> list[Patch]:
    """Return the patches of the four kinds of runs."""
    reader = ResultReader(output=_content, item=_content, failure=_failure_of_run)
    tool_reader = ResultReader(output=lambda result: result.result, failure=_failure_of_tool)
    patches: list[Patch] = []
    for module, class_name, operation in (
        ("agno.agent.agent", "Agent", "invoke_agent"),
        # a team has a model of its own, which leads its members
        ("agno.team.team", "Team", "invoke_agent"),
        ("agno.workflow.workflow", "Workflow", "invoke_workflow"),
    ):
        # both are plain functions: what they return says how long the run lasts
        for prefix in ("", "a"):
            run = function_run(_reporter, partial(_run, operation), reader)
            patches.append(Patch(module, f"{class_name}.{prefix}run", run))
            run = function_run(_reporter, partial(_continued_run, operation), reader)
            # older versions cannot continue teams and workflows
            path = f"{class_name}.{prefix}continue_run"
            patches.append(Patch(module, path, run, optional=True))
    for name in ("execute", "aexecute"):
        tool = function_run(_reporter, _tool, tool_reader)
        patches.append(Patch("agno.tools.function", f"FunctionCall.{name}", tool))
    return patches


AGNO = _reporter.integration(
    module="agno",
    versions=("3.1", "4"),
    operations=("invoke_agent", "invoke_workflow", "execute_tool"),
    patches=patches,
)
