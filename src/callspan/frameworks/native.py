"""The frameworks that trace and count by themselves, as data: what of theirs is muted, and where.

Spans are muted where they would take content, or the words of exceptions, to a provider that callspan set up while our
capture is off; metrics where they have the names of ours, for calls that ours have counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from callspan.frameworks.muting import (
    SelectiveHistogram,
    SelectiveTraceModule,
    SelectiveTracer,
    mute_block,
    selective_get_tracer,
)
from callspan.runtime.patching import Patch
from callspan.runtime.swapping import swap, swap_in_instances


@dataclass(frozen=True, slots=True)
class Native:
    """One framework's own telemetry: its names, what of it is muted, in words, and the patches by which it is."""

    name: str
    package: str
    module: str
    spans: bool
    metrics: bool
    patches: Callable[[], list[Patch]]

    @property
    def muted(self) -> str:
        """What is muted, as a person would say it."""
        parts: list[str] = []
        if self.spans:
            parts.append(
                "spans that hold content, while ours do not, where callspan set up the provider"
            )
        if self.metrics:
            parts.append("token and duration metrics of calls that ours have counted")
        return "; ".join(parts)


def _strands() -> list[Patch]:
    return [swap_in_instances("strands.telemetry.tracer", "Tracer.tracer", SelectiveTracer)]


def _autogen() -> list[Patch]:
    spans = ("trace_tool_span", "trace_create_agent_span", "trace_invoke_agent_span")
    return [
        swap_in_instances(
            "autogen_core._telemetry._tracing", "TraceHelper.tracer", SelectiveTracer
        ),
        # imported by name into other modules, so the function is replaced inside of its decorator
        *(
            Patch("autogen_core._telemetry._genai", name, mute_block, True, "func")
            for name in spans
        ),
    ]


def _guardrails() -> list[Patch]:
    modules = ("runner_tracing", "guard_tracing", "validator_tracing")
    return [
        *(
            swap(f"guardrails.telemetry.{module}", "trace", SelectiveTraceModule)
            for module in modules
        ),
        Patch(
            "guardrails.telemetry.guard_tracing", "get_tracer", selective_get_tracer, optional=True
        ),
    ]


def _pydantic_ai() -> list[Patch]:
    module, settings = "pydantic_ai.models.instrumented", "InstrumentationSettings"
    return [
        swap_in_instances(module, f"{settings}.tracer", SelectiveTracer),
        swap_in_instances(module, f"{settings}.tokens_histogram", SelectiveHistogram),
    ]


def _agent_framework() -> list[Patch]:
    counted = (
        "ChatTelemetryLayer.token_usage_histogram",
        "ChatTelemetryLayer.duration_histogram",
        "EmbeddingTelemetryLayer.token_usage_histogram",
        "EmbeddingTelemetryLayer.duration_histogram",
        "AgentTelemetryLayer.token_usage_histogram",
    )
    return [
        swap_in_instances("agent_framework.observability", path, SelectiveHistogram)
        for path in counted
    ]


def _adk() -> list[Patch]:
    names = ("_client_token_usage", "_client_operation_duration")
    return [swap("google.adk.telemetry._metrics", name, SelectiveHistogram) for name in names]


NATIVES = (
    Native("strands", "strands-agents", "strands", True, False, _strands),
    Native("autogen", "autogen-core", "autogen_core", True, False, _autogen),
    Native("guardrails", "guardrails-ai", "guardrails", True, False, _guardrails),
    Native("pydantic_ai", "pydantic-ai-slim", "pydantic_ai", True, True, _pydantic_ai),
    Native(
        "agent_framework", "agent-framework-core", "agent_framework", False, True, _agent_framework
    ),
    Native("google_adk", "google-adk", "google.adk", False, True, _adk),
)
