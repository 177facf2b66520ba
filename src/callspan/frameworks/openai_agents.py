"""OpenAI Agents: runs are the spans of its own tracing, which are made also when tracing is off.

Its public hook, `add_trace_processor`, is no use here: `set_trace_processors`, which programs
without a key for OpenAI's own traces call, removes all others, and with tracing off no processor is
called at all. So `start` and `finish` of its spans are wrapped; they run in the code's own
context. Seen with openai-agents 0.24.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from callspan.decorators.run_context import OperationContext
from callspan.decorators.running import Args, Kwargs
from callspan.events import Failure
from callspan.frameworks.event_runs import EventRuns
from callspan.frameworks.function_runs import argument
from callspan.frameworks.reporter import Reporter, RunStart, note_input, tool_start
from callspan.runtime import guard, scope
from callspan.runtime.patching import Patch

Span = Any
"""A span or a trace of the framework's own tracing."""
Wrapped = Callable[..., Any]
_SPANS = "agents.tracing.spans"
_TRACES = "agents.tracing.traces"
_DEFAULT_WORKFLOW = "Agent workflow"
"""The name that a trace has unless the app gives one."""
runs = EventRuns(Reporter("openai_agents", "openai-agents"))
_run_arguments: ContextVar[tuple[object, str | None]]
"""Input and conversation of the `Runner.run` in which the code stands."""


def _workflow(trace: Span) -> RunStart:
    name = getattr(trace, "name", None)
    if name in (_DEFAULT_WORKFLOW, "no-op"):
        name = None
    run_input, conversation = _run_arguments.get()
    group = getattr(trace, "group_id", None)
    return RunStart("invoke_workflow", name, run_input, conversation_id=group or conversation)


def _span_run(span: Span) -> RunStart | None:
    """Return the facts of a span that stands for an agent or a tool; `None` for steps between."""
    data = span.span_data
    if data.type == "agent":
        run_input, _ = _run_arguments.get()
        return RunStart("invoke_agent", data.name, run_input)
    if data.type == "function":
        return tool_start(data.name, data.input)
    if data.type == "guardrail":
        # it takes time, and may ask a model; the conventions have no operation for it yet
        return RunStart("run_node", data.name)
    return None


def start_span(wrapped: Wrapped, span: Span, args: Args, kwargs: Kwargs) -> None:
    """Start a span of the framework's, and the operation that it stands for."""
    wrapped(*args, **kwargs)
    _start(span, _span_run, args, kwargs)


def start_trace(wrapped: Wrapped, trace: Span, args: Args, kwargs: Kwargs) -> None:
    """Start a trace of the framework's, which is a workflow."""
    wrapped(*args, **kwargs)
    _start(trace, _workflow, args, kwargs)


def _start(
    span: Span, describe: Callable[[Span], RunStart | None], args: Args, kwargs: Kwargs
) -> None:
    if not runs.reporter.is_active:
        return
    try:
        start = describe(span)
        if start is not None:
            # a span that is not current has nothing inside: what follows is not its code
            is_current = args[0] if args else kwargs.get("mark_as_current")
            runs.start(span, start, bool(is_current))
    except Exception as error:  # noqa: BLE001  a span of another version must not stop the agent
        guard.report("reading a span of OpenAI Agents", error)


def finish(wrapped: Wrapped, span: Span, args: Args, kwargs: Kwargs) -> None:
    """Finish a span or a trace of the framework's, and its operation."""
    # ours first: it was begun last, and is inside the framework's
    if runs.get(span) is not None:
        _note_facts(span)
        runs.finish(span, result=getattr(getattr(span, "span_data", None), "output", None))
    wrapped(*args, **kwargs)


def _note_facts(span: Span) -> None:
    """Take the facts that a span gets after its start: the arguments of a tool, a guardrail's verdict."""
    operation = runs.get(span)
    call = None if operation is None else operation.call
    if call is None or not hasattr(span, "span_data"):
        return
    if span.span_data.type == "guardrail":
        call.update({"guardrail_triggered": span.span_data.triggered})
    if call.operation != "execute_tool":
        return
    # `None` where the app keeps them out of the framework's own traces
    arguments = getattr(span.span_data, "input", None)
    if arguments is not None:
        note_input(call, arguments)


def leave_block(wrapped: Wrapped, span: Span, args: Args, kwargs: Kwargs) -> Any:
    """Leave the block of a span: its exception is seen here alone, also with tracing off."""
    # `__exit__(type, error, trace)`; it calls `finish`, which does nothing more for this run
    error = args[1] if len(args) > 1 else None
    if error is not None:
        _note_facts(span)
        runs.finish(span, error)
    return wrapped(*args, **kwargs)


def set_error(wrapped: Wrapped, span: Span, args: Args, kwargs: Kwargs) -> None:
    """Record the error of a tool or an agent that is not raised but passed to the model."""
    wrapped(*args, **kwargs)
    operation = runs.get(span)
    # from the argument, for with tracing off the span keeps no error
    error = args[0] if args else kwargs.get("error")
    if operation is not None and isinstance(error, dict):
        error_type = "tool_error" if span.span_data.type == "function" else "agent_error"
        operation.failure = Failure(error_type, str(error.get("message") or ""))


def record_tool_call(wrapped: Wrapped, _instance: object, args: Args, kwargs: Kwargs) -> Any:
    """Record the id of a tool call, which is known just after its span has started."""
    context = wrapped(*args, **kwargs)
    call = getattr(scope.run_context(), "call", None)
    if call is not None and call.operation == "execute_tool":
        call.update({"tool_call_id": getattr(context, "tool_call_id", None)})
    return context


def record_output(wrapped: Wrapped, _step: object, args: Args, kwargs: Kwargs) -> None:
    """Keep the output of an agent, which no span of the framework's has."""
    wrapped(*args, **kwargs)
    agent = scope.run_context()
    if not _is_run_of(agent, "invoke_agent"):
        return
    agent.result = argument(args, kwargs, 0, "output")
    # the output of the last agent is that of the whole run; one that is a tool has a tool around it
    if _is_run_of(agent.outer, "invoke_workflow"):
        agent.outer.result = agent.result


def _is_run_of(run_context: Any, operation: str) -> bool:
    if not isinstance(run_context, OperationContext):
        return False
    framework = run_context.framework
    if framework is None or framework.name != runs.reporter.name:
        return False
    return run_context.call.operation == operation


async def run(wrapped: Wrapped, _runner: object, args: Args, kwargs: Kwargs) -> Any:
    """Run an agent, with its input and conversation at hand for the spans of the run."""
    token = _run_arguments.set(_arguments(args, kwargs))
    try:
        # the spans of the run begin inside, and read them from the context
        result = await wrapped(*args, **kwargs)
    finally:
        _run_arguments.reset(token)
    return result


def run_streamed(wrapped: Wrapped, _runner: object, args: Args, kwargs: Kwargs) -> Any:
    """Start a streamed run; its task copies the context in which it is made."""
    token = _run_arguments.set(_arguments(args, kwargs))
    try:
        return wrapped(*args, **kwargs)
    finally:
        _run_arguments.reset(token)


def _arguments(args: Args, kwargs: Kwargs) -> tuple[object, str | None]:
    """Return the input and the conversation's id from the arguments of a runner's method."""
    run_input = args[1] if len(args) > 1 else kwargs.get("input")
    if not isinstance(run_input, (str, list)):
        # the state of an earlier run, which is resumed
        run_input = None
    session = kwargs.get("session")
    conversation = kwargs.get("conversation_id") or getattr(session, "session_id", None)
    if not isinstance(conversation, str):
        conversation = None
    return run_input, conversation


def patches() -> list[Patch]:
    """Return the patches of the framework's spans, traces and runners."""
    patches: list[Patch] = []
    for name in ("SpanImpl", "NoOpSpan"):
        patches.append(Patch(_SPANS, f"{name}.start", start_span))
        patches.append(Patch(_SPANS, f"{name}.finish", finish))
        patches.append(Patch(_SPANS, f"{name}.__exit__", leave_block))
        patches.append(Patch(_SPANS, f"{name}.set_error", set_error))
    for name in ("TraceImpl", "NoOpTrace"):
        patches.append(Patch(_TRACES, f"{name}.start", start_trace))
        patches.append(Patch(_TRACES, f"{name}.finish", finish))
        patches.append(Patch(_TRACES, f"{name}.__exit__", leave_block))
    patches += [
        # `run_sync` calls it; all ways of `Runner` go through this class
        Patch("agents.run", "AgentRunner.run", run),
        Patch("agents.run", "AgentRunner.run_streamed", run_streamed),
        Patch("agents.run_internal.run_steps", "NextStepFinalOutput.__init__", record_output, True),
        Patch("agents.tool_context", "ToolContext.from_agent_context", record_tool_call, True),
    ]
    return patches


_run_arguments = ContextVar("callspan-openai-agents", default=(None, None))
OPENAI_AGENTS = runs.reporter.integration(
    module="agents",
    versions=("0.10", "1"),
    operations=("invoke_workflow", "invoke_agent", "run_node", "execute_tool"),
    patches=patches,
)
