"""Frameworks that trace and count by themselves, as data: which telemetry is muted, and where.

Spans are muted where they would take content, or the text of exceptions, to a provider that
callspan set up while our capture is off. Metrics are muted where they have the names of ours, for
calls that ours have counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from callspan.frameworks import (
    agent_framework,
    autogen,
    google_adk,
    guardrails,
    pydantic_ai,
    semantic_kernel,
    strands,
)
from callspan.frameworks.mcp import exchange as mcp
from callspan.frameworks.muting import (
    SelectiveHistogram,
    SelectiveTraceModule,
    SelectiveTracer,
    TracerLike,
    mute_block,
    selective_get_tracer,
)
from callspan.frameworks.reporter import Reporter
from callspan.hooks.native import policy
from callspan.runtime import scope
from callspan.runtime.patching import Patch
from callspan.runtime.swapping import swap, swap_in_instances


@dataclass(frozen=True, slots=True)
class Native:
    """One framework's own telemetry.

    Attributes:
        name: The framework's name in `callspan doctor`.
        package: The package as it is installed.
        module: The module whose import puts the patches in place.
        spans: Whether its spans are muted where they would take content along.
        replaced: Whether its spans are muted because ours stand for them.
        metrics: Whether its metrics are muted.
        patches: Returns the patches that mute it.
    """

    name: str
    package: str
    module: str
    spans: bool
    metrics: bool
    patches: Callable[[], list[Patch]]
    replaced: bool = False

    @property
    def muted(self) -> str:
        """The muted telemetry in words, for `callspan doctor`."""
        parts: list[str] = []
        if self.replaced:
            parts.append("spans, for which ours stand")
        elif self.spans:
            parts.append(
                "spans that hold content, while ours do not, where callspan set up the provider"
            )
        if self.metrics:
            parts.append("token and duration metrics of calls that ours have counted")
        return "; ".join(parts)


def is_replaced_by(reporter: Reporter) -> bool:
    """Whether a reporter of ours reports the runs for which a framework makes spans."""
    return policy.spans and reporter.is_active


def replaced_by(reporter: Reporter) -> Callable[[TracerLike], SelectiveTracer]:
    """Return a function that makes a tracer silent while a reporter of ours reports its runs."""
    return lambda tracer: SelectiveTracer(tracer, partial(is_replaced_by, reporter))


def values_replaced_by(reporter: Reporter) -> Callable[[object], SelectiveHistogram]:
    """Return what makes a histogram silent while a reporter of ours reports the same runs."""

    def is_in_ours(_attributes: object) -> bool:
        return policy.metrics and reporter.is_active

    return lambda histogram: SelectiveHistogram(histogram, is_in_ours)


def _strands() -> list[Patch]:
    # an attribute of each instance, set when it is made
    change = replaced_by(strands.reporter)
    return [swap_in_instances("strands.telemetry.tracer", "Tracer.tracer", change)]


def _messages(module: str, reporter: Reporter) -> Patch:
    """Return the patch for the spans of messages between agents, which are replaced in our runs."""

    def is_in_run() -> bool:
        # an app that passes messages between agents of its own has these spans alone
        return is_replaced_by(reporter) and scope.run_context() is not None

    # a helper of each runtime keeps the tracer, so the attribute is read through ours
    change = partial(SelectiveTracer, is_replaced=is_in_run)
    return swap_in_instances(module, "TraceHelper.tracer", change)


def _semantic_kernel() -> list[Patch]:
    change = replaced_by(semantic_kernel.reporter)
    tracing = "semantic_kernel.agents.runtime.core.telemetry.tracing"
    patches = [_messages(tracing, semantic_kernel.reporter)]
    for module in (
        "functions.kernel_function",
        "connectors.ai.chat_completion_client_base",
        "utils.telemetry.agent_diagnostics.decorators",
    ):
        patches.append(swap(f"semantic_kernel.{module}", "tracer", change))
    return patches


def _autogen() -> list[Patch]:
    patches = [_messages("autogen_core._telemetry._tracing", autogen.reporter)]
    mute = mute_block(partial(is_replaced_by, autogen.reporter))
    for name in ("trace_tool_span", "trace_create_agent_span", "trace_invoke_agent_span"):
        # imported by name into other modules, so the function is replaced inside its decorator
        patches.append(Patch("autogen_core._telemetry._genai", name, mute, True, "func"))
    return patches


def _guardrails() -> list[Patch]:
    # guards, their attempts and the calls; no span of ours stands for a validator's
    is_replaced = partial(is_replaced_by, guardrails.reporter)
    change = partial(SelectiveTraceModule, is_replaced=is_replaced)
    get_tracer = selective_get_tracer(replaced_by(guardrails.reporter))
    telemetry = "guardrails.telemetry"
    return [
        swap(f"{telemetry}.runner_tracing", "trace", change),
        swap(f"{telemetry}.guard_tracing", "trace", change),
        swap(f"{telemetry}.validator_tracing", "trace", SelectiveTraceModule),
        Patch(f"{telemetry}.guard_tracing", "get_tracer", get_tracer, optional=True),
    ]


def _pydantic_ai() -> list[Patch]:
    module, settings = "pydantic_ai.models.instrumented", "InstrumentationSettings"
    return [
        swap_in_instances(module, f"{settings}.tracer", replaced_by(pydantic_ai.reporter)),
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
    patches = [swap_in_instances(module, path, SelectiveHistogram) for path in histograms]
    # apps may call this function too, for spans of their own
    get_tracer = selective_get_tracer(replaced_by(agent_framework.reporter), module)
    patches.append(Patch(module, "get_tracer", get_tracer, optional=True))
    return patches


_ADK_MODULES = (
    "google.adk.telemetry.tracing",
    "google.adk.telemetry.node_tracing",
    "google.adk.flows.llm_flows.tools._batch_executor",
)
"""The modules that keep ADK's tracer."""
_ADK_RUNS = (
    "_agent_invocation_duration",
    "_workflow_invocation_duration",
    "_tool_execution_duration",
    "_invoke_agent_inference_calls",
    "_invoke_agent_tool_calls",
)
"""ADK's metrics of runs that have names of ours."""


def _adk() -> list[Patch]:
    # module-level tracers and histograms, made at import
    module = "google.adk.telemetry._metrics"
    patches = [
        swap(module, "_client_token_usage", SelectiveHistogram),
        swap(module, "_client_operation_duration", SelectiveHistogram),
    ]
    for name in _ADK_RUNS:
        patches.append(swap(module, name, values_replaced_by(google_adk.reporter)))
    for module in _ADK_MODULES:
        patches.append(swap(module, "tracer", replaced_by(google_adk.reporter)))
    return patches


def _mcp() -> list[Patch]:
    # mcp 1.x has no telemetry
    return [swap("mcp.shared._otel", "_tracer", replaced_by(mcp.reporter))]


def _fastmcp() -> list[Patch]:
    # the trace context is still sent and received, and no span of ours is hidden by it
    patches: list[Patch] = []
    for module in ("fastmcp.telemetry", "fastmcp.server.telemetry"):
        patches.append(Patch(module, "telemetry_mode", _fastmcp_mode, optional=True))
    return patches


def _fastmcp_mode(
    wrapped: Callable[..., str], _instance: object, args: tuple[()], kwargs: dict[str, object]
) -> str:
    mode = wrapped(*args, **kwargs)
    # FastMCP is built on mcp, whose requests ours report
    if mode == "native" and is_replaced_by(mcp.reporter):
        return "propagation_only"
    return mode


# name, package, module, spans, metrics, patches, replaced
NATIVES = (
    Native("strands", "strands-agents", "strands", True, False, _strands, True),
    Native("autogen", "autogen-core", "autogen_core", True, False, _autogen, True),
    Native("guardrails", "guardrails-ai", "guardrails", True, False, _guardrails, True),
    Native("pydantic_ai", "pydantic-ai-slim", "pydantic_ai", True, True, _pydantic_ai, True),
    Native(
        "agent_framework",
        "agent-framework-core",
        "agent_framework",
        True,
        True,
        _agent_framework,
        True,
    ),
    Native("mcp", "mcp", "mcp", True, False, _mcp, True),
    Native("fastmcp", "fastmcp", "fastmcp", True, False, _fastmcp, True),
    Native(
        "semantic_kernel",
        "semantic-kernel",
        "semantic_kernel",
        True,
        False,
        _semantic_kernel,
        True,
    ),
    Native("google_adk", "google-adk", "google.adk", True, True, _adk, True),
)
