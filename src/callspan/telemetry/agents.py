"""How long agents, workflows and tools run, and how often an agent calls models and tools."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry import metrics

from callspan.events import Call, Response
from callspan.runtime import scope
from callspan.semconv import attributes, names
from callspan.semconv.attributes import Attributes
from callspan.semconv.conventions import (
    CHOICES,
    INFERENCE_CALLS,
    MCP_DURATIONS,
    TOOL_CALLS,
    Convention,
    schema_url,
)
from callspan.settings.settings import Settings
from callspan.telemetry.attribute_sets import Bounds
from callspan.telemetry.instruments import Instruments, create_instruments
from callspan.telemetry.mcp import McpMetrics
from callspan.telemetry.provider import FollowsProvider

_INFERENCE, _TOOLS = "inference calls", "tool calls"
_NAMES = {
    "invoke_agent": (names.AGENT_NAME,),
    "execute_tool": (names.TOOL_NAME, names.TOOL_KIND, names.AGENT_NAME),
}


class AgentMetrics:
    """Records the metrics of operations that the program performs between its calls to models."""

    needs_text = False
    records_sessions = True
    """Sessions have durations and nothing else, so the other handlers do not hear of them."""

    def __init__(
        self, settings: Settings, look_up: Callable[[], Any] = metrics.get_meter_provider
    ) -> None:
        self._conventions = CHOICES[settings.semconv]
        self._schema_url = schema_url(self._conventions)
        self._bounds = Bounds()
        self._instruments = FollowsProvider(look_up, self._create)
        self._requests = McpMetrics(self._instruments)

    def _create(self, provider: Any) -> Instruments:
        rows = [INFERENCE_CALLS, TOOL_CALLS, *MCP_DURATIONS.values()]
        for convention in self._conventions:
            rows += convention.local_durations.values()
        # by name, as the versions share metrics, and workflows may share that of agents
        rows = {row.name: row for row in rows}.values()
        return create_instruments(provider, rows, self._schema_url)

    def on_start(self, call: Call) -> None:
        """Count a call of a model or a tool for the agent that makes it."""
        # the usual case, in the path of each call: nothing of ours or a framework's is around it
        if call.parent is None and not call.local:
            return
        if call.operation == "invoke_agent":
            call.handler_state[_INFERENCE], call.handler_state[_TOOLS] = [], []
        if call.operation == "execute_tool":
            kind = _TOOLS
        elif call.facts.is_inference:
            kind = _INFERENCE
        else:
            return
        # the innermost agent alone: an agent around it counts the calls that it makes itself
        agent = scope.agent(call.parent)
        if agent is not None and kind in agent.handler_state:
            # `append` is atomic: an agent's tools may run in several threads
            agent.handler_state[kind].append(call.id)

    def on_end(self, call: Call, response: Response) -> None:
        """Record an operation that has ended, completed or not."""
        if not call.local:
            if call.facts.is_protocol:
                self._requests.record(call)
            return
        if "mcp_method" in call.parameters:
            # the run of a tool that stands for the request inside it
            self._requests.record(call)
        instruments = self._instruments.get()
        self._record_durations(call, instruments)
        if call.operation == "invoke_agent":
            self._record_counts(call, instruments)

    def _record_durations(self, call: Call, instruments: Instruments) -> None:
        """Record the duration in each version of the conventions."""
        metric_names: set[str] = set()
        for convention in self._conventions:
            duration = convention.local_durations.get(call.operation)
            # one metric of both versions is recorded once
            if duration is None or duration.name in metric_names:
                continue
            metric_names.add(duration.name)
            shared = self._bounds.attribute_set(_named(call, convention), duration.name)
            with_error: Attributes = shared
            if call.failure:
                with_error = shared.plus(names.ERROR_TYPE, call.failure.type)
            instruments[duration.name].record(call.duration, with_error, context=call.context)

    def _record_counts(self, call: Call, instruments: Instruments) -> None:
        """Record how often an agent has called models and tools."""
        shared = self._bounds.attribute_set(_named(call, self._conventions[0]), call.operation)
        for metric, kind in ((INFERENCE_CALLS, _INFERENCE), (TOOL_CALLS, _TOOLS)):
            number = len(call.handler_state.get(kind, ()))
            instruments[metric.name].record(number, shared, context=call.context)

    def on_error(self, call: Call, error: BaseException) -> None:
        """Record an operation that failed."""
        self.on_end(call, call.response)


def _named(call: Call, convention: Convention) -> Attributes:
    """Return the attributes that name an operation: its agent, workflow or tool."""
    values = attributes.request(call, convention.requests)
    result: Attributes = {}
    attribute_names = _NAMES.get(call.operation, ())
    if call.operation == "invoke_workflow":
        attribute_names = (convention.workflow_name,)
    for name in attribute_names:
        if values.get(name):
            result[name] = values[name]
    return result
