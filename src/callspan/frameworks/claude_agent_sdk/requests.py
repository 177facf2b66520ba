"""Requests of the program for code of the app: which tool they are for, and the trace context."""

from __future__ import annotations

from typing import Any

from callspan.formats.fields import get, get_nested
from callspan.frameworks.claude_agent_sdk.session import Session
from callspan.frameworks.integration import Context
from callspan.runtime import scope

_TOOL_USE_ID = "claudecode/toolUseId"
"""The key under which the program names the tool call that a request of MCP is for."""


def context_of(request: object, session: Session) -> Context:
    """Return the context for the code that a request is for: its tool's, else the turn's."""
    body = get(request, "request")
    message = get(body, "message")
    call_id = get(body, "tool_use_id") or get(get_nested(message, "params", "_meta"), _TOOL_USE_ID)
    if call_id is None and get(message, "method") == "tools/call":
        # older programs do not name the call
        tool = get_nested(message, "params", "name")
        name = f"mcp__{get(body, 'server_name')}__{tool}"
        return session.context_of_tool_named(name)
    return session.context_of_tool(call_id)


def with_trace_context(request: Any) -> Any:
    """Return a request of MCP with the trace context in force; any other request as it is."""
    body = request["request"]
    message = body.get("message")
    # a notification has no id, an answer no method, and a hook or a permission no message
    if not isinstance(message, dict) or "id" not in message or "method" not in message:
        return request
    params: dict[str, Any] = message.get("params") or {}
    carrier: dict[str, Any] = {}
    scope.inject(carrier)
    # a trace context that the program has written itself stays
    meta = {**carrier, **(params.get("_meta") or {})}
    message = {**message, "params": {**params, "_meta": meta}}
    return {**request, "request": {**body, "message": message}}
