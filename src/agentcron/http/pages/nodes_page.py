"""Which processes run jobs of this store: of which version, until when each is believed, and what it runs."""

from __future__ import annotations

from typing import Final

from fastapi import Request, Response

from agentcron.access import Scope
from agentcron.http.pages.rendering import render
from agentcron.http.pages.routing import needs, pages
from agentcron.http.routing import plugin_of
from agentcron.nodes import working_nodes

# Each start of a scheduler leaves one behind.
_MOST: Final = 200

router = pages()


@router.get("/nodes", **needs(Scope.READ))
async def nodes(request: Request) -> Response:
    """Those that are alive, or with ``all`` those that were as well."""
    everyone = "all" in request.query_params
    found = await working_nodes(plugin_of(request), everyone=everyone)
    return await render(request, "nodes.html", found=found[:_MOST], left=len(found) - _MOST, everyone=everyone)
