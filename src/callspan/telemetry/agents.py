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
    LOCAL,
    LOCAL_DURATIONS,
    TOOL_CALLS,
)
from callspan.settings.settings import Settings
from callspan.telemetry.attribute_sets import Bounds
from callspan.telemetry.metrics import create_instrument
from callspan.telemetry.provider import FollowsProvider
from callspan.version import __version__

_INFERENCE, _TOOLS = "inference calls", "tool calls"
_NAMES = {
    "invoke_agent": (names.AGENT_NAME,),
    "invoke_workflow": (names.WORKFLOW_NAME,),
    "execute_tool": (names.TOOL_NAME, names.TOOL_KIND, names.AGENT_NAME),
}


class AgentMetrics:
    """Records the metrics of operations that the program itself performs between its calls to models."""

    needs_text = False

    def __init__(
        self, settings: Settings, look_up: Callable[[], Any] = metrics.get_meter_provider
    ) -> None:
        self._schema_url = CHOICES[settings.semconv][0].schema_url
        self._bounds = Bounds()
        self._instruments = FollowsProvider(look_up, self._create)

    def _create(self, provider: Any) -> dict[str, Any]:
        meter = provider.get_meter(names.SCOPE, __version__, schema_url=self._schema_url)
        return {metric.name: create_instrument(meter, metric) for metric in LOCAL}

    def on_start(self, call: Call) -> None:
        """Count a call to a model, or a tool, for the agent that it belongs to."""
        if call.parent is None and not call.local:
            return
        if call.operation == "invoke_agent":
            call.handler_state[_INFERENCE], call.handler_state[_TOOLS] = [], []
        kind = (
            _TOOLS
            if call.operation == "execute_tool"
            else _INFERENCE
            if call.operation in names.INFERENCE
            else None
        )
        agent = None if kind is None else scope.agent(call.parent)
        if agent is not None and kind in agent.handler_state:
            agent.handler_state[kind].append(call.id)

    def on_end(self, call: Call, response: Response) -> None:
        """Record what has ended, completed or not."""
        if not call.local:
            return
        told = self._bounds.attribute_set(_named(call), call.operation)
        failed = told.plus(names.ERROR_TYPE, call.failure.type) if call.failure else told
        instruments, duration = self._instruments.get(), LOCAL_DURATIONS.get(call.operation)
        if duration is not None:
            instruments[duration.name].record(call.duration, failed, context=call.context)
        if call.operation == "invoke_agent":
            instruments[INFERENCE_CALLS.name].record(
                len(call.handler_state.get(_INFERENCE, ())), told, context=call.context
            )
            instruments[TOOL_CALLS.name].record(
                len(call.handler_state.get(_TOOLS, ())), told, context=call.context
            )

    def on_error(self, call: Call, error: BaseException) -> None:
        """Record what has failed."""
        self.on_end(call, call.response)


def _named(call: Call) -> Attributes:
    values = attributes.request(call)
    return {name: values[name] for name in _NAMES.get(call.operation, ()) if values.get(name)}
