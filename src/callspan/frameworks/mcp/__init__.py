"""MCP, the Model Context Protocol: requests between clients and servers, in both directions."""
