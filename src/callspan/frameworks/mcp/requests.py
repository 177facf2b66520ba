"""Requests and results of the protocol as facts of a run: dicts in mcp 2.x, models in 1.x."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from callspan.decorators.operation_types import PromptVariables
from callspan.events import Failure, Parameters
from callspan.frameworks.mcp.connections import NO_CONNECTION, Connection

CLIENT, SERVER = "mcp.client", "mcp.server"
TOOL_CALL = "tools/call"
_LOG_MESSAGE = "notifications/message"
_PROMPT = "prompts/get"
_NO_ERRORS_OF_SERVERS = frozenset({-32700, -32600, -32601, -32602, -32002})
"""Codes by which a server refuses a request that the client should not have sent."""
_INVALID_PARAMS = -32602
LAST_VERSION_WITH_SESSIONS = "2025-11-25"
Params = Any
"""The parameters of a request or a result: a dict, a model or `None`."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request or notification, as either side of a connection has it.

    Attributes:
        role: `mcp.client` for the side that sends it, `mcp.server` for the one that answers.
        method: Its method, such as `tools/call`.
        params: Its parameters.
        id: Its JSON-RPC id; a notification has none.
        version: The version of the protocol, where it is known by now.
        connection: The connection on which it goes.
        meta: What the other side has sent beside the parameters, such as its trace context.
    """

    role: str
    method: str
    params: Params = None
    id: object = None
    version: str | None = None
    connection: Connection = NO_CONNECTION
    meta: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_observed(self) -> bool:
        """Whether it has a span: a line of a log is telemetry itself, and there may be many."""
        return self.method != _LOG_MESSAGE

    @property
    def target(self) -> str | None:
        """The name of the tool or the prompt."""
        if self.method not in (TOOL_CALL, _PROMPT):
            return None
        name = get(self.params, "name")
        return name if isinstance(name, str) else None

    @property
    def name(self) -> str:
        """The request's name: its method, and the tool or prompt."""
        if self.target is None:
            return self.method
        return f"{self.method} {self.target}"

    @property
    def arguments(self) -> object:
        """The arguments of a tool, or the variables of a prompt."""
        arguments = get(self.params, "arguments")
        if self.method == TOOL_CALL:
            return arguments
        if self.method == _PROMPT and isinstance(arguments, Mapping):
            return PromptVariables(arguments)
        return None

    def parameters(self) -> Parameters:
        """Return the facts that its span has, under plain names."""
        parameters: Parameters = {"mcp_method": self.method}
        if self.method == TOOL_CALL:
            parameters["operation_name"] = "execute_tool"
            parameters["tool_name"] = self.target
        elif self.method == _PROMPT:
            parameters["prompt_name"] = self.target
        elif self.method.startswith("resources/"):
            uri = get(self.params, "uri")
            parameters["mcp_resource_uri"] = None if uri is None else str(uri)
        parameters["jsonrpc_request_id"] = None if self.id is None else str(self.id)
        return {**parameters, **self.facts_of_connection()}

    def facts_of_connection(self) -> Parameters:
        """Return the facts of the connection, some of which are there only when it is answered."""
        facts: Parameters = {**self.connection.facts(), "mcp_protocol_version": self.version}
        # versions are dates, so their text compares
        if self.version is not None and self.version > LAST_VERSION_WITH_SESSIONS:
            facts.pop("mcp_session_id", None)
        return facts


def meta_of(params: Params) -> Mapping[str, Any]:
    """Return what is sent beside the parameters, where these are plain data; it may be anything."""
    meta = get(params, "_meta")
    return meta if isinstance(meta, Mapping) else {}


def get(params: Params, name: str) -> Any:
    """Return a parameter by its name on the wire; `None` if there is none."""
    if isinstance(params, Mapping):
        return params.get(name)
    return getattr(params, name, None)


def bare(result: Params) -> Params:
    """Return a result without the model around it that stands for any result."""
    # mcp 1.x: `ClientRequest`, `ServerResult` and the like
    return getattr(result, "root", result)


def content_of(result: Params) -> object:
    """Return the result of a tool as plain data."""
    result = bare(result)
    if hasattr(result, "model_dump"):
        # by the names on the wire, which both versions share
        result = result.model_dump(mode="json", by_alias=True, exclude_none=True)
    if not isinstance(result, dict):
        return None
    # what a model may read; the rest is for the client
    return {name: result[name] for name in ("content", "structuredContent") if name in result}


def failure_of(result: Params) -> Failure | None:
    """Return the failure that the result of a tool tells of."""
    result = bare(result)
    if get(result, "isError") is not True:
        return None
    parts = get(result, "content") or ()
    texts = [get(part, "text") for part in parts]
    return Failure("tool_error", "\n".join(text for text in texts if isinstance(text, str)))


def error_code(error: BaseException) -> int | None:
    """Return the JSON-RPC code of an exception; `None` for one that is no answer of the other side."""
    code = getattr(getattr(error, "error", None), "code", None)
    return code if isinstance(code, int) else None


def code_of_handler(error: BaseException) -> int | None:
    """Return the JSON-RPC code with which a server answers where its handler raises."""
    # pydantic's, by name: parameters that do not fit the method
    if type(error).__name__ == "ValidationError":
        return _INVALID_PARAMS
    return error_code(error)


def is_failure(role: str, code: int) -> bool:
    """Whether a request that is answered with an error has failed: at a server not all have."""
    return role == CLIENT or code not in _NO_ERRORS_OF_SERVERS
