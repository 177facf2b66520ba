"""BeeAI: agents, workflows and tools.

All of them, and the models too, run through one function, `RunContext.enter`, to which they hand
the function that does their work. It is called in a task of the run's own. Seen with
beeai-framework 0.1.85.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from callspan.decorators.results import ResultReader
from callspan.decorators.running import Args, Kwargs
from callspan.formats.fields import plain
from callspan.frameworks.function_runs import argument, function_run, replace_argument
from callspan.frameworks.reporter import Reporter, RunStart, tool_start
from callspan.runtime.patching import Patch, Wrapper

_reporter = Reporter("beeai", "beeai-framework")
_OWN_MODULES = "beeai_framework."
_DEFAULT_NAMES = frozenset({"ReAct", "Workflow", "AgentWorkflow"})
"""Names of agents and workflows to which the app has given none."""


def _agent(agent: Any, context: Any) -> RunStart:
    question = _texts(context.run_params.get("input"))
    return RunStart("invoke_agent", _agent_name(agent), question)


def _agent_name(agent: Any) -> str | None:
    """Return the name that the app has given, perhaps as the name of a class of its own."""
    name = agent.meta.name
    if name in _DEFAULT_NAMES or name in _names_of_own_classes(agent):
        return None
    return name


def _names_of_own_classes(instance: object) -> set[str]:
    """Return the names of the framework's classes that an object is made of."""
    classes = type(instance).__mro__
    return {each.__name__ for each in classes if each.__module__.startswith(_OWN_MODULES)}


def _texts(question: Any) -> object:
    """Return a question, which is a text or messages, as text."""
    if isinstance(question, list):
        return "\n".join(message.text for message in question)
    return question


def _workflow(workflow: Any, context: Any) -> RunStart:
    name = None if workflow.name in _DEFAULT_NAMES else workflow.name
    return RunStart("invoke_workflow", name, context.run_params.get("state"))


def _tool(tool: Any, context: Any) -> RunStart:
    # an agent puts the model's call of the tool there
    call = context.context.get("tool_call_msg")
    return tool_start(
        tool.name,
        context.run_params.get("input"),
        call_id=getattr(call, "id", None),
        description=tool.description,
    )


_KINDS: dict[str, Callable[[Any, Any], RunStart]] = {
    "BaseAgent": _agent,
    "Workflow": _workflow,
    "Tool": _tool,
}
"""Describes the runs of each kind, by the name of its class, as we import nothing of BeeAI's."""


def _describe(instance: Any, args: Args, _kwargs: Kwargs) -> RunStart | None:
    """Return the facts of a run; `None` for models, whose calls are a client's, and for rules."""
    kinds = _names_of_own_classes(instance)
    for kind, describe in _KINDS.items():
        if kind in kinds:
            return describe(instance, args[0])
    return None


def _result(output: Any) -> object:
    """Return the result of a run: a tool's text, an agent's answer, or a workflow's state."""
    if hasattr(output, "get_text_content"):
        return output.get_text_content()
    if hasattr(output, "last_message"):
        return output.last_message.text
    # a state is an object of the app's class, which holds data only
    return plain(getattr(output, "result", None))


def enter(work_run: Wrapper) -> Wrapper:
    """Return a wrapper for the function that prepares a run, whose work it makes a run of ours."""

    def wrapper(wrapped: Callable[..., Any], _none: object, args: Args, kwargs: Kwargs) -> Any:
        instance = argument(args, kwargs, 0, "instance")
        work = argument(args, kwargs, 1, "fn")

        def observed_work(context: Any) -> Any:
            return work_run(work, instance, (context,), {})

        args, kwargs = replace_argument(args, kwargs, 1, "fn", observed_work)
        return wrapped(*args, **kwargs)

    return wrapper


def patches() -> list[Patch]:
    """Return the patch of the one function."""
    run = function_run(_reporter, _describe, ResultReader(output=_result))
    return [Patch("beeai_framework.context", "RunContext.enter", enter(run))]


BEEAI = _reporter.integration(
    module="beeai_framework",
    versions=("0.1.85", "0.2"),
    operations=("invoke_agent", "invoke_workflow", "execute_tool"),
    patches=patches,
)
