"""The parameters of a request as attributes: a table of names and types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from callspan.events import ParameterName
from callspan.runtime.number import real, whole
from callspan.runtime.plain import valid
from callspan.semconv import names

Convert = Callable[[object], object]
"""Converts a parameter to the type of its attribute; `None` for a value that is no such type."""


def _string(value: object) -> str | None:
    if isinstance(value, str):
        return valid(value)
    return None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def strings(value: object) -> list[str] | None:
    """Return the texts of a list, or of a text alone; `None` if there are none."""
    if isinstance(value, str):
        return [valid(value)]
    if not isinstance(value, (list, tuple)):
        return None
    texts = [valid(item) for item in value if isinstance(item, str)]
    return texts or None


def _choice_count(value: object) -> int | None:
    number = whole(value)
    # the conventions leave out 1, which is what a request without the setting has
    if number == 1:
        return None
    return number


def _service_tier(value: object) -> str | None:
    tier = _string(value)
    # left out as well: it is what a request without the setting has
    if tier == "auto":
        return None
    return tier


# not `stop`, which is content (docs/decisions/0064), and nothing without an attribute in the
# conventions, such as `speed`, on which a price depends
REQUEST: dict[ParameterName, tuple[str, Convert]] = {
    "temperature": ("gen_ai.request.temperature", real),
    "top_p": ("gen_ai.request.top_p", real),
    "top_k": ("gen_ai.request.top_k", whole),
    "max_tokens": ("gen_ai.request.max_tokens", whole),
    "seed": ("gen_ai.request.seed", whole),
    "frequency_penalty": ("gen_ai.request.frequency_penalty", real),
    "presence_penalty": ("gen_ai.request.presence_penalty", real),
    "choices": ("gen_ai.request.choice.count", _choice_count),
    "reasoning_level": ("gen_ai.request.reasoning.level", _string),
    "previous_response_id": ("gen_ai.request.previous_response.id", _string),
    "conversation_id": (names.CONVERSATION_ID, _string),
    "output_type": ("gen_ai.output.type", _string),
    "encoding_formats": ("gen_ai.request.encoding_formats", strings),
    "dimensions": ("gen_ai.embeddings.dimension.count", whole),
    "characters": (names.CHARACTERS, whole),
    "response_id": (names.RESPONSE_ID, _string),
    "stream_cursor": ("gen_ai.request.stream_cursor", _string),
    "batch_id": (names.BATCH_ID, _string),
    "batch_file_id": (names.BATCH_FILE_ID, _string),
    "agent_id": ("gen_ai.agent.id", _string),
    "agent_name": (names.AGENT_NAME, _string),
    "tool_name": (names.TOOL_NAME, _string),
    "tool_type": (names.TOOL_KIND, _string),
    "tool_call_id": ("gen_ai.tool.call.id", _string),
    "tool_description": ("gen_ai.tool.description", _string),
    "workflow_name": (names.WORKFLOW_NAME, _string),
    "node_name": (names.FRAMEWORK_NODE, _string),
    "guardrail_triggered": (names.GUARDRAIL_TRIGGERED, _flag),
    "data_source_id": ("gen_ai.data_source.id", _string),
    "retrieval_top_k": ("gen_ai.retrieval.top_k", whole),
    "memory_store_id": ("gen_ai.memory.store.id", _string),
    "memory_record_id": ("gen_ai.memory.record.id", _string),
    "memory_record_count": (names.MEMORY_RECORD_COUNT, whole),
    "prompt_name": (names.PROMPT_NAME, _string),
    "prompt_version": (names.PROMPT_VERSION, _string),
    # of a request of the Model Context Protocol, whose methods are no operations of the conventions
    "operation_name": (names.OPERATION, _string),
    "mcp_method": (names.MCP_METHOD, _string),
    "mcp_protocol_version": (names.MCP_PROTOCOL_VERSION, _string),
    "mcp_resource_uri": (names.MCP_RESOURCE_URI, _string),
    "mcp_session_id": (names.MCP_SESSION_ID, _string),
    "jsonrpc_request_id": (names.JSONRPC_REQUEST_ID, _string),
    "rpc_status_code": (names.RPC_STATUS_CODE, _string),
    "network_transport": (names.NETWORK_TRANSPORT, _string),
    "network_protocol_name": (names.NETWORK_PROTOCOL_NAME, _string),
    "network_protocol_version": (names.NETWORK_PROTOCOL_VERSION, _string),
    "server_address": (names.SERVER_ADDRESS, _string),
    "server_port": (names.SERVER_PORT, whole),
    "client_address": (names.CLIENT_ADDRESS, _string),
    "client_port": (names.CLIENT_PORT, whole),
}
"""The attribute of each parameter, and how its value is converted."""
_PROVIDER_ONLY: dict[str, dict[ParameterName, tuple[str, Convert]]] = {
    "openai": {
        "api_type": ("openai.api.type", _string),
        "service_tier": ("openai.request.service_tier", _service_tier),
    },
    "aws.bedrock": {
        "guardrail_id": ("aws.bedrock.guardrail.id", _string),
        "knowledge_base_id": ("aws.bedrock.knowledge_base.id", _string),
    },
}
"""Parameters that the conventions have for one provider only."""


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of one version of the conventions, joined beforehand, as each request reads one.

    Attributes:
        general: The table for providers that have none of their own.
        of_providers: The tables of the others.
        copies: Attributes, each with a second name under which it stands too.
    """

    general: dict[ParameterName, tuple[str, Convert]]
    of_providers: dict[str, dict[ParameterName, tuple[str, Convert]]]
    copies: tuple[tuple[str, str], ...] = ()


def _tables(copies: tuple[tuple[str, str], ...] = (), **changes: tuple[str, Convert]) -> Tables:
    """Return the tables with other rows for some of the parameters."""
    # a type checker takes the names of arguments for any texts
    general = {**REQUEST, **changes}  # pyright: ignore[reportAssignmentType]
    of_providers = {provider: {**general, **rows} for provider, rows in _PROVIDER_ONLY.items()}
    return Tables(general, of_providers, copies)  # pyright: ignore[reportArgumentType]


_DOUBLE_TOP_K = (REQUEST["top_k"][0], real)
LATEST_TABLES = _tables(workflow_name=(names.AGENT_NAME, _string))
"""The tables of the newest version, which names workflows as agents."""
RELEASED_TABLES = _tables(top_k=_DOUBLE_TOP_K)
"""The tables of the released version."""
TABLES_OF_BOTH = _tables(((names.WORKFLOW_NAME, names.AGENT_NAME),), top_k=_DOUBLE_TOP_K)
"""The tables of both: an attribute has one type, that of the released version."""
