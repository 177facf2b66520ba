"""A server of MCP over a pipe, which writes its spans into the file that SPANS names."""

import os

import callspan

callspan.configure(file=os.environ["SPANS"])
callspan.instrument()

try:
    from mcp.server.mcpserver import MCPServer
except ImportError:  # mcp 1.x
    from mcp.server.fastmcp import FastMCP as MCPServer

server = MCPServer("flowers")


@server.tool()
def price(flower: str) -> str:
    """Tell a price."""
    return f"{flower}: 1.20"


server.run()
