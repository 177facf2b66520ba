"""Semantic Kernel: agents, orchestrations of several agents, and functions of plugins as tools.

An orchestration returns a result at once, whose event is set when the work is done. A function that
is a prompt is a step and no tool. Seen with semantic-kernel 1.45.
"""

from __future__ import annotations

import re
from typing import Any

from callspan.decorators.operation import Operation
from callspan.decorators.results import ResultReader
from callspan.decorators.running import Args, Kwargs
from callspan.frameworks.carried_messages import message_patches
from callspan.frameworks.function_runs import argument, function_run
from callspan.frameworks.reporter import Reporter, RunStart, tool_start
from callspan.runtime import guard
from callspan.runtime.patching import Patch

reporter = Reporter("semantic_kernel", "semantic-kernel")
_AGENTS = (
    ("chat_completion.chat_completion_agent", "ChatCompletionAgent"),
    ("open_ai.openai_assistant_agent", "OpenAIAssistantAgent"),
    ("open_ai.openai_responses_agent", "OpenAIResponsesAgent"),
    ("azure_ai.azure_ai_agent", "AzureAIAgent"),
    ("bedrock.bedrock_agent", "BedrockAgent"),
    ("copilot_studio.copilot_studio_agent", "CopilotStudioAgent"),
    ("autogen.autogen_conversable_agent", "AutoGenConversableAgent"),
)
_RANDOM_AGENT = re.compile(r"agent_[A-Za-z]{16}")
_RANDOM_ORCHESTRATION = re.compile(r"\w+_[0-9a-f]{32}")
"""The names of agents and orchestrations to which the app gives none."""


def _agent(agent: Any, args: Args, kwargs: Kwargs) -> RunStart:
    name = None if _RANDOM_AGENT.fullmatch(str(agent.name)) else agent.name
    # an app that keeps a thread across runs has a conversation; the property fails when deleted
    conversation = getattr(kwargs.get("thread"), "_id", None)
    messages = _text(argument(args, kwargs, 0, "messages"))
    return RunStart("invoke_agent", name, messages, conversation_id=conversation)


def _orchestration(orchestration: Any, args: Args, kwargs: Kwargs) -> RunStart:
    name = orchestration.name
    # the class and a UUID: as a span's name it would be new with each object
    if _RANDOM_ORCHESTRATION.fullmatch(name):
        name = None
    return RunStart("invoke_workflow", name, _text(argument(args, kwargs, 0, "task")))


def _tool(function: Any, args: Args, kwargs: Kwargs) -> RunStart | None:
    if function.is_prompt:
        return None
    arguments = argument(args, kwargs, 1, "arguments")
    metadata = argument(args, kwargs, 2, "metadata") or {}
    return tool_start(
        function.fully_qualified_name,
        # a kernel passes an object of arguments, which is a dict; an app may give keywords
        kwargs if arguments is None else dict(arguments),
        call_id=metadata.get("id"),
        description=function.description,
    )


def _text(messages: Any) -> object:
    """Return the text of a message or of several."""
    if messages is None:
        return None
    if isinstance(messages, list):
        return "\n".join(str(message) for message in messages)
    return str(messages)


def _value(result: Any) -> object:
    """Return the value of a function's result."""
    return getattr(result, "value", result)


def follow_result(operation: Operation, result: Any) -> bool:
    """Let an orchestration last until the event of its result is set, by whatever way."""
    event = result.event
    # of this object only: `asyncio.Event` itself is everybody's
    set_event = event.set

    def end() -> None:
        # first, so that no fault of ours keeps the result from whoever waits
        set_event()
        try:
            _end_by_result(operation, result)
        except Exception as error:  # noqa: BLE001  the runtime sets the event, and must go on
            guard.report("reading a result of Semantic Kernel", error)
            operation.end()

    event.set = end
    # the event of an orchestration whose tasks were thrown away is never set
    operation.end_when_dropped(result)
    # a short orchestration may be over before we get here
    if event.is_set():
        end()
    return True


def _end_by_result(operation: Operation, result: Any) -> None:
    """End an orchestration as its result tells."""
    if result.cancellation_token.is_cancelled():
        # not at the top: most programs have no need of it
        from asyncio import CancelledError

        operation.end(CancelledError())
        return
    operation.result = result.value
    operation.end(result.exception)


def patches() -> list[Patch]:
    """Return the patches of agents, orchestrations, functions and the runtime of orchestrations."""
    agent = function_run(reporter, _agent, ResultReader(output=_text, item=_text))
    tool = function_run(reporter, _tool, ResultReader(output=_value, item=_value))
    orchestration = function_run(
        reporter, _orchestration, ResultReader(output=_text, follow=follow_result)
    )
    patches: list[Patch] = []
    for module, class_name in _AGENTS:
        for method in ("get_response", "invoke", "invoke_stream"):
            # not all agents stream
            path = f"{class_name}.{method}"
            patches.append(Patch(f"semantic_kernel.agents.{module}", path, agent, optional=True))
    functions = "semantic_kernel.functions.kernel_function"
    runtime = "semantic_kernel.agents.runtime.in_process.in_process_runtime"
    return [
        *patches,
        Patch(functions, "KernelFunction.invoke", tool),
        Patch(functions, "KernelFunction.invoke_stream", tool),
        Patch(
            "semantic_kernel.agents.orchestration.orchestration_base",
            "OrchestrationBase.invoke",
            orchestration,
        ),
        *message_patches(runtime, "InProcessRuntime"),
    ]


SEMANTIC_KERNEL = reporter.integration(
    module="semantic_kernel",
    versions=("1.45", "2"),
    operations=("invoke_agent", "invoke_workflow", "execute_tool"),
    patches=patches,
)
