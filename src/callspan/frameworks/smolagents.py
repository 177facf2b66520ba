"""smolagents: agents, agents that they manage, and tools.

An agent's error is an item of its memory, and its run goes on. Seen with smolagents 1.26.
"""

from __future__ import annotations

from typing import Any

from callspan.decorators.results import ResultReader
from callspan.decorators.running import Args, Kwargs
from callspan.frameworks.function_runs import argument, function_run
from callspan.frameworks.reporter import Reporter, RunStart, tool_start
from callspan.runtime.patching import Patch

_reporter = Reporter("smolagents", "smolagents")
_OPTION = "sanitize_inputs_outputs"
"""The keyword of `Tool.__call__` that is no argument of the tool."""


def _agent(agent: Any, args: Args, kwargs: Kwargs) -> RunStart:
    return RunStart("invoke_agent", agent.name, argument(args, kwargs, 0, "task"))


def _tool(tool: Any, args: Args, kwargs: Kwargs) -> RunStart:
    arguments: dict[str, object] = {}
    # code that a model wrote may pass arguments by position
    for name, value in zip(tool.inputs, args, strict=False):
        arguments[name] = value
    for name, value in kwargs.items():
        if name != _OPTION:
            arguments[name] = value
    return tool_start(tool.name, arguments, description=tool.description)


def _output(result: Any) -> object:
    """Return the answer; with `return_full_result` it stands in an object."""
    if type(result).__name__ == "RunResult":
        return result.output
    return result


def _item(step: Any) -> object:
    """Return the answer from the last step of a stream; the other steps have none."""
    if type(step).__name__ == "FinalAnswerStep":
        return step.output
    return None


def patches() -> list[Patch]:
    """Return the patches of agents and tools."""
    agent = function_run(_reporter, _agent, ResultReader(output=_output, item=_item))
    tool = function_run(_reporter, _tool)
    return [
        # with `stream=True` it returns a generator, else the answer; a managed agent is run so too
        Patch("smolagents.agents", "MultiStepAgent.run", agent),
        # `final_answer`, by which an agent ends, is a tool as well
        Patch("smolagents.tools", "Tool.__call__", tool),
    ]


SMOLAGENTS = _reporter.integration(
    module="smolagents",
    versions=("1.24", "2"),
    operations=("invoke_agent", "execute_tool"),
    patches=patches,
)
