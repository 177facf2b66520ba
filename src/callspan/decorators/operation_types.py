"""The operation types of decorators and frameworks, and how each reads arguments and results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from callspan.content.values import as_object, as_text
from callspan.events import TEXT, Content, Delta, Message, MessagePart, Part, parse_arguments
from callspan.events.operations import MEMORY
from callspan.lifecycle.reading import Reading


@dataclass(frozen=True, slots=True)
class OperationType:
    """One operation type.

    Attributes:
        decorator: The name of the decorator: `workflow`, `agent` or `tool`; there is none for
            nodes, retrievals, memories, requests and sessions of protocols, which only frameworks
            report.
        operation: The operation's name in the conventions.
        read_arguments: Turns arguments into a call's content.
        reading: Turns a result into a delta; results are read only if somebody needs the text.
    """

    decorator: str
    operation: str
    read_arguments: Callable[[object], Content]
    reading: Reading


def _question(arguments: object) -> Content:
    """Return arguments as a user's message: a single one bare, several as JSON with their names.

    A list of messages, which many frameworks take, stays a list of messages.
    """
    if isinstance(arguments, list) and arguments and all(map(_is_message, arguments)):
        return Content([_message(each) for each in arguments])
    # the name of a lone parameter is the program's word, and no part of the question
    if isinstance(arguments, dict) and len(arguments) < 2:
        arguments = next(iter(arguments.values()), None)
    if arguments is None:
        return Content()
    return Content([{"role": "user", "parts": [{"type": TEXT, "content": as_text(arguments)}]}])


def _is_message(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("role"), str) and "content" in value


def _message(value: dict[str, Any]) -> Message:
    part: MessagePart = {"type": TEXT, "content": as_text(value["content"])}
    return {"role": value["role"], "parts": [part]}


def _answer(result: object, _needs_text: bool) -> Delta:
    return Delta(parts=[Part(TEXT, as_text(result))])


def _tool_arguments(arguments: object) -> Content:
    if arguments is None:
        return Content()
    # a model writes the arguments of a tool as JSON text
    return Content(arguments=as_object(parse_arguments(arguments)))


class PromptVariables(dict[str, object]):
    """The variables of a prompt template, which a request has in place of a tool's arguments."""


def _request_arguments(arguments: object) -> Content:
    if isinstance(arguments, PromptVariables):
        return Content(variables={name: as_text(value) for name, value in arguments.items()})
    return _tool_arguments(arguments)


def _tool_result(result: object, _needs_text: bool) -> Delta:
    return Delta(result=as_object(result))


# what passes through a node stands on the calls inside it
def _no_content(_input: object) -> Content:
    return Content()


def _no_result(_result: object, _needs_text: bool) -> Delta:
    return Delta()


def _search(query: object) -> Content:
    if query is None:
        return Content()
    return Content(query=as_text(query))


@dataclass(frozen=True, slots=True)
class MemoryInput:
    """The input of a store of memories: the text of a search, or records to keep."""

    query: str | None = None
    records: list[dict[str, object]] = field(default_factory=list)


def _memory_input(memory: object) -> Content:
    if not isinstance(memory, MemoryInput):
        return Content()
    return Content(query=memory.query, records=memory.records)


def _documents(documents: object, _needs_text: bool) -> Delta:
    return Delta(result=documents)


WORKFLOW = OperationType("workflow", "invoke_workflow", _question, Reading(_answer))
AGENT = OperationType("agent", "invoke_agent", _question, Reading(_answer))
TOOL = OperationType("tool", "execute_tool", _tool_arguments, Reading(_tool_result))
NODE = OperationType("node", "run_node", _no_content, Reading(_no_result))
RETRIEVAL = OperationType("retrieval", "retrieval", _search, Reading(_documents))
# arguments and results of MCP's `tools/call`, and variables of its prompts
REQUESTS = (
    OperationType("request", "mcp.client", _request_arguments, Reading(_tool_result)),
    OperationType("request", "mcp.server", _request_arguments, Reading(_tool_result)),
)
SESSIONS = (
    OperationType("session", "mcp_client_session", _no_content, Reading(_no_result)),
    OperationType("session", "mcp_server_session", _no_content, Reading(_no_result)),
)
MEMORIES = [
    OperationType("memory", operation, _memory_input, Reading(_documents)) for operation in MEMORY
]
_TYPES = (WORKFLOW, AGENT, TOOL, NODE, RETRIEVAL, *REQUESTS, *SESSIONS, *MEMORIES)
OPERATION_TYPES = {each.operation: each for each in _TYPES}
"""All types by their operations."""
