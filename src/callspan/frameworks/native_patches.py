"""Where the telemetry of frameworks is muted that trace and count by themselves (native.py).

Our own module for a framework is loaded when its patches are made.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from callspan.frameworks.muting import (
    SelectiveHistogram,
    SelectiveTraceModule,
    SelectiveTracer,
    TracerLike,
    mute_block,
    selective_get_tracer,
    without_ours_in_force,
)
from callspan.frameworks.reporter import Reporter
from callspan.hooks.native import policy
from callspan.runtime import scope
from callspan.runtime.patching import Patch
from callspan.runtime.swapping import swap, swap_in_instances


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
    from callspan.frameworks.strands import reporter

    # an attribute of each instance, set when it is made
    change = replaced_by(reporter)
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
    from callspan.frameworks.semantic_kernel import reporter

    change = replaced_by(reporter)
    tracing = "semantic_kernel.agents.runtime.core.telemetry.tracing"
    patches = [_messages(tracing, reporter)]
    for module in (
        "functions.kernel_function",
        "connectors.ai.chat_completion_client_base",
        "utils.telemetry.agent_diagnostics.decorators",
    ):
        patches.append(swap(f"semantic_kernel.{module}", "tracer", change))
    return patches


def _autogen() -> list[Patch]:
    from callspan.frameworks.autogen import reporter

    patches = [_messages("autogen_core._telemetry._tracing", reporter)]
    mute = mute_block(partial(is_replaced_by, reporter))
    for name in ("trace_tool_span", "trace_create_agent_span", "trace_invoke_agent_span"):
        # imported by name into other modules, so the function is replaced inside its decorator
        patches.append(Patch("autogen_core._telemetry._genai", name, mute, True, "func"))
    return patches


def _guardrails() -> list[Patch]:
    from callspan.frameworks.guardrails import reporter

    # guards, their attempts and the calls; no span of ours stands for a validator's
    is_replaced = partial(is_replaced_by, reporter)
    change = partial(SelectiveTraceModule, is_replaced=is_replaced)
    get_tracer = selective_get_tracer(replaced_by(reporter))
    telemetry = "guardrails.telemetry"
    patches = [
        Patch(f"{telemetry}.{module}", "get_span", without_ours_in_force, optional=True)
        for module in ("common", "open_inference", "legacy_validator_tracing")
    ]
    return [
        *patches,
        swap(f"{telemetry}.runner_tracing", "trace", change),
        swap(f"{telemetry}.guard_tracing", "trace", change),
        swap(f"{telemetry}.validator_tracing", "trace", SelectiveTraceModule),
        Patch(f"{telemetry}.guard_tracing", "get_tracer", get_tracer, optional=True),
    ]


def _pydantic_ai() -> list[Patch]:
    from callspan.frameworks.pydantic_ai import reporter

    module, settings = "pydantic_ai.models.instrumented", "InstrumentationSettings"
    return [
        swap_in_instances(module, f"{settings}.tracer", replaced_by(reporter)),
        swap_in_instances(module, f"{settings}.tokens_histogram", SelectiveHistogram),
    ]


def _agent_framework() -> list[Patch]:
    from callspan.frameworks.agent_framework import reporter

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
    get_tracer = selective_get_tracer(replaced_by(reporter), module)
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
    from callspan.frameworks.google_adk import reporter

    # module-level tracers and histograms, made at import
    module = "google.adk.telemetry._metrics"
    patches = [
        swap(module, "_client_token_usage", SelectiveHistogram),
        swap(module, "_client_operation_duration", SelectiveHistogram),
    ]
    for name in _ADK_RUNS:
        patches.append(swap(module, name, values_replaced_by(reporter)))
    for module in _ADK_MODULES:
        patches.append(swap(module, "tracer", replaced_by(reporter)))
    for module in ("google.adk.telemetry.tracing", "google.adk.flows.llm_flows.core._model_call"):
        # to make tracers it is used at import alone
        patches.append(swap(module, "trace", SelectiveTraceModule))
    return patches


def _mcp() -> list[Patch]:
    from callspan.frameworks.mcp.exchange import reporter

    # mcp 1.x has no telemetry
    return [swap("mcp.shared._otel", "_tracer", replaced_by(reporter))]


def _fastmcp() -> list[Patch]:
    # the trace context is still sent and received, and no span of ours is hidden by it
    patches: list[Patch] = []
    for module in ("fastmcp.telemetry", "fastmcp.server.telemetry"):
        patches.append(Patch(module, "telemetry_mode", _fastmcp_mode, optional=True))
    return patches


def _fastmcp_mode(
    wrapped: Callable[..., str], _instance: object, args: tuple[()], kwargs: dict[str, object]
) -> str:
    from callspan.frameworks.mcp.exchange import reporter

    mode = wrapped(*args, **kwargs)
    # FastMCP is built on mcp, whose requests ours report
    if mode == "native" and is_replaced_by(reporter):
        return "propagation_only"
    return mode


PATCHES: dict[str, Callable[[], list[Patch]]] = {
    "strands": _strands,
    "autogen": _autogen,
    "guardrails": _guardrails,
    "pydantic_ai": _pydantic_ai,
    "agent_framework": _agent_framework,
    "mcp": _mcp,
    "fastmcp": _fastmcp,
    "semantic_kernel": _semantic_kernel,
    "google_adk": _adk,
}
"""The patches of each framework by its name in native.py."""
