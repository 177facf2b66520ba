"""The integration of MCP's own Python package, of which FastMCP makes its clients and servers too."""

from __future__ import annotations

from callspan.frameworks.mcp import sdk_v1, sdk_v2, sessions
from callspan.frameworks.mcp.connections import note_http_transport, note_transport
from callspan.frameworks.mcp.exchange import reporter
from callspan.runtime.patching import Patch
from callspan.runtime.scope import load_propagators

_DECORATED = "func"
"""The variable in which a context manager's decorator keeps the generator function."""


def _transports() -> list[Patch]:
    pipe = note_transport("pipe")
    http = note_transport("tcp", "http")
    websocket = note_transport("tcp", "websocket")
    module = "mcp.client.streamable_http"
    return [
        Patch("mcp.client.stdio", "stdio_client", pipe, True, _DECORATED),
        Patch("mcp.server.stdio", "stdio_server", pipe, True, _DECORATED),
        Patch("mcp.client.sse", "sse_client", http, True, _DECORATED),
        # in mcp 1.x alone
        Patch("mcp.client.websocket", "websocket_client", websocket, True, _DECORATED),
        # not at the function that opens it: the session's id stands on the transport inside
        Patch(module, "StreamableHTTPTransport.post_writer", note_http_transport, optional=True),
    ]


def patches() -> list[Patch]:
    """Return the patches of all versions."""
    return [*sdk_v1.patches(), *sdk_v2.patches(), *sessions.patches(), *_transports()]


MCP = reporter.integration(
    module="mcp",
    versions=("1.20", "3"),
    operations=("mcp.client", "mcp.server"),
    patches=patches,
    # they read files, and the first request may be made in an event loop
    prepare=load_propagators,
)
