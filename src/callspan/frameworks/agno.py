"""Agno: agents, teams, workflows with their steps, and the functions that are their tools.

`run` is a plain function that returns an output or an iterator, `arun` one that returns a coroutine
or an asynchronous iterator; a run lasts as long as that. A tool that raises does not fail: its
result says so. Seen with agno 3.1.
"""

from __future__ import annotations

from collections.abc import Iterator
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


def _step(step: Any, _args: Args, _kwargs: Kwargs) -> RunStart:
    """Return the facts of a step of a workflow, which may be a loop or the like around others."""
    return RunStart("run_node", step.name)


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


def _is_output(item: object) -> bool:
    """Whether an item of a stream is the output, at which a step of a workflow stops reading."""
    return type(item).__name__ in ("RunOutput", "TeamRunOutput")


def _failure_of_run(output: Any) -> Failure | None:
    # an agent does not raise either: its output has a `RunStatus`; a paused one has not failed
    if getattr(getattr(output, "status", None), "value", "") != "ERROR":
        return None
    return Failure("agent_error", str(getattr(output, "content", "")))


def _failure_of_step(output: Any) -> Failure | None:
    # of a stream the last item is the output; a step that may fail does not raise
    if getattr(output, "success", True):
        return None
    return Failure("step_error", str(getattr(output, "error", None) or ""))


def _failure_of_tool(result: Any) -> Failure | None:
    if result.status != "failure":
        return None
    return tool_failure(result.error)


def patches() -> list[Patch]:
    """Return the patches of all kinds of runs."""
    reader = ResultReader(
        output=_content, item=_content, failure=_failure_of_run, is_last=_is_output
    )
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
    return [*patches, *_step_patches(), *_tool_patches()]


def _step_patches() -> Iterator[Patch]:
    for name in ("Step", "Steps", "Loop", "Parallel", "Condition", "Router"):
        for method in ("execute", "execute_stream", "aexecute", "aexecute_stream"):
            run = function_run(_reporter, _step, ResultReader(failure=_failure_of_step))
            path = f"{name}.{method}"
            yield Patch(f"agno.workflow.{name.lower()}", path, run, optional=True)


def _tool_patches() -> Iterator[Patch]:
    reader = ResultReader(output=lambda result: result.result, failure=_failure_of_tool)
    for name in ("execute", "aexecute"):
        tool = function_run(_reporter, _tool, reader)
        yield Patch("agno.tools.function", f"FunctionCall.{name}", tool)


AGNO = _reporter.integration(
    module="agno",
    versions=("2.4", "4"),
    operations=("invoke_agent", "invoke_workflow", "run_node", "execute_tool"),
    patches=patches,
)
