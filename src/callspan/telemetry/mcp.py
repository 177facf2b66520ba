"""How long requests and sessions of the Model Context Protocol take, at client and server."""

from __future__ import annotations

from typing import Any

from callspan.events import Call
from callspan.semconv import attributes, names
from callspan.semconv.attributes import Attributes
from callspan.semconv.conventions import MCP_DURATIONS
from callspan.telemetry.attribute_sets import Bounds
from callspan.telemetry.provider import FollowsProvider

_CLIENT = MCP_DURATIONS["mcp.client"]
_SHARED = (
    names.MCP_METHOD,
    names.MCP_PROTOCOL_VERSION,
    names.OPERATION,
    names.TOOL_NAME,
    names.PROMPT_NAME,
    names.RPC_STATUS_CODE,
    names.NETWORK_TRANSPORT,
    names.NETWORK_PROTOCOL_NAME,
    names.NETWORK_PROTOCOL_VERSION,
    names.SERVER_ADDRESS,
    names.SERVER_PORT,
)
"""The attributes of a request that its duration has too; a session has some of them."""


class McpMetrics:
    """Records the durations of requests and sessions."""

    def __init__(self, instruments: FollowsProvider[dict[str, Any]]) -> None:
        self._bounds = Bounds()
        self._instruments = instruments

    def record(self, call: Call) -> None:
        """Record a request that has ended, by its own call or a tool's run for it, or a session."""
        # the run of a tool is no operation of MCP's: it stands for a request that a client sends
        metric = MCP_DURATIONS.get(call.operation, _CLIENT)
        values: Attributes = {**attributes.request(call)}
        if call.local:
            values[names.OPERATION] = call.operation
        shared = {name: values[name] for name in _SHARED if name in values}
        chosen: Attributes = self._bounds.attribute_set(shared, metric.name)
        if call.failure:
            # with a limit of their own, so that failures take no series from requests that succeed
            chosen = self._bounds.attribute_set(
                {**shared, names.ERROR_TYPE: call.failure.type}, f"{metric.name} failed"
            )
        self._instruments.get()[metric.name].record(call.duration, chosen, context=call.context)
