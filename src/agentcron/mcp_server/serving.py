"""How the tools are served: over stdio for one client, over HTTP for holders of a token."""

from __future__ import annotations

from typing import Any, Final

from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import ToolAnnotations
from starlette.applications import Starlette
from starlette.routing import Route

from agentcron._version import __version__
from agentcron.agents.processes import marked_run
from agentcron.mcp_server.tools import SchedulerTools
from agentcron.observability import in_our_log, logging_untouched
from agentcron.plugin import BackgroundJobsPlugin

_INSTRUCTIONS: Final = (
    "Schedules prompts: a job is a name, a schedule and a prompt; whenever it is due, a new agent runs the prompt and "
    "its answer is kept. Check a schedule with preview_schedule before you create a job. A job is named by id or name."
)
_READS: Final = ("preview_schedule", "list_jobs", "get_job", "list_executions", "get_execution", "why")
_CHANGES: Final = ("create_job", "update_job", "pause_job", "resume_job", "run_job_now")
_ENDS: Final = ("cancel_job", "delete_job")


def make_server(plugin: BackgroundJobsPlugin, execution_id: str | None = None) -> MCPServer[Any]:
    """The server with its tools; ``execution_id``: the run that its only client works in, where it does.

    Each tool is annotated, so that a client can ask a person before something is lost.
    """
    with logging_untouched():
        # The tools never change: a subscription would be a stream that carries nothing, and that holds up a stop.
        server: MCPServer[Any] = MCPServer(
            name="agentcron", version=__version__, instructions=_INSTRUCTIONS, subscriptions=False
        )
    tools = SchedulerTools(plugin, execution_id)
    for name in (*_READS, *_CHANGES, *_ENDS):
        notes = ToolAnnotations(read_only_hint=name in _READS, destructive_hint=name in _ENDS, open_world_hint=False)
        server.add_tool(getattr(tools, name), annotations=notes)
    return server


async def serve_stdio(plugin: BackgroundJobsPlugin) -> None:
    """Serve one client on standard input and output until it closes them. Started by a run, it obeys that run's limits:
    what a run starts is told so."""
    with in_our_log("mcp"):
        await make_server(plugin, marked_run()).run_stdio_async()


def http_app(server: MCPServer[Any], max_body: int) -> Starlette:
    """The same over streamable HTTP at /mcp, each request for itself. Host, origin and token were judged before."""
    app = server.streamable_http_app(
        stateless_http=True,
        json_response=True,
        max_request_body_size=max_body,
        # One place judges names and origins; two would be allowed different things.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    for route in app.routes:
        if isinstance(route, Route):
            # Requests stand for themselves, so that nothing comes on a GET: clients are told so and keep no stream.
            route.methods = {"POST"}
    return app
