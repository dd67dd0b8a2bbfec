"""How this server is set up, to be read: nothing here can be changed over the network."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from fastapi import Request, Response

from agentcron.access import Scope
from agentcron.errors import ConfigError
from agentcron.http.pages.rendering import render
from agentcron.http.pages.routing import needs, pages, session_of
from agentcron.http.routing import plugin_of
from agentcron.http.system import Service
from agentcron.plugin import BackgroundJobsPlugin

router = pages()


@router.get("/settings", **needs(Scope.READ))
async def settings(request: Request) -> Response:
    """Version, store, agents, endpoints, processes; tokens by name for who may do everything."""
    plugin, service = plugin_of(request), request.app.state.service
    describe = getattr(plugin.agent_factory, "describe", None)
    agents: list[dict[str, Any]] = await asyncio.to_thread(describe) if describe is not None else []
    admin = session_of(request).can("admin")
    return await render(
        request,
        "settings.html",
        python=f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}",
        store=plugin.storage.url,
        settings_zone=plugin.config.timezone,
        interval=plugin.config.evaluation_interval_ms,
        grace=plugin.config.stop_grace,
        places=getattr(plugin.agent_factory, "max_concurrent_agents", None),
        retention=plugin.config.retention,
        scheduling=service.scheduling,
        agents=agents,
        **_endpoints(plugin),
        waiting=await plugin.letters_waiting(),
        rules=plugin.default_notify,
        nodes=(await plugin.get_nodes())[:10],
        tokens=request.app.state.sessions.tokens() if admin else None,
        figures=await plugin.get_statistics(),
        findings=await _findings(service) if admin and "doctor" in request.query_params else None,
    )  # fmt: skip


def _endpoints(plugin: BackgroundJobsPlugin) -> dict[str, Any]:
    """Names and kinds alone: an address may be a secret."""
    try:
        return {"endpoints": plugin.endpoints(), "no_endpoints": None}
    except ConfigError as error:
        return {"endpoints": {}, "no_endpoints": str(error)}


async def _findings(service: Service) -> list[dict[str, Any]]:
    async with service.examining:
        return await asyncio.to_thread(service.doctor)
