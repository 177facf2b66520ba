"""Pydantic AI: an agent's run is the block of `Agent.iter`, through which all ways to run it go.

Seen with pydantic-ai 2.68.
"""

from __future__ import annotations

from typing import Any

from callspan.decorators.results import ResultReader
from callspan.decorators.running import Args, Kwargs
from callspan.frameworks.function_runs import argument, function_run, manager_run
from callspan.frameworks.reporter import Reporter, RunStart, tool_start
from callspan.runtime.patching import Patch

reporter = Reporter("pydantic_ai", "pydantic-ai-slim")


def _agent(agent: Any, args: Args, kwargs: Kwargs) -> RunStart:
    prompt = argument(args, kwargs, 0, "user_prompt")
    # only an id of the app's: Pydantic AI makes one up where there is none, and that is left out
    return RunStart(
        "invoke_agent", agent.name, prompt, conversation_id=kwargs.get("conversation_id")
    )


def _tool(_manager: object, args: Args, kwargs: Kwargs) -> RunStart:
    validated = argument(args, kwargs, 0, "validated")
    tool_call = validated.call
    return tool_start(tool_call.tool_name, validated.validated_args, call_id=tool_call.tool_call_id)


def _output(run: Any) -> object:
    """Return the output of a run, which is `None` where the block was left before its end."""
    if run.result is None:
        return None
    return run.result.output


def patches() -> list[Patch]:
    """Return the patches of agents and of the manager of their tools."""
    # `run`, `run_sync` and `run_stream` all enter it; the error of its block is the run's
    agent = manager_run(reporter, _agent, ResultReader(output=_output))
    tool = function_run(reporter, _tool)
    return [
        Patch("pydantic_ai.agent", "Agent.iter", agent),
        # private in its module's name only; older versions call tools elsewhere
        Patch("pydantic_ai.tool_manager", "ToolManager.execute_tool_call", tool, optional=True),
    ]


PYDANTIC_AI = reporter.integration(
    module="pydantic_ai",
    versions=("1.80", "3"),
    operations=("invoke_agent", "execute_tool"),
    patches=patches,
)
