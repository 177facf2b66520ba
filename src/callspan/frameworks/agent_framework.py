"""Microsoft Agent Framework: agents, workflows, the executors of the app's own in them, and tools.

A streamed run returns a stream object at once. Its public hooks put the run's context in force
around each pull; the run ends with the last one, or when the stream is closed or dropped. Seen with
agent-framework-core 1.23.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callspan.decorators.operation import Operation
from callspan.decorators.results import ResultReader
from callspan.decorators.running import Args, Kwargs
from callspan.frameworks.function_runs import argument, function_run
from callspan.frameworks.reporter import Reporter, RunStart, tool_start
from callspan.runtime.patching import Patch

reporter = Reporter("agent_framework", "agent-framework-core")
_PULL = "with_pull_context_manager"
_DEFAULT_WORKFLOW = "WorkflowBuilder-"
"""How the name begins that a workflow has unless the app gives one."""


def _agent(agent: Any, args: Args, kwargs: Kwargs) -> RunStart:
    # an app that keeps a session across runs has a conversation
    session = kwargs.get("session")
    return RunStart(
        "invoke_agent",
        agent.name,
        _text(argument(args, kwargs, 0, "messages")),
        conversation_id=getattr(session, "session_id", None),
    )


def _workflow(workflow: Any, args: Args, kwargs: Kwargs) -> RunStart:
    name = workflow.name
    if str(name).startswith(_DEFAULT_WORKFLOW):
        name = None
    return RunStart("invoke_workflow", name, _text(argument(args, kwargs, 0, "message")))


def _executor(executor: Any, _args: Args, _kwargs: Kwargs) -> RunStart | None:
    """Return the facts of an executor of the app's own; the framework's hold agents or workflows."""
    executor_type = type(executor)
    # what `@executor` makes of a function of the app's; the class is the framework's
    is_own = executor_type.__name__ == "FunctionExecutor"
    if not is_own and executor_type.__module__.startswith("agent_framework."):
        return None
    return RunStart("run_node", executor.id)


def _tool(tool: Any, _args: Args, kwargs: Kwargs) -> RunStart:
    arguments: Any = kwargs.get("arguments")
    # agents pass both; code of the app's may pass the context alone
    if arguments is None:
        arguments = getattr(kwargs.get("context"), "arguments", None)
    if hasattr(arguments, "model_dump"):
        arguments = arguments.model_dump()
    return tool_start(
        tool.name,
        dict(arguments) if isinstance(arguments, Mapping) else None,
        call_id=kwargs.get("tool_call_id"),
        description=tool.description,
    )


def _text(messages: Any) -> object:
    """Return the text of a message or of several, or whatever else starts a run."""
    if isinstance(messages, list):
        return "\n".join(str(_text(message)) for message in messages)
    text = getattr(messages, "text", None)
    return messages if text is None else text


def _answer(response: Any) -> object:
    """Return the text of an agent's response, or of a piece of it."""
    return getattr(response, "text", None)


def _outputs(result: Any) -> object:
    """Return the outputs of a workflow."""
    return [_text(output) for output in result.get_outputs()]


def _output(event: Any) -> object:
    """Return the output that an event of a workflow brings."""
    return _text(event.data) if event.type == "output" else None


def _contents(result: Any) -> object:
    """Return the text of a tool's result, which is a list of contents unless the app parses it."""
    texts = [getattr(each, "text", None) for each in result] if isinstance(result, list) else []
    return "\n".join(filter(None, texts)) or result


def follow_stream(operation: Operation, stream: Any) -> bool:
    """Let a run last as long as its stream object; return whether it is one."""
    if not hasattr(stream, _PULL):
        return False

    def close() -> None:
        # it comes after the last pull too, where the run has ended
        operation.end(GeneratorExit())

    def keep(update: object) -> None:
        operation.keep_item(update)

    # as for a generator: its end is no error, and a pull may come from any context
    operation.items = []
    operation.end_when_dropped(stream)
    # entered and left within one `__anext__` (tests/frameworks/test_stream_objects.py)
    stream.with_pull_context_manager(lambda: operation)
    stream.with_cleanup_hook(close)
    stream.with_transform_hook(keep)
    return True


def patches() -> list[Patch]:
    """Return the patches of agents, workflows, executors and tools."""
    answer = ResultReader(output=_answer, item=_answer, follow=follow_stream)
    outputs = ResultReader(output=_outputs, item=_output, follow=follow_stream)
    agent = function_run(reporter, _agent, answer)
    workflow = function_run(reporter, _workflow, outputs)
    tool = function_run(reporter, _tool, ResultReader(output=_contents))
    return [
        # the layer of an agent's own telemetry, which all agents have that call a model
        Patch("agent_framework.observability", "AgentTelemetryLayer.run", agent),
        # `run` is a plain function: it returns a coroutine, or with `stream=True` a stream object
        Patch("agent_framework._workflows._workflow", "Workflow.run", workflow),
        Patch(
            "agent_framework._workflows._executor",
            "Executor.execute",
            function_run(reporter, _executor),
            optional=True,
        ),
        Patch("agent_framework._tools", "FunctionTool.invoke", tool),
    ]


AGENT_FRAMEWORK = reporter.integration(
    module="agent_framework",
    versions=("1.23", "2"),
    operations=("invoke_agent", "invoke_workflow", "run_node", "execute_tool"),
    patches=patches,
)
