"""The rules of the conventions that stand in their prose and not in their registry, and a sentence for every rule."""

from __future__ import annotations

from typing import Any

from .finding import EXPECTED, INFORMATION, VIOLATION, Finding

DURATION_BUCKETS = (
    0.01,
    0.02,
    0.04,
    0.08,
    0.16,
    0.32,
    0.64,
    1.28,
    2.56,
    5.12,
    10.24,
    20.48,
    40.96,
    81.92,
)
TOKEN_BUCKETS = (
    1,
    4,
    16,
    64,
    256,
    1024,
    4096,
    16384,
    65536,
    262144,
    1048576,
    4194304,
    16777216,
    67108864,
)
_AGENT_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6)
_MCP_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)
_AGENT_CALLS = (1, 2, 4, 8, 16, 32, 64, 128)
BUCKETS: dict[str, tuple[float, ...]] = {
    "gen_ai.client.operation.duration": DURATION_BUCKETS,
    "gen_ai.client.operation.time_to_first_chunk": DURATION_BUCKETS,
    "gen_ai.client.operation.time_per_output_chunk": DURATION_BUCKETS,
    "gen_ai.client.token.usage": TOKEN_BUCKETS,
    "gen_ai.client.inference.duration": DURATION_BUCKETS,
    "gen_ai.client.inference.time_to_first_chunk": DURATION_BUCKETS,
    "gen_ai.client.inference.time_per_output_chunk": DURATION_BUCKETS,
    "gen_ai.client.inference.operation.input_tokens": TOKEN_BUCKETS,
    "gen_ai.client.inference.operation.output_tokens": TOKEN_BUCKETS,
    "gen_ai.invoke_agent.duration": _AGENT_SECONDS,
    "gen_ai.invoke_agent.inference_calls": _AGENT_CALLS,
    "gen_ai.invoke_agent.tool_calls": _AGENT_CALLS,
    "gen_ai.invoke_workflow.duration": (1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200),
    "gen_ai.execute_tool.duration": DURATION_BUCKETS,
    "mcp.client.operation.duration": _MCP_SECONDS,
    "mcp.server.operation.duration": _MCP_SECONDS,
    "mcp.client.session.duration": _MCP_SECONDS,
    "mcp.server.session.duration": _MCP_SECONDS,
}
"""The advised buckets, which the conventions give in their pages only."""

INFERENCE = "gen_ai.client.inference"
INFERENCE_OPERATIONS = ("chat", "generate_content", "text_completion")
_MEMORY = ("create_memory_store", "delete_memory_store", "create_memory", "update_memory")
_MEMORY += ("upsert_memory", "delete_memory", "search_memory")
SPAN_TYPES: dict[str, str] = {
    **dict.fromkeys(INFERENCE_OPERATIONS, INFERENCE),
    **dict.fromkeys(_MEMORY, "gen_ai.memory.client"),
    "embeddings": "gen_ai.embeddings.client",
    "retrieval": "gen_ai.retrieval.client",
    "fetch_response": "gen_ai.fetch_response.client",
    "create_agent": "gen_ai.create_agent.client",
    "invoke_agent": "gen_ai.invoke_agent.client",
    "execute_tool": "gen_ai.execute_tool.internal",
    "invoke_workflow": "gen_ai.invoke_workflow.internal",
    "plan": "gen_ai.plan.internal",
}
"""The span type of each operation; `invoke_agent` is another one inside the process."""
INTERNAL_AGENT = "gen_ai.invoke_agent.internal"
EITHER_KIND = (INFERENCE, "gen_ai.memory.client")
"""Span types that may be INTERNAL when the model or the memory is in the process."""

METHOD = "mcp.method.name"
"""The attribute that names a request of the Model Context Protocol; its span is named after it."""

NODE = "callspan.framework.node"
"""The attribute of a node of a graph, whose span states no operation."""

NAMED_AFTER = {
    **dict.fromkeys(
        (*INFERENCE_OPERATIONS, "embeddings", "moderation", "rerank"), "gen_ai.request.model"
    ),
    "retrieval": "gen_ai.data_source.id",
    "create_agent": "gen_ai.agent.name",
    "invoke_agent": "gen_ai.agent.name",
    "plan": "gen_ai.agent.name",
    "execute_tool": "gen_ai.tool.name",
    "invoke_workflow": "gen_ai.workflow.name",
    "run_node": NODE,
}
"""The attribute that follows the operation in a span's name; operations not here stand alone."""

STOPS = "gen_ai.request.stop_sequences"
"""Texts of the app's, which is why the package takes them for content; the conventions have them among the settings."""

NOT_EXPECTED = frozenset(
    {
        "gen_ai.request.temperature",
        "gen_ai.request.max_tokens",
        "gen_ai.request.top_p",
        STOPS,
        "gen_ai.request.presence_penalty",
        "gen_ai.request.frequency_penalty",
        "gen_ai.tool.description",
    }
)
"""Recommended attributes whose absence the conformance runs forgive."""

VARIABLE = "gen_ai.prompt.variable"
"""A template; what the variables of a prompt say is content."""

LATEST_ONLY = frozenset({"gen_ai.usage.cache_write.input_tokens", "gen_ai.token.modality"})
RELEASED_METRICS = frozenset({"gen_ai.invoke_workflow.duration"})
"""Metrics of the text of October that the release after it, v0.1.0, does not have any more."""
RELEASED_ONLY = frozenset({"gen_ai.workflow.name"})
"""The same of attributes."""
LATEST_LEVELS: dict[str, dict[str, str]] = {
    "gen_ai.invoke_workflow.internal": {"gen_ai.agent.name": "conditionally_required when"},
}
"""Attributes that v0.1.0 has on a span type where the text of October has not."""
SHARED_METRICS = frozenset(
    {
        "gen_ai.client.operation.duration",
        "gen_ai.invoke_agent.duration",
        "gen_ai.invoke_agent.inference_calls",
        "gen_ai.invoke_agent.tool_calls",
        "gen_ai.execute_tool.duration",
        "mcp.client.operation.duration",
        "mcp.server.operation.duration",
        "mcp.client.session.duration",
        "mcp.server.session.duration",
    }
)
"""Metrics of the newest text that the released one has too, or for which it has no other name."""

RELEASED_LEVELS: dict[str, dict[str, str]] = {
    "gen_ai.invoke_agent.internal": {"gen_ai.provider.name": "required"},
    "gen_ai.retrieval.client": {"gen_ai.provider.name": "required"},
}
"""Attributes that the released text requires of a span type where the newest does not."""
RELEASED_TYPES = {"gen_ai.request.top_k": "double"}
"""Attributes that have another type in the released text."""
RELEASED_FIELDS: dict[str, dict[str, type]] = {
    "gen_ai.output.messages": {"finish_reason": str},
    "gen_ai.retrieval.documents": {"id": str, "score": float},
}
"""Fields that the schemas of the released text require of each message and document."""

SCHEMA_URLS = {
    "released": "https://opentelemetry.io/schemas/1.41.0",
    "latest": "https://opentelemetry.io/schemas/gen-ai/1.42.0",
}
SCOPE = "callspan"
DETAILS = "gen_ai.client.inference.operation.details"
EXCEPTION = "gen_ai.client.operation.exception"
INFERENCE_EXCEPTION = "gen_ai.client.inference.exception"
EXCEPTIONS = (EXCEPTION, INFERENCE_EXCEPTION)
SEVERITIES = {DETAILS: 5, EXCEPTION: 13, INFERENCE_EXCEPTION: 13}
PLACES = {DETAILS: "details", EXCEPTION: "exception", INFERENCE_EXCEPTION: "exception"}

SCHEMAS = {
    "gen_ai.input.messages": "gen-ai-input-messages",
    "gen_ai.output.messages": "gen-ai-output-messages",
    "gen_ai.system_instructions": "gen-ai-system-instructions",
    "gen_ai.tool.definitions": "gen-ai-tool-definitions",
    "gen_ai.tool.call.arguments": "gen-ai-tool-call-arguments",
    "gen_ai.tool.call.result": "gen-ai-tool-call-result",
    "gen_ai.retrieval.documents": "gen-ai-retrieval-documents",
    "gen_ai.memory.records": "gen-ai-memory-records",
}
PARTS = {
    "text": "TextPart",
    "tool_call": "ToolCallRequestPart",
    "tool_call_response": "ToolCallResponsePart",
    "server_tool_call": "ServerToolCallPart",
    "server_tool_call_response": "ServerToolCallResponsePart",
    "reasoning": "ReasoningPart",
    "compaction": "CompactionPart",
    "blob": "BlobPart",
    "file": "FilePart",
    "uri": "UriPart",
}
"""The definition that a part of each type must meet; the schemas themselves let any part pass as a generic one."""

SUBSETS = {
    "gen_ai.usage.cache_read.input_tokens": "gen_ai.usage.input_tokens",
    "gen_ai.usage.cache_write.input_tokens": "gen_ai.usage.input_tokens",
    "gen_ai.usage.cache_creation.input_tokens": "gen_ai.usage.input_tokens",
    "gen_ai.usage.text.input_tokens": "gen_ai.usage.input_tokens",
    "gen_ai.usage.audio.input_tokens": "gen_ai.usage.input_tokens",
    "gen_ai.usage.image.input_tokens": "gen_ai.usage.input_tokens",
    "gen_ai.usage.reasoning.output_tokens": "gen_ai.usage.output_tokens",
    "gen_ai.usage.text.output_tokens": "gen_ai.usage.output_tokens",
    "gen_ai.usage.audio.output_tokens": "gen_ai.usage.output_tokens",
    "gen_ai.usage.image.output_tokens": "gen_ai.usage.output_tokens",
}
"""Counts that are inside another count."""

RULES: dict[str, tuple[str, str]] = {
    "name.unknown": (VIOLATION, "is neither in the conventions' registry nor in ours"),
    "name.dialect": (VIOLATION, "belongs to a dialect of the conventions that was not chosen"),
    "name.place": (VIOLATION, "is not listed for this signal"),
    "value.type": (VIOLATION, "has a value of another type than the registry says"),
    "value.enum": (INFORMATION, "has a value that neither registry names"),
    "scope.name": (VIOLATION, "the instrumentation scope must be the one of the package"),
    "scope.schema": (
        VIOLATION,
        "the schema URL must be that of the dialect chosen, and none for two",
    ),
    "operation.unknown": (VIOLATION, "the operation is neither predefined nor documented by us"),
    "span.name": (VIOLATION, "a span's name is the operation and what it is done with"),
    "span.kind": (VIOLATION, "the span's kind does not fit the operation"),
    "span.required": (VIOLATION, "a required attribute is missing"),
    "span.expected": (EXPECTED, "a recommended attribute is missing"),
    "span.port": (VIOLATION, "server.port is set exactly where server.address is"),
    "span.ok": (VIOLATION, "the status is never set to OK"),
    "span.error": (VIOLATION, "a failed span must say error.type"),
    "span.unfailed": (VIOLATION, "error.type may stand on failed spans only"),
    "span.outcome": (VIOLATION, "the outcome contradicts the status"),
    "span.description": (INFORMATION, "the status description repeats the error's type"),
    "span.default": (VIOLATION, "is left out where it says what its absence says"),
    "span.flavour": (VIOLATION, "belongs to another provider's flavour"),
    "span.finish": (VIOLATION, "there must be one finish reason for each choice"),
    "span.finish_error": (
        VIOLATION,
        "a whole answer that did not fail has no finish reason `error`",
    ),
    "span.first_chunk": (VIOLATION, "time to first chunk is told of streams only"),
    "span.subset": (VIOLATION, "a part is greater than the count that includes it"),
    "span.exception": (VIOLATION, "exceptions are log events, not span events"),
    "span.time": (VIOLATION, "the span ends before it starts, or an event lies outside of it"),
    "event.required": (VIOLATION, "a required attribute of an event is missing"),
    "content.off": (VIOLATION, "content is recorded where it was not asked for"),
    "content.json": (VIOLATION, "content on spans is one JSON text"),
    "content.structured": (VIOLATION, "content on log events is structured, not JSON text"),
    "content.schema": (VIOLATION, "content does not meet its JSON schema"),
    "content.released": (VIOLATION, "content lacks a field that the released schema requires"),
    "content.part": (VIOLATION, "a part lacks what its type requires"),
    "content.binary": (VIOLATION, "bytes stand where text belongs"),
    "content.messages": (VIOLATION, "there are more output messages than finish reasons"),
    "metric.dialect": (VIOLATION, "is a metric of a dialect that was not chosen"),
    "metric.instrument": (VIOLATION, "is another instrument than the registry says"),
    "metric.unit": (VIOLATION, "has another unit than the registry says"),
    "metric.value": (VIOLATION, "has values of another type than the registry says"),
    "metric.buckets": (VIOLATION, "has other buckets than the conventions advise"),
    "metric.attribute": (
        VIOLATION,
        "is not listed for this metric, and each attribute more is series more",
    ),
    "metric.required": (VIOLATION, "a required attribute is missing on a metric"),
    "metric.port": (
        VIOLATION,
        "server.port is set exactly where server.address is, on metrics too",
    ),
    "metric.inference": (VIOLATION, "an operation is recorded under a metric that is not for it"),
    "event.severity": (VIOLATION, "the event's severity is another than the conventions say"),
    "event.body": (VIOLATION, "an event has attributes and no body"),
    "event.span": (VIOLATION, "the event does not belong to a span of ours"),
    "event.differs": (VIOLATION, "the event says otherwise than its span"),
    "event.name": (VIOLATION, "an exception has another event than its operation"),
    "event.missing": (VIOLATION, "a failed span has no exception event"),
    "event.twice": (VIOLATION, "an exception is told more than once"),
    "event.unfailed": (VIOLATION, "an exception event belongs to a span that did not fail"),
    "sum.duration": (VIOLATION, "durations on the metric are not those of the spans"),
    "sum.tokens": (VIOLATION, "token counts on the metric are not those of the spans"),
    "sum.first_chunk": (VIOLATION, "times to first chunk on the metric are not those of the spans"),
    "sum.chunks": (VIOLATION, "there must be one record for each chunk after the first"),
    "sum.failed": (VIOLATION, "error.type on a token histogram is not that of the span"),
    "request.unsent": (VIOLATION, "was not in the request"),
    "request.missing": (VIOLATION, "was in the request and is not told"),
    "request.differs": (VIOLATION, "is not what the request says"),
}
"""Every rule that is checked: how much it weighs, and what it says."""


def broken(rule: str, signal: str, name: str, value: Any = None) -> Finding:
    """What is reported where a rule is broken."""
    level, says = RULES[rule]
    return Finding(level, signal, name, rule, says, value)
