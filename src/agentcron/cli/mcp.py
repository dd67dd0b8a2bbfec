"""The scheduler as an MCP server on standard input and output."""

from __future__ import annotations

import logging

import click

from agentcron.cli.session import Session, command
from agentcron.errors import ConfigError


@command("mcp", makes_store=True)
def mcp_command(session: Session) -> None:
    """Serve the scheduling tools to an MCP client over standard input and output.

    Jobs run where 'agentcron start' or 'agentcron serve' runs.

    Example: agentcron mcp --store jobs.sqlite
    """
    try:
        from agentcron.mcp_server.serving import serve_stdio
    except ImportError as error:
        raise ConfigError(f"{error.name} is not installed; pip install 'agentcron[mcp]'") from error
    if session.json:
        raise click.UsageError("standard output belongs to the protocol; leave --json out")
    session.call(serve_stdio, level=logging.WARNING)
