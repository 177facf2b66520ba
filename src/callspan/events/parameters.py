"""The settings of a request, under names that are the same for all providers."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

Setting = Any
"""The value of a setting as the app sent it, of which nobody has checked the type."""

ParameterName = Literal[
    "agent_id",
    "agent_name",
    "api_type",
    "background",
    "batch_file_id",
    "batch_id",
    "characters",
    "choices",
    "client_address",
    "client_port",
    "conversation_id",
    "data_source_id",
    "dimensions",
    "encoding_formats",
    "frequency_penalty",
    "guardrail_id",
    "guardrail_triggered",
    "inference_geo",
    "jsonrpc_request_id",
    "knowledge_base_id",
    "latency",
    "max_tokens",
    "mcp_method",
    "mcp_protocol_version",
    "mcp_request",
    "mcp_resource_uri",
    "mcp_session_id",
    "memory_record_count",
    "memory_record_id",
    "memory_store_id",
    "network_protocol_name",
    "network_protocol_version",
    "network_transport",
    "node_name",
    "operation_name",
    "output_type",
    "presence_penalty",
    "previous_response_id",
    "processing",
    "prompt_name",
    "prompt_version",
    "reasoning_level",
    "response_id",
    "retrieval_top_k",
    "rpc_status_code",
    "search_type",
    "seed",
    "server_address",
    "server_port",
    "service_tier",
    "speed",
    "stop",
    "stream_cursor",
    "temperature",
    "tool_call_id",
    "tool_description",
    "tool_name",
    "tool_type",
    "top_k",
    "top_p",
    "workflow_name",
]
"""The keys of `Parameters`, for tables that map a provider's names to them."""
SubjectName = Literal[
    "agent_name", "data_source_id", "mcp_request", "node_name", "tool_name", "workflow_name"
]
"""The keys of `Parameters` that name what is called, where that is no model."""

ConditionName = Literal[
    "inference_geo", "latency", "processing", "search_type", "service_tier", "speed"
]
"""The keys of `Conditions`, for tables."""


class Conditions(TypedDict, total=False):
    """The conditions of a call's price, as they are asked for in a request or stated in its answer."""

    service_tier: Setting  # str
    speed: Setting  # str, `fast` at Anthropic
    latency: Setting  # str, `optimized` at Bedrock
    inference_geo: Setting  # str, the region that computes the answer
    processing: str  # `batch` for a request that was handed over in a batch
    search_type: str  # the kind of web search


class Parameters(Conditions, total=False):
    """The settings of a request, only those that were sent.

    The comments name the type and the unit that providers document; an app may have sent another.
    """

    # what the model does
    temperature: Setting  # float
    top_p: Setting  # float, 0 to 1
    top_k: Setting  # int
    max_tokens: Setting  # int, the most tokens of the answer
    stop: Setting  # str or list of str; it is content
    seed: Setting  # int
    choices: Setting  # int, the number of answers
    frequency_penalty: Setting  # float
    presence_penalty: Setting  # float
    reasoning_level: Setting  # str, such as `low`
    output_type: str | None  # `text`, `json`, `image` or `speech`, the conventions' words
    dimensions: Setting  # int, the length of a vector
    characters: int  # the length of a text that is to be spoken
    encoding_formats: Setting  # str or list of str
    # what the call belongs to
    api_type: str  # which of OpenAI's APIs
    background: bool  # whether the provider goes on after it has answered
    batch_file_id: Setting  # str, of the file with results of a batch
    batch_id: Setting  # str
    conversation_id: Setting  # str
    previous_response_id: Setting  # str
    response_id: Setting  # str, of the response that is fetched
    stream_cursor: str  # after which event a stream is resumed
    guardrail_id: Setting  # str
    prompt_version: Setting  # str, of the template with the name `prompt_name`
    knowledge_base_id: Setting  # str
    # what is called, where it is no model
    agent_id: Setting  # str
    agent_name: Setting  # str
    tool_name: Setting  # str
    tool_type: Setting  # str
    tool_call_id: Setting  # str, by which a model's answer names the call
    tool_description: Setting  # str
    workflow_name: Setting  # str
    node_name: Setting  # str
    guardrail_triggered: Setting  # bool, whether it found what it looks for
    data_source_id: Setting  # str
    retrieval_top_k: Setting  # int, the most documents
    memory_store_id: Setting  # str
    memory_record_id: Setting  # str, of the one record that is read or changed
    memory_record_count: Setting  # int, the records that are to be changed
    # a request of the Model Context Protocol, and the connection on which it goes
    mcp_request: Setting  # str, its method and target
    mcp_method: str
    mcp_protocol_version: str | None
    mcp_resource_uri: str | None
    mcp_session_id: Setting  # str
    operation_name: str  # the conventions' name of what it does
    prompt_name: Setting  # str
    jsonrpc_request_id: str | None
    rpc_status_code: str | None
    network_transport: str | None
    network_protocol_name: str | None
    network_protocol_version: str | None
    server_address: str | None
    server_port: int | None
    client_address: str | None
    client_port: int | None
