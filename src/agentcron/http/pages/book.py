"""Every page there is, in the order in which an address is looked for."""

from __future__ import annotations

from typing import Final

from agentcron.http.pages import (
    entrance,
    execution_page,
    inbox_page,
    job_form,
    job_list,
    job_page,
    live,
    nodes_page,
    overview,
    settings,
    timeline,
)

# /jobs/new stands before /jobs/{job_id}.
ROUTERS: Final = (
    entrance.entrance,
    entrance.router,
    live.router,
    overview.router,
    job_list.router,
    job_form.router,
    job_page.router,
    execution_page.router,
    timeline.router,
    inbox_page.router,
    settings.router,
    nodes_page.router,
)
