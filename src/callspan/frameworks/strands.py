"""Strands: agents, tools, graphs and swarms.

All ways to run an agent go through `Agent.stream_async`. A tool that raises does not fail: its last
event says so. Seen with strands-agents 1.62.
"""

from __future__ import annotations

from typing import Any

from callspan.decorators.results import ResultReader, tool_failure
from callspan.decorators.running import Args, Kwargs
from callspan.events import Failure
from callspan.frameworks.function_runs import argument, function_run
from callspan.frameworks.reporter import Reporter, RunStart, tool_start
from callspan.runtime.patching import Patch

reporter = Reporter("strands", "strands-agents")


def _agent(agent: Any, args: Args, kwargs: Kwargs) -> RunStart:
    manager = getattr(agent, "_session_manager", None)
    # without a manager Strands makes up an id, which says nothing
    session = getattr(manager, "session_id", None)
    prompt = argument(args, kwargs, 0, "prompt")
    return RunStart("invoke_agent", agent.name, prompt, conversation_id=session)


def _workflow(_graph: Any, args: Args, kwargs: Kwargs) -> RunStart:
    # a graph has an id for its storage, and no name
    return RunStart("invoke_workflow", None, argument(args, kwargs, 0, "task"))


def _tool(_executor: object, args: Args, kwargs: Kwargs) -> RunStart:
    tool_use = argument(args, kwargs, 1, "tool_use")
    return tool_start(tool_use["name"], tool_use["input"], call_id=tool_use["toolUseId"])


def _text(event: Any) -> object:
    """Return the piece of an answer that an event of an agent brings."""
    if not isinstance(event, dict):
        return None
    return event.get("data")


def _tool_result(event: Any) -> Any:
    """Return the result in the last event of a tool; `None` in all others."""
    return getattr(event, "tool_result", None)


def _tool_content(event: Any) -> object:
    result = _tool_result(event)
    if result is None:
        return None
    return result.get("content")


def _tool_failure(event: Any) -> Failure | None:
    result = _tool_result(event)
    if result is None or result.get("status") != "error":
        return None
    return tool_failure(result.get("content"))


def patches() -> list[Patch]:
    """Return the patches of agents, tools, graphs and swarms."""
    # the events of all nodes pass here; the answers stand on the agents inside
    workflow = function_run(reporter, _workflow, ResultReader(item=lambda _event: None))
    return [
        Patch(
            "strands.agent.agent",
            "Agent.stream_async",
            function_run(reporter, _agent, ResultReader(item=_text)),
        ),
        Patch(
            "strands.tools.executors._executor",
            # tools run at once or one by one; both executors call this for each
            "ToolExecutor._stream_with_trace",
            function_run(reporter, _tool, ResultReader(item=_tool_content, failure=_tool_failure)),
        ),
        Patch("strands.multiagent.graph", "Graph.stream_async", workflow),
        Patch("strands.multiagent.swarm", "Swarm.stream_async", workflow),
    ]


STRANDS = reporter.integration(
    module="strands",
    versions=("1.15", "2"),
    operations=("invoke_agent", "invoke_workflow", "execute_tool"),
    patches=patches,
)
