"""The first page: is it alive, what runs, what comes, what went wrong, what did it cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from fastapi import Request, Response
from markupsafe import Markup

from agentcron.access import Scope
from agentcron.domain.lifecycle import ExecutionStatus, JobStatus
from agentcron.domain.queries import ExecutionFilters, JobFilters, JobOrder
from agentcron.http.pages import drawing
from agentcron.http.pages.agenda import HOURS, agenda
from agentcron.http.pages.rendering import render, viewer_zone
from agentcron.http.pages.routing import needs, pages
from agentcron.http.routing import plugin_of
from agentcron.ports import SystemClock

_E: Final = ExecutionStatus
OPEN: Final = (_E.RUNNING, _E.PENDING, _E.AWAITING_INPUT)
TROUBLE: Final = (_E.FAILURE, _E.ERROR, _E.INCOMPLETE, _E.MISSED)
_LINES: Final = 8
_AGENDA: Final = 30
# So many jobs are looked at for what comes: those that are due soonest.
JOBS: Final = 1000
_ACTIVE: Final = JobFilters(status=[JobStatus.WAITING, JobStatus.RUNNING])

router = pages()


@router.get("/", **needs(Scope.READ))
async def overview(request: Request) -> Response:
    """The whole at a glance."""
    plugin, now = plugin_of(request), SystemClock().now()
    figures = await plugin.get_statistics()
    # Whole hours are counted: this one and 23 before.
    counts = await plugin.count_since(now - timedelta(hours=23))
    running = (await plugin.list_executions(ExecutionFilters(statuses=OPEN), _LINES + 1)).items
    trouble = (await plugin.list_executions(ExecutionFilters(statuses=TROUBLE), _LINES)).items
    latest = (await plugin.list_executions(ExecutionFilters(), _LINES)).items
    today = await plugin.get_usage("day", 1)
    jobs = await plugin.jobs_of({run.job_id for run in (*running, *trouble, *latest)})
    due = (await plugin.select_jobs(_ACTIVE, JobOrder.NEXT, JOBS)).jobs
    await asyncio.sleep(0)  # whoever else waits for the event loop is served before all of this is worked out
    coming = agenda(due, now, known=due[-1].next_slot if len(due) == JOBS else None)
    service = request.app.state.service
    evaluated = service.store.evaluated
    return await render(
        request,
        "overview.html",
        total=figures.total_jobs,
        names={key: job.name for key, job in jobs.items()},
        nodes=[node for node in await plugin.get_nodes() if node.alive],
        tick=time.monotonic() - evaluated if evaluated is not None else None,
        open_count=sum(figures.executions_by_status[status] for status in OPEN),
        running_count=figures.executions_by_status[_E.RUNNING],
        running=running[:_LINES],
        failed=sum(counts.get(status, 0) for status in (_E.FAILURE, _E.ERROR, _E.INCOMPLETE)),
        missed=counts.get(_E.MISSED, 0),
        succeeded=counts.get(_E.SUCCESS, 0),
        trouble=trouble,
        latest=latest,
        spent=today[0].amount if today else None,
        entries=coming.entries[:_AGENDA],
        more=max(len(coming.entries) - _AGENDA, 0),
        whole=coming.known is None,
        density=_density(coming.by_hour, now, viewer_zone(request)),
        agents=agents_of(request),
    )


def _density(by_hour: Sequence[int], now: datetime, zone: str) -> Markup:
    """A column for each hour; those of which nothing is known are empty."""
    place = ZoneInfo(zone)
    hours = [(now + timedelta(hours=hour)).astimezone(place) for hour in range(HOURS)]
    counts = [*by_hour, *[0] * (HOURS - len(by_hour))]
    titles = [
        f"{count} due from {hour:%H:%M} on" if number < len(by_hour) else f"not counted from {hour:%H:%M} on"
        for number, (count, hour) in enumerate(zip(counts, hours, strict=True))
    ]
    return drawing.columns(counts, titles, f"{sum(by_hour)} slots in the next {len(by_hour)} hours")


def agents_of(request: Request) -> list[dict[str, object]]:
    """The agent definitions, without a look at whether each can work."""
    describe = getattr(plugin_of(request).agent_factory, "describe", None)
    found: list[dict[str, object]] = describe(check=False) if describe is not None else []
    return found
