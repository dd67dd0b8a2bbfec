"""A small MCP server: ``python mcp_tools.py`` speaks over its standard input and output."""

from __future__ import annotations

import os

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("numbers")


@server.tool()
def add(left: int, right: int) -> int:
    """The sum."""
    return left + right


@server.tool()
def variable(name: str) -> str:
    """What the server has in its environment under this name."""
    return os.environ.get(name, "nothing")


@server.tool()
def fail() -> str:
    """Fails."""
    raise ToolError("the file is locked")


if __name__ == "__main__":
    server.run("stdio")
