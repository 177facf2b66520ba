"""Names of attributes, events and metrics.

Those under `callspan` are our own, all others are the conventions'.
"""

# The operation, its request and its response.
OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_STREAM = "gen_ai.request.stream"
RESPONSE_ID = "gen_ai.response.id"
RESPONSE_MODEL = "gen_ai.response.model"
FINISH_REASONS = "gen_ai.response.finish_reasons"
TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
RESPONSE_STATUS = "gen_ai.response.status"

# Token counts: parts of the input and of the output are in these totals as well.
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS = "gen_ai.usage.cache_write.input_tokens"
# the name in the released version, which the latest one has changed to the one above
CACHE_CREATION_TOKENS = "gen_ai.usage.cache_creation.input_tokens"
REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"

# Content, which is recorded only where capture is on.
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions"
TOOL_DEFINITIONS = "gen_ai.tool.definitions"

# a template: the name of the variable follows after a dot
PROMPT_VARIABLE = "gen_ai.prompt.variable"
STOP_SEQUENCES = "gen_ai.request.stop_sequences"
TOOL_ARGUMENTS = "gen_ai.tool.call.arguments"
TOOL_RESULT = "gen_ai.tool.call.result"
RETRIEVAL_QUERY = "gen_ai.retrieval.query.text"
RETRIEVAL_DOCUMENTS = "gen_ai.retrieval.documents"

# Operations of the program itself.
AGENT_NAME = "gen_ai.agent.name"
TOOL_NAME = "gen_ai.tool.name"
TOOL_KIND = "gen_ai.tool.type"
WORKFLOW_NAME = "gen_ai.workflow.name"
PROMPT_NAME = "gen_ai.prompt.name"
PROMPT_VERSION = "gen_ai.prompt.version"
CONVERSATION_ID = "gen_ai.conversation.id"

SERVICE_TIER = "openai.response.service_tier"
FINGERPRINT = "openai.response.system_fingerprint"

# Attributes of metrics.
TOKEN_TYPE = "gen_ai.token.type"
TOKEN_MODALITY = "gen_ai.token.modality"

# The Model Context Protocol, and the transport of its messages.
MCP_METHOD = "mcp.method.name"
MCP_PROTOCOL_VERSION = "mcp.protocol.version"
MCP_RESOURCE_URI = "mcp.resource.uri"
MCP_SESSION_ID = "mcp.session.id"
JSONRPC_REQUEST_ID = "jsonrpc.request.id"
RPC_STATUS_CODE = "rpc.response.status_code"
NETWORK_TRANSPORT = "network.transport"
NETWORK_PROTOCOL_NAME = "network.protocol.name"
NETWORK_PROTOCOL_VERSION = "network.protocol.version"
CLIENT_ADDRESS = "client.address"
CLIENT_PORT = "client.port"

# General conventions.
SESSION_ID = "session.id"
USER_ID = "user.id"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
ERROR_TYPE = "error.type"
HTTP_STATUS = "http.response.status_code"
HTTP_REQUEST_ID = "http.response.header.x-request-id"
HTTP_RETRY_AFTER = "http.response.header.retry-after"
EXCEPTION_TYPE = "exception.type"
EXCEPTION_MESSAGE = "exception.message"
EXCEPTION_STACKTRACE = "exception.stacktrace"

DETAILS_EVENT = "gen_ai.client.inference.operation.details"
EXCEPTION_EVENT = "gen_ai.client.operation.exception"
EVALUATION_EVENT = "gen_ai.evaluation.result"

# Addresses of files with content that is too long.
INPUT_MESSAGES_REF = "gen_ai.input.messages_ref"
OUTPUT_MESSAGES_REF = "gen_ai.output.messages_ref"
SYSTEM_INSTRUCTIONS_REF = "gen_ai.system_instructions_ref"
TOOL_DEFINITIONS_REF = "gen_ai.tool.definitions_ref"

# The result of an evaluation.
EVALUATION_NAME = "gen_ai.evaluation.name"
EVALUATION_SCORE = "gen_ai.evaluation.score.value"
EVALUATION_LABEL = "gen_ai.evaluation.score.label"
EVALUATION_EXPLANATION = "gen_ai.evaluation.explanation"

# Our own names.
OUTCOME = "callspan.outcome"
USAGE_SOURCE = "callspan.usage.source"
USAGE_NOT_COUNTED = "callspan.usage.not_counted"
ATTEMPTS = "callspan.request.attempts"
CHUNKS = "callspan.stream.chunks"
TIME_TO_FIRST_SOUND = "callspan.stream.time_to_first_sound"
TIME_TO_FIRST_TEXT = "callspan.stream.time_to_first_text"
COST = "callspan.cost.usd"
COST_UNKNOWN = "callspan.cost.unknown"
COST_SOURCE = "callspan.cost.source"
SUM_CALLS = "callspan.sum.calls"
SUM_FAILED_CALLS = "callspan.sum.failed_calls"
SUM_UNKNOWN_CALLS = "callspan.sum.unknown_calls"
SUM_ESTIMATED_CALLS = "callspan.sum.estimated_calls"
SUM_INPUT_TOKENS = "callspan.sum.input_tokens"
SUM_OUTPUT_TOKENS = "callspan.sum.output_tokens"
SUM_MODELS = "callspan.sum.models"
SUM_COST = "callspan.sum.cost.usd"
SUM_COST_SOURCE = "callspan.sum.cost.source"
SUM_COST_UNKNOWN_CALLS = "callspan.sum.cost.unknown_calls"
WEB_SEARCHES = "callspan.usage.web_searches"
WEB_FETCHES = "callspan.usage.web_fetches"
SOCIAL_SEARCHES = "callspan.usage.social_searches"
SEARCH_SOURCES = "callspan.usage.search_sources"
STORAGE_SEARCHES = "callspan.usage.storage_searches"
CODE_EXECUTIONS = "callspan.usage.code_executions"
RERANK_SEARCHES = "callspan.usage.rerank_searches"
CONTENT_ELIDED = "callspan.content.elided"
CONTENT_DROPPED = "callspan.content.dropped"
CLIENT_NAME = "callspan.client.name"
CLIENT_VERSION = "callspan.client.version"
# for metrics of our own, beside the conventions' `gen_ai.token.type`
OWN_TOKEN_TYPE = "callspan.token.type"
OWN_TOKEN_MODALITY = "callspan.token.modality"
FRAMEWORK_NAME = "callspan.framework.name"
FRAMEWORK_VERSION = "callspan.framework.version"
FRAMEWORK_RUN_ID = "callspan.framework.run_id"
FRAMEWORK_TAGS = "callspan.framework.tags"
FRAMEWORK_NODE = "callspan.framework.node"
FRAMEWORK_STEP = "callspan.framework.step"
BUDGET_STOP_EVENT = "callspan.budget.stop"
BUDGET_NAME = "callspan.budget.stop.name"
BUDGET_UNIT = "callspan.budget.stop.unit"
BUDGET_LIMIT = "callspan.budget.stop.limit"
BUDGET_SPENT = "callspan.budget.stop.spent"
FIRST_TOKEN_EVENT = "callspan.first_token"
TOKEN_EVENT = "callspan.token"
TOKEN_KIND = "callspan.token.kind"
TOKEN_TIME = "callspan.token.time"
RETRY_EVENT = "callspan.retry"
RETRY_ATTEMPT = "callspan.retry.attempt"
RETRY_WAIT = "callspan.retry.wait"
RETRY_CAUSE = "callspan.retry.cause"

SCOPE = "callspan"
"""The one instrumentation scope under which all telemetry is emitted."""
