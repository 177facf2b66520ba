"""What is true of every call of one operation: one row for each operation, read wherever it matters."""

from __future__ import annotations

from dataclasses import dataclass

from callspan.events.parameters import SubjectName


@dataclass(frozen=True, slots=True)
class OperationFacts:
    """The facts of one operation.

    Attributes:
        name: The conventions' name, or ours where they have none.
        subject: The parameter that names what is called; `None` where that is the model.
        is_protocol: Whether it is a request of a protocol, which has methods in place of the
            conventions' operations: its subject, method and target, is its whole name.
        is_served: Whether the program answers the request, rather than sends it.
        is_session: Whether it is a connection on which requests go, rather than one of them: its
            duration is recorded, and no handler of calls hears of it.
        is_local: Whether the program performs it by itself, unless it sends it to a server.
        uses_tokens: Whether it calls a model, so that there are tokens to count.
        has_output_tokens: Whether its answer has tokens too.
        is_inference: Whether the conventions call it inference; only these are estimated.
        is_billed: Whether its tokens have a price.
        has_conversation: Whether the conventions have a conversation for it.
        has_stream: Whether the conventions have the facts of a stream for it.
        has_sums: Whether its span has the sums of the calls to models inside it.
        is_memory: Whether it is an operation of a store of memories.
        has_metrics: Whether it is in the metrics of calls. Protocols have metrics of their own.
        is_stated: Whether its span states it in the conventions' attribute. A request of a protocol
            has a method there, and a node of a graph nothing, as readers take an operation that
            they do not know for a call to a model.
    """

    name: str
    subject: SubjectName | None = None
    is_protocol: bool = False
    is_served: bool = False
    is_session: bool = False
    is_local: bool = False
    uses_tokens: bool = True
    has_output_tokens: bool = True
    is_inference: bool = False
    is_billed: bool = False
    has_conversation: bool = True
    has_stream: bool = True
    has_sums: bool = False
    is_memory: bool = False
    has_metrics: bool = True
    is_stated: bool = True


def _inference(name: str) -> OperationFacts:
    return OperationFacts(name, is_inference=True, is_billed=True)


def _local(
    name: str, subject: SubjectName, *, has_sums: bool = False, is_stated: bool = True
) -> OperationFacts:
    return OperationFacts(
        name,
        subject,
        is_local=True,
        uses_tokens=False,
        has_output_tokens=False,
        # the conventions have a conversation for what has a name in them
        has_conversation=is_stated,
        has_sums=has_sums,
        is_stated=is_stated,
    )


def _memory(name: str) -> OperationFacts:
    return OperationFacts(
        name, uses_tokens=False, has_output_tokens=False, has_conversation=False, is_memory=True
    )


def _protocol(
    name: str, subject: SubjectName | None, is_served: bool, *, is_session: bool = False
) -> OperationFacts:
    return OperationFacts(
        name,
        subject,
        is_protocol=True,
        is_served=is_served,
        is_session=is_session,
        uses_tokens=False,
        has_output_tokens=False,
        has_conversation=False,
        has_metrics=False,
        is_stated=False,
    )


FETCH_BATCH = "fetch_batch"
"""The operation that reads the results of a batch."""
_ROWS = (
    _inference("chat"),
    _inference("text_completion"),
    _inference("generate_content"),
    OperationFacts("embeddings", has_output_tokens=False, is_billed=True, has_conversation=False),
    OperationFacts("rerank", has_output_tokens=False, has_conversation=False),
    OperationFacts("moderation", has_output_tokens=False, has_conversation=False),
    OperationFacts(
        "retrieval", "data_source_id", uses_tokens=False, has_conversation=False, has_stream=False
    ),
    _memory("search_memory"),
    _memory("create_memory"),
    _memory("update_memory"),
    _memory("upsert_memory"),
    _memory("delete_memory"),
    # reads the answer of an earlier call
    OperationFacts("fetch_response", uses_tokens=False, has_conversation=False, has_stream=False),
    # reads the results of a batch; it lasts as long as the app takes over them, which is no time of
    # the provider's (docs/decisions/0106)
    OperationFacts(
        FETCH_BATCH,
        uses_tokens=False,
        has_conversation=False,
        has_sums=True,
        has_metrics=False,
        has_stream=False,
    ),
    # other instrumentations report it, ours does not
    OperationFacts("create_agent", uses_tokens=False, has_conversation=False),
    _local("invoke_agent", "agent_name", has_sums=True),
    _local("invoke_workflow", "workflow_name", has_sums=True),
    _local("execute_tool", "tool_name"),
    _local("run_node", "node_name", is_stated=False),
    # named as the conventions name the spans of the Model Context Protocol
    _protocol("mcp.client", "mcp_request", is_served=False),
    _protocol("mcp.server", "mcp_request", is_served=True),
    # they have no span, so the conventions have no name for them
    _protocol("mcp_client_session", None, is_served=False, is_session=True),
    _protocol("mcp_server_session", None, is_served=True, is_session=True),
)
_BY_NAME = {facts.name: facts for facts in _ROWS}
INFERENCE = frozenset(facts.name for facts in _ROWS if facts.is_inference)
"""The names of the operations that the conventions call inference."""
MEMORY = tuple(facts.name for facts in _ROWS if facts.is_memory)
"""The names of the operations on stores of memories."""


def facts_of(operation: object) -> OperationFacts:
    """Return the facts of an operation; one that has no row calls a model."""
    name = str(operation)
    # also called for names that stand in files and spans of others, so any name must do
    return _BY_NAME.get(name) or OperationFacts(name)
