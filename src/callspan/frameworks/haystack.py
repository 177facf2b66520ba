"""Haystack: pipelines, their components, agents and tools.

All of Haystack passes one context manager, the proxy of its tracer, whatever tracer is set. A tool
that fails raises nothing: its span gets a tag. Seen with haystack-ai 3.4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from callspan.decorators.operation import Operation
from callspan.decorators.results import ResultReader, tool_failure
from callspan.decorators.running import Args, Kwargs
from callspan.events import Parameters
from callspan.frameworks.function_runs import ManagerRun, argument
from callspan.frameworks.reporter import Reporter, RunStart, note_input, tool_start
from callspan.runtime import guard
from callspan.runtime.patching import Patch

_reporter = Reporter("haystack", "haystack-ai")
_OUTPUTS = (
    "haystack.agent.step.tool.output",
    "haystack.pipeline.output_data",
    "haystack.agent.output",
)
"""The tags that hold the result of a run."""
_AGENT_INPUT = "haystack.agent.input"
_TOOL_INPUT = "haystack.agent.step.tool.input"
_TOOL_ERROR = "haystack.tool.error"
_agent_name: ContextVar[str | None] = ContextVar("callspan-haystack", default=None)
"""The name that the pipeline has for the agent whose component is running."""


def _is_agent(tags: Mapping[str, Any]) -> bool:
    return tags.get("haystack.component.type") == "Agent"


def _component(tags: Mapping[str, Any]) -> RunStart | None:
    """Return the facts of a component's run."""
    name = tags.get("haystack.component.name")
    component_type = str(tags.get("haystack.component.type", ""))
    # the tag has the class's name alone
    if component_type.endswith("Retriever"):
        inputs = tags.get("haystack.component.input") or {}
        limit: Parameters = {"retrieval_top_k": inputs.get("top_k")}
        return RunStart("retrieval", name, inputs.get("query"), limit)
    if _is_agent(tags):
        # an agent in a pipeline has a span of its own inside
        return None
    return RunStart("run_node", name)


def _name_in_pipeline() -> str | None:
    """Return the name of the agent that begins: it has none, but a pipeline names its components."""
    call = _reporter.enclosing_call()
    # an agent that is a tool of another is no component
    if call is None or call.operation != "invoke_workflow":
        return None
    return _agent_name.get()


def describe(name: str, tags: Mapping[str, Any]) -> RunStart | None:
    """Return the facts of a span of Haystack's; `None` for steps between runs."""
    if name == "haystack.pipeline.run":
        return RunStart("invoke_workflow", None, tags.get("haystack.pipeline.input_data"))
    if name == "haystack.agent.run":
        return RunStart("invoke_agent", _name_in_pipeline())
    if name == "haystack.agent.step.tool":
        description = tags.get("haystack.tool.description")
        return tool_start(tags.get("haystack.tool.name"), None, description=description)
    if name == "haystack.component.run":
        return _component(tags)
    return None


def _messages(agent_input: Mapping[str, Any]) -> list[dict[str, object]]:
    """Return the messages that an agent is given, as plain data."""
    messages = agent_input.get("messages") or ()
    return [{"role": each.role.value, "content": each.text or ""} for each in messages]


def _output(value: Any) -> object:
    """Return the answer of an agent, or the result of a pipeline, as plain data."""
    if isinstance(value, Mapping):
        last = value.get("last_message")
        if last is not None:
            return last.text
    return _with_texts(value)


def _with_texts(value: Any) -> object:
    """Return a value with the text of each message and document in its place."""
    if isinstance(value, Mapping):
        return {name: _with_texts(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_with_texts(each) for each in value]
    for name in ("text", "content"):
        text = getattr(value, name, None)
        if isinstance(text, str):
            return text
    return value


class _SpanRun(ManagerRun):
    """The context manager of one span; the span's tags are read as they are set.

    Attributes:
        tool_call_id: The id of the tool call that the span stands for.
    """

    tool_call_id: object = None

    def __enter__(self) -> Any:
        span = super().__enter__()
        # the value of the block is Haystack's span, which is no result: a tag brings that
        self._value = None
        operation = self._operation
        call = None if operation is None else operation.call
        if operation is None or call is None:
            return span
        call.update({"tool_call_id": self.tool_call_id})
        return _TaggedSpan(span, operation)


_READER = ResultReader(output=_output)


class _TaggedSpan:
    """Haystack's span, whose tags are read for the operation too."""

    def __init__(self, span: Any, operation: Operation) -> None:
        self._span = span
        self._operation = operation

    def __getattr__(self, name: str) -> Any:
        return getattr(self._span, name)

    def set_tag(self, key: str, value: object) -> None:
        """Set a tag of Haystack's span, which may be the result or the failure of the run."""
        self._read(key, value)
        self._span.set_tag(key, value)

    def set_tags(self, tags: Mapping[str, object]) -> None:
        """Set several tags of Haystack's span, among them perhaps the result of the run."""
        for key, value in tags.items():
            self._read(key, value)
        self._span.set_tags(tags)

    def set_content_tag(self, key: str, value: object) -> None:
        """Set a tag that Haystack leaves out unless its user wants content."""
        self._read(key, value)
        self._span.set_content_tag(key, value)

    def _read(self, key: str, value: object) -> None:
        """Take a result or a failure from a tag."""
        if key in _OUTPUTS:
            # read even where Haystack leaves content out: our capture decides what is recorded
            self._operation.result = value
            self._read_error(value)
        elif key == _TOOL_ERROR:
            self._operation.failure = tool_failure(value)
        elif key in (_TOOL_INPUT, _AGENT_INPUT):
            self._read_input(key, value)

    def _read_error(self, value: object) -> None:
        """Take the words of an error, where the tool failed."""
        if not isinstance(value, Mapping):
            return
        # before haystack-ai 3.4 no tag says it: the result is an error and nothing else
        if self._operation.failure is not None or value.keys() == {"error"}:
            self._operation.failure = tool_failure(value.get("error"))

    def _read_input(self, key: str, value: Any) -> None:
        call = self._operation.call
        if call is None:
            return
        try:
            note_input(call, value if key == _TOOL_INPUT else _messages(value))
        except Exception as error:  # noqa: BLE001  a tag of another version must not stop an agent
            guard.report("reading the input of a run of Haystack", error)


def trace(wrapped: Callable[..., Any], _tracer: object, args: Args, kwargs: Kwargs) -> Any:
    """Return the context manager of a span, with the operation that it stands for."""
    manager = wrapped(*args, **kwargs)
    if not _reporter.is_active:
        return manager
    try:
        tags = argument(args, kwargs, 1, "tags") or {}
        start = describe(argument(args, kwargs, 0, "operation_name"), tags)
    except Exception as error:  # noqa: BLE001  a span of another version must not stop a pipeline
        guard.report("reading a span of Haystack", error)
        return manager
    if start is None:
        return _name_agent(manager, tags) if _is_agent(tags) else manager
    return _SpanRun(manager, lambda _asynchronous: _reporter.begin(start, _READER))


@contextmanager
def _name_agent(manager: Any, tags: Mapping[str, Any]) -> Iterator[Any]:
    """Give the run of an agent the name of the component around it."""
    with manager as span:
        token = _agent_name.set(tags.get("haystack.component.name"))
        try:
            yield span
        finally:
            _agent_name.reset(token)


def note_tool_call(
    wrapped: Callable[..., Any], _instance: object, args: Args, kwargs: Kwargs
) -> Any:
    """Give the run of a tool the id of its call, which is not among the tags of its span."""
    manager = wrapped(*args, **kwargs)
    if isinstance(manager, _SpanRun):
        manager.tool_call_id = getattr(argument(args, kwargs, 1, "tool_call"), "id", None)
    return manager


def patches() -> list[Patch]:
    """Return the patches of the tracer's proxy, and of the function that makes a tool's span."""
    tools = "haystack.components.agents.tool_calling"
    return [
        Patch("haystack.tracing.tracer", "ProxyTracer.trace", trace),
        Patch(tools, "_create_tool_span", note_tool_call, optional=True),
    ]


HAYSTACK = _reporter.integration(
    module="haystack",
    versions=("3.0", "4"),
    operations=("invoke_workflow", "invoke_agent", "run_node", "retrieval", "execute_tool"),
    patches=patches,
)
