"""Frameworks that trace and count by themselves, as data: which telemetry is muted, and where.

Spans are muted where they would take content, or the text of exceptions, to a provider that
callspan set up while our capture is off. Metrics are muted where they have the names of ours, for
calls that ours have counted.
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
    """One framework's own telemetry.

    Attributes:
        name: The framework's name in `callspan doctor`.
        package: The package as it is installed.
        module: The module whose import puts the patches in place.
        spans: Whether its spans are muted.
        metrics: Whether its metrics are muted.
        patches: Returns the patches that mute it.
    """

    name: str
    package: str
    module: str
    spans: bool
    metrics: bool
    patches: Callable[[], list[Patch]]

    @property
    def muted(self) -> str:
        """The muted telemetry in words, for `callspan doctor`."""
        parts: list[str] = []
        if self.spans:
            parts.append(
                "spans that hold content, while ours do not, where callspan set up the provider"
            )
        if self.metrics:
            parts.append("token and duration metrics of calls that ours have counted")
        return "; ".join(parts)


def _strands() -> list[Patch]:
    # an attribute of each instance, set when it is made
    return [swap_in_instances("strands.telemetry.tracer", "Tracer.tracer", SelectiveTracer)]


def _autogen() -> list[Patch]:
    tracing = "autogen_core._telemetry._tracing"
    patches = [swap_in_instances(tracing, "TraceHelper.tracer", SelectiveTracer)]
    for name in ("trace_tool_span", "trace_create_agent_span", "trace_invoke_agent_span"):
        # imported by name into other modules, so the function is replaced inside its decorator
        patches.append(
            Patch("autogen_core._telemetry._genai", name, mute_block, True, "func"),
        )
    return patches


def _guardrails() -> list[Patch]:
    patches: list[Patch] = []
    for module in ("runner_tracing", "guard_tracing", "validator_tracing"):
        patches.append(swap(f"guardrails.telemetry.{module}", "trace", SelectiveTraceModule))
    guard_tracing = "guardrails.telemetry.guard_tracing"
    patches.append(Patch(guard_tracing, "get_tracer", selective_get_tracer, optional=True))
    return patches


def _pydantic_ai() -> list[Patch]:
    module, settings = "pydantic_ai.models.instrumented", "InstrumentationSettings"
    return [
        swap_in_instances(module, f"{settings}.tracer", SelectiveTracer),
        swap_in_instances(module, f"{settings}.tokens_histogram", SelectiveHistogram),
    ]


def _agent_framework() -> list[Patch]:
    histograms = (
        "ChatTelemetryLayer.token_usage_histogram",
        "ChatTelemetryLayer.duration_histogram",
        "EmbeddingTelemetryLayer.token_usage_histogram",
        "EmbeddingTelemetryLayer.duration_histogram",
        "AgentTelemetryLayer.token_usage_histogram",
    )
    module = "agent_framework.observability"
    return [swap_in_instances(module, path, SelectiveHistogram) for path in histograms]


def _adk() -> list[Patch]:
    # module-level histograms, made at import
    module = "google.adk.telemetry._metrics"
    return [
        swap(module, "_client_token_usage", SelectiveHistogram),
        swap(module, "_client_operation_duration", SelectiveHistogram),
    ]


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
