"""AutoGen: agents, alone and in teams, teams as workflows, and tools; handoffs are tools.

A team hands each turn to a container of the agent, which reads the agent's messages: so an agent of
the app's own is seen too. Sync tools are run in threads that do not get the context by themselves.
Seen with autogen-agentchat, autogen-core and autogen-ext 0.7.
"""

from __future__ import annotations

from typing import Any

from callspan.decorators.results import ResultReader, tool_failure
from callspan.decorators.running import Args, Kwargs
from callspan.events import Failure
from callspan.frameworks.carried_messages import message_patches
from callspan.frameworks.function_runs import argument, function_run
from callspan.frameworks.reporter import Reporter, RunStart, tool_start
from callspan.hooks.pools import carry_into
from callspan.runtime.patching import Patch

reporter = Reporter("autogen", "autogen-core")
_RUNTIME = "SingleThreadedAgentRuntime"


def _agent(agent: Any, _args: Args, kwargs: Kwargs) -> RunStart:
    return RunStart("invoke_agent", agent.name, _text(kwargs.get("task")))


def _member(container: Any, _args: Args, _kwargs: Kwargs) -> RunStart | None:
    """Return the facts of a turn of an agent in a team; a team in a team is a run by itself."""
    agent = container._agent
    # an agent has it and a team has not, which the container may hold as well
    if not hasattr(agent, "on_messages_stream"):
        return None
    # the turn clears the list, so its text is made before
    return RunStart("invoke_agent", agent.name, _text(container._message_buffer))


def _team(team: Any, _args: Args, kwargs: Kwargs) -> RunStart:
    # the class's name stands for one that the app has not given
    name = None if team.name == getattr(team, "DEFAULT_NAME", None) else team.name
    return RunStart("invoke_workflow", name, _text(kwargs.get("task")))


def _tool(tool: Any, args: Args, kwargs: Kwargs) -> RunStart:
    return tool_start(
        tool.name,
        argument(args, kwargs, 0, "args"),
        call_id=argument(args, kwargs, 2, "call_id"),
        description=tool.description,
    )


def _mcp_tool(_workbench: object, args: Args, kwargs: Kwargs) -> RunStart:
    return tool_start(
        argument(args, kwargs, 0, "name"),
        argument(args, kwargs, 1, "arguments"),
        call_id=argument(args, kwargs, 3, "call_id"),
    )


def _text(messages: Any) -> object:
    """Return a task, or the texts of the messages that it consists of."""
    if messages is None or isinstance(messages, str):
        return messages
    if hasattr(messages, "to_text"):
        return messages.to_text()
    return "\n".join(message.to_text() for message in messages)


def _answer(result: Any) -> object:
    """Return the answer of a run, which stands in its last item alone."""
    messages = getattr(result, "messages", None)
    return messages[-1].to_text() if messages else None


def _tool_item(item: Any) -> object:
    """Return an item of a tool that streams; of an agent that is a tool the answer alone."""
    if hasattr(item, "to_text"):
        return None
    return _answer(item) or item


def _tool_text(result: Any) -> object:
    return result.to_text()


def _tool_failure(result: Any) -> Failure | None:
    return tool_failure(result.to_text()) if result.is_error else None


def patches() -> list[Patch]:
    """Return the patches of agents, teams and tools."""
    answer = ResultReader(output=_answer, item=_answer)
    agent = function_run(reporter, _agent, answer)
    mcp_tool = function_run(
        reporter, _mcp_tool, ResultReader(output=_tool_text, failure=_tool_failure)
    )
    tool = function_run(reporter, _tool, ResultReader(item=_tool_item))
    agents, teams = "autogen_agentchat.agents", "autogen_agentchat.teams._group_chat"
    container = f"{teams}._chat_agent_container"
    return [
        # for agents alone; in a team the container calls `on_messages_stream`
        Patch(f"{agents}._base_chat_agent", "BaseChatAgent.run", agent),
        Patch(f"{agents}._base_chat_agent", "BaseChatAgent.run_stream", agent),
        Patch(container, "ChatAgentContainer.handle_request", function_run(reporter, _member)),
        Patch(
            f"{teams}._base_group_chat",
            "BaseGroupChat.run_stream",
            function_run(reporter, _team, answer),
        ),
        Patch("autogen_core.tools._base", "BaseTool.run_json", tool),
        Patch("autogen_core.tools._base", "BaseStreamTool.run_json_stream", tool, optional=True),
        Patch("autogen_core.tools._function_tool", "FunctionTool.run", carry_into("_func")),
        # there with an extra of the package alone
        Patch("autogen_ext.tools.mcp._workbench", "McpWorkbench.call_tool", mcp_tool, True),
        # without these each turn of a team would be a trace of its own (test_carried_context.py)
        *message_patches("autogen_core._single_threaded_agent_runtime", _RUNTIME),
    ]


AUTOGEN = reporter.integration(
    module="autogen_core",
    versions=("0.7", "1"),
    operations=("invoke_agent", "invoke_workflow", "execute_tool"),
    patches=patches,
)
