"""Haystack: pipelines, their components, agents and tools.

All of Haystack passes one context manager, the proxy of its tracer, whatever tracer is set. A tool
that fails raises nothing: its span gets a tag. Seen with haystack-ai 3.4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from callspan.decorators.operation import Operation
from callspan.decorators.results import tool_failure
from callspan.decorators.running import Args, Kwargs
from callspan.events import Parameters
from callspan.frameworks.function_runs import ManagerRun, argument
from callspan.frameworks.reporter import Reporter, RunStart, tool_start
from callspan.runtime import guard
from callspan.runtime.patching import Patch

_reporter = Reporter("haystack", "haystack-ai")
_OUTPUTS = (
    "haystack.agent.step.tool.output",
    "haystack.pipeline.output_data",
    "haystack.agent.output",
)
"""The tags that hold the result of a run."""
_TOOL_ERROR = "haystack.tool.error"


def _component(tags: Mapping[str, Any]) -> RunStart | None:
    """Return the facts of a component's run."""
    name = tags.get("haystack.component.name")
    component_type = str(tags.get("haystack.component.type", ""))
    # the tag has the class's name alone
    if component_type.endswith("Retriever"):
        inputs = tags.get("haystack.component.input") or {}
        limit: Parameters = {"retrieval_top_k": inputs.get("top_k")}
        return RunStart("retrieval", name, inputs.get("query"), limit)
    if component_type == "Agent":
        # an agent in a pipeline has a span of its own inside
        return None
    return RunStart("run_node", name)


def describe(name: str, tags: Mapping[str, Any]) -> RunStart | None:
    """Return the facts of a span of Haystack's; `None` for steps between runs."""
    if name == "haystack.pipeline.run":
        return RunStart("invoke_workflow", None, tags.get("haystack.pipeline.input_data"))
    if name == "haystack.agent.run":
        # Haystack's agents have no name
        return RunStart("invoke_agent")
    if name == "haystack.agent.step.tool":
        description = tags.get("haystack.tool.description")
        return tool_start(tags.get("haystack.tool.name"), None, description=description)
    if name == "haystack.component.run":
        return _component(tags)
    return None


class _SpanRun(ManagerRun):
    """The context manager of one span; the span's tags are read as they are set."""

    def __enter__(self) -> Any:
        span = super().__enter__()
        # the value of the block is Haystack's span, which is no result: a tag brings that
        self._value = None
        if self._operation is None:
            return span
        return _TaggedSpan(span, self._operation)


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
        elif key == _TOOL_ERROR:
            self._operation.failure = tool_failure(value)


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
        return manager
    return _SpanRun(manager, lambda _asynchronous: _reporter.begin(start))


def patches() -> list[Patch]:
    """Return the patch of the tracer's proxy."""
    return [Patch("haystack.tracing.tracer", "ProxyTracer.trace", trace)]


HAYSTACK = _reporter.integration(
    module="haystack",
    versions=("3.4", "4"),
    operations=("invoke_workflow", "invoke_agent", "run_node", "retrieval", "execute_tool"),
    patches=patches,
)
