"""The versions of the conventions as data: their metrics, with names, units and buckets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from callspan.semconv import names
from callspan.semconv.parameters import LATEST_TABLES, RELEASED_TABLES, TABLES_OF_BOTH, Tables

# the buckets of seconds and of tokens are those that the conventions advise
SECONDS = tuple(0.01 * 2**n for n in range(14))
TOKENS = tuple(4**n for n in range(14))
# of a metric of our own, for which there is no advice
RATES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
HISTOGRAM = "histogram"
COUNTER = "counter"
UP_DOWN = "up_down_counter"


@dataclass(frozen=True, slots=True)
class Metric:
    """One instrument.

    Attributes:
        name: Its name.
        unit: Its unit, in UCUM's notation.
        description: Its meaning, which back ends show.
        kind: `histogram`, `counter` or `up_down_counter`.
        buckets: The boundaries of a histogram's buckets; `None` for the SDK's own.
    """

    name: str
    unit: str
    description: str
    kind: str = HISTOGRAM
    buckets: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Convention:
    """One version of the conventions.

    The fields are metrics; `None` stands for one that this version does not have.

    Attributes:
        schema_url: The address of its schema, which goes with the telemetry.
        cache_write: The attribute of tokens written to a cache, which was renamed.
        local_durations: The durations of operations that the program performs itself.
        workflow_name: The attribute with the name of a workflow.
        inference_exception: The event of an exception of a call that infers; those of other
            operations have the same event in all versions.
        requests: The attributes of a request's parameters, with their types.
        needs_provider: The operations that must name a provider, though they may have none.
        needs_reason: Whether each message of an answer must have a finish reason.
        unknown_fields: The fields that each document of a search must have; for each the fields
            that say that it is not known.
    """

    schema_url: str
    cache_write: str
    inference_duration: Metric
    operation_duration: Metric
    first_chunk: Metric
    per_chunk: Metric
    token_usage: Metric | None = None
    input_tokens: Metric | None = None
    output_tokens: Metric | None = None
    cache_read_tokens: Metric | None = None
    cache_write_tokens: Metric | None = None
    reasoning_tokens: Metric | None = None
    input_distribution: Metric | None = None
    output_distribution: Metric | None = None
    local_durations: Mapping[str, Metric] = field(default_factory=dict)
    workflow_name: str = names.WORKFLOW_NAME
    inference_exception: str = names.EXCEPTION_EVENT
    requests: Tables = RELEASED_TABLES
    needs_provider: frozenset[str] = frozenset()
    needs_reason: bool = False
    unknown_fields: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


def _seconds(name: str, description: str) -> Metric:
    return Metric(name, "s", description, HISTOGRAM, SECONDS)


def _tokens(name: str, description: str) -> Metric:
    return Metric(name, "{token}", description, COUNTER)


def _distribution(name: str, description: str) -> Metric:
    return Metric(name, "{token}", description, HISTOGRAM, TOKENS)


# advised by the conventions too, as are those for workflows and for the protocol below
_AGENT_SECONDS = tuple(0.1 * 2**n for n in range(13))
_AGENT_CALLS = tuple(2**n for n in range(8))
_WORKFLOW_SECONDS = (1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200)

LOCAL_DURATIONS = {
    "invoke_agent": Metric(
        "gen_ai.invoke_agent.duration",
        "s",
        "Duration of an agent's run.",
        HISTOGRAM,
        _AGENT_SECONDS,
    ),
    "invoke_workflow": Metric(
        "gen_ai.invoke_workflow.duration",
        "s",
        "Duration of a workflow's run.",
        HISTOGRAM,
        _WORKFLOW_SECONDS,
    ),
    "execute_tool": _seconds("gen_ai.execute_tool.duration", "Duration of a tool's run."),
}
"""The duration of operations that the program performs itself.

The names are newer than the released version, which has no others for it.
"""

# one metric of both versions: where both are recorded, it is recorded once
_OPERATION = _seconds("gen_ai.client.operation.duration", "GenAI operation duration.")

# the last version before these conventions moved into a repository of their own
RELEASED = Convention(
    schema_url="https://opentelemetry.io/schemas/1.41.0",
    cache_write=names.CACHE_CREATION_TOKENS,
    inference_duration=_OPERATION,
    operation_duration=_OPERATION,
    first_chunk=_seconds(
        "gen_ai.client.operation.time_to_first_chunk",
        "Time from the request to the first chunk of the answer.",
    ),
    per_chunk=_seconds(
        "gen_ai.client.operation.time_per_output_chunk",
        "Time between two chunks of the answer, after the first.",
    ),
    # one for both directions, which an attribute tells apart
    token_usage=_distribution(
        "gen_ai.client.token.usage", "Number of input and output tokens used."
    ),
    # this version has no metric of its own for these three
    cache_read_tokens=_tokens(
        "callspan.client.cache_read_tokens", "Input tokens read from the provider's cache."
    ),
    cache_write_tokens=_tokens(
        "callspan.client.cache_write_tokens", "Input tokens written to the provider's cache."
    ),
    reasoning_tokens=_tokens(
        "callspan.client.reasoning_tokens", "Output tokens spent on reasoning."
    ),
    local_durations=LOCAL_DURATIONS,
    needs_provider=frozenset({"invoke_agent", "retrieval"}),
    needs_reason=True,
    # its schema takes texts and numbers alone, and readers lose all documents for want of one
    unknown_fields={"id": {"id": ""}, "score": {"score": 0.0, "score_unknown": True}},
)

# v0.1.0 of the conventions' own repository, as far as it is known; `registry.yaml` says what is not
LATEST = Convention(
    schema_url="https://opentelemetry.io/schemas/gen-ai/1.42.0",
    cache_write=names.CACHE_WRITE_TOKENS,
    inference_duration=_seconds(
        "gen_ai.client.inference.duration", "GenAI client inference operation duration."
    ),
    operation_duration=_OPERATION,
    first_chunk=_seconds(
        "gen_ai.client.inference.time_to_first_chunk",
        "Time from the request to the first chunk of the answer.",
    ),
    per_chunk=_seconds(
        "gen_ai.client.inference.time_per_output_chunk",
        "Time between two chunks of the answer, after the first.",
    ),
    # two metrics for each direction: a sum here, and below how many one call has
    input_tokens=_tokens(
        "gen_ai.client.inference.usage.input_tokens", "Input tokens, cached ones included."
    ),
    output_tokens=_tokens(
        "gen_ai.client.inference.usage.output_tokens", "Output tokens, reasoning included."
    ),
    cache_read_tokens=_tokens(
        "gen_ai.client.inference.usage.cache_read.input_tokens",
        "Input tokens read from the provider's cache.",
    ),
    cache_write_tokens=_tokens(
        "gen_ai.client.inference.usage.cache_write.input_tokens",
        "Input tokens written to the provider's cache.",
    ),
    reasoning_tokens=_tokens(
        "gen_ai.client.inference.usage.reasoning.output_tokens", "Output tokens spent on reasoning."
    ),
    input_distribution=_distribution(
        "gen_ai.client.inference.operation.input_tokens", "Input tokens of one operation."
    ),
    output_distribution=_distribution(
        "gen_ai.client.inference.operation.output_tokens", "Output tokens of one operation."
    ),
    # a workflow is an agent here, by whose name and metric it goes
    local_durations={**LOCAL_DURATIONS, "invoke_workflow": LOCAL_DURATIONS["invoke_agent"]},
    workflow_name=names.AGENT_NAME,
    inference_exception=names.INFERENCE_EXCEPTION_EVENT,
    requests=LATEST_TABLES,
)

CALLS = Metric("callspan.client.calls", "{call}", "Calls by how they ended.", COUNTER)
ACTIVE = Metric("callspan.client.active", "{call}", "Calls in flight.", UP_DOWN)
RETRIES = Metric(
    "callspan.client.retries", "{retry}", "Attempts that a client gave up to try again.", COUNTER
)
ESTIMATED = Metric(
    "callspan.estimated.tokens",
    "{token}",
    "Tokens that callspan estimated, for no provider stated them.",
    COUNTER,
)
# UCUM has no currencies, so the unit is an annotation, in braces
COST = Metric("callspan.client.cost", "{USD}", "What calls cost, where that is known.", COUNTER)
COST_UNKNOWN = Metric(
    "callspan.client.cost.unknown", "{call}", "Calls whose cost is not known.", COUNTER
)
BUDGET_STOPS = Metric(
    "callspan.budget.stops", "{stop}", "Calls and streams that a budget has stopped.", COUNTER
)
OUTPUT_RATE = Metric(
    "callspan.client.output_rate",
    "{token}/s",
    "Output tokens of a whole answer a second.",
    HISTOGRAM,
    RATES,
)
MODALITY_TOKENS = Metric(
    "callspan.client.modality_tokens", "{token}", "Tokens by what they stand for.", COUNTER
)
EXTRA = {
    "calls": CALLS,
    "active": ACTIVE,
    "retries": RETRIES,
    "output_rate": OUTPUT_RATE,
    "modality_tokens": MODALITY_TOKENS,
}
"""Metrics of our own, recorded only where `extra_metrics` names them."""

INFERENCE_CALLS = Metric(
    "gen_ai.invoke_agent.inference_calls",
    "{inference_call}",
    "Calls to a model in one run of an agent.",
    HISTOGRAM,
    _AGENT_CALLS,
)
TOOL_CALLS = Metric(
    "gen_ai.invoke_agent.tool_calls",
    "{tool_call}",
    "Runs of tools in one run of an agent.",
    HISTOGRAM,
    _AGENT_CALLS,
)
LOCAL = (*LOCAL_DURATIONS.values(), INFERENCE_CALLS, TOOL_CALLS)

_MCP_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)


def _mcp_duration(name: str, description: str) -> Metric:
    return Metric(name, "s", description, HISTOGRAM, _MCP_SECONDS)


MCP_DURATIONS = {
    "mcp.client": _mcp_duration(
        "mcp.client.operation.duration",
        "Duration of a request or notification, from sending it to its answer.",
    ),
    "mcp.server": _mcp_duration(
        "mcp.server.operation.duration",
        "Duration of a request or notification, from receiving it to its answer.",
    ),
    "mcp_client_session": _mcp_duration("mcp.client.session.duration", "Duration of a session."),
    "mcp_server_session": _mcp_duration("mcp.server.session.duration", "Duration of a session."),
}
"""How long requests and sessions of the Model Context Protocol took."""

CHOICES: dict[str, tuple[Convention, ...]] = {
    "released": (RELEASED,),
    "latest": (LATEST,),
    "both": (RELEASED, LATEST),
}
"""The versions that each value of `CALLSPAN_SEMCONV` stands for."""


def schema_url(versions: Sequence[Convention]) -> str | None:
    """Return the schema that is true of telemetry in these versions; `None` for several at once."""
    return versions[0].schema_url if len(versions) == 1 else None


def request_tables(versions: Sequence[Convention]) -> Tables:
    """Return the tables of a request's attributes in these versions."""
    return versions[0].requests if len(versions) == 1 else TABLES_OF_BOTH
