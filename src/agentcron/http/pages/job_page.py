"""One job: what comes, what was, what it is made of, and what a person may do with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import date, datetime, timedelta
from typing import Any, Final

from fastapi import Request, Response
from starlette.responses import RedirectResponse

from agentcron.access import Scope
from agentcron.domain.lifecycle import ExecutionStatus, JobState
from agentcron.domain.model import Job
from agentcron.domain.queries import ExecutionFilters, Quarter
from agentcron.domain.spec import JobSpec
from agentcron.domain.spec_fields import write_changed
from agentcron.errors import AgentcronError, ConflictError
from agentcron.http.pages import drawing
from agentcron.http.pages.field_text import field_text
from agentcron.http.pages.rendering import render, viewer_zone
from agentcron.http.pages.routing import back, needs, pages
from agentcron.http.routing import plugin_of
from agentcron.ports import SystemClock
from agentcron.schedule import EverySchedule, on_clock, parse_instant

COMING: Final = 10
HISTORY: Final = 25
TOLD: Final = 5
WEEKS: Final = 13
_OVER: Final = (JobState.CANCELED, JobState.COMPLETED)
# Shown elsewhere on the page.
_APART: Final = frozenset({"name", "schedule", "prompt", "agent", "tags", "metadata"})

router = pages()


@router.get("/jobs/{job_id}", **needs(Scope.READ))
async def show_job(request: Request, job_id: str) -> Response:
    """A job by its id, name, or unique beginning of its id."""
    plugin, now = plugin_of(request), SystemClock().now()
    job = await plugin.find_job(job_id)
    zone = viewer_zone(request) if isinstance(job.schedule, EverySchedule) else job.timezone
    since = now - timedelta(weeks=WEEKS)
    before = request.query_params.get("before") or None
    filters = ExecutionFilters(job_id=job.id, include_skipped=True, before=before)
    page = await plugin.list_executions(filters, HISTORY)
    runs = (await plugin.latest_runs([job.id], 20))[job.id]
    return await render(
        request,
        "job.html",
        job=job,
        job_zone=zone,
        over=job.state in _OVER,
        coming=plugin.upcoming(job, COMING),
        runs=page.items,
        older=page.after,
        before=before,
        success=job.totals.success / job.totals.executions if job.totals.executions else None,
        mean=job.totals.duration / job.totals.executions if job.totals.executions else None,
        spark=drawing.sparkline([(run.status, run.duration) for run in reversed(runs)]),
        heat=drawing.heatmap(_by_day(await plugin.quarters(job.id, since), zone), _day(now, zone), WEEKS),
        letters=await plugin.outbox(job_id=job.id, limit=TOLD),
        policies=_policies(job),
        why=await _why(request, job),
        asked=request.query_params.get("why", ""),
    )


def _by_day(found: Iterable[Quarter], zone: str) -> dict[date, Mapping[ExecutionStatus, int]]:
    days: dict[date, Counter[ExecutionStatus]] = {}
    for quarter in found:
        days.setdefault(_day(quarter.at, zone), Counter())[quarter.status] += quarter.slots
    return dict(days)


def _day(instant: datetime, zone: str) -> date:
    return on_clock(instant, zone).date()


def _policies(job: Job) -> list[dict[str, Any]]:
    """Every field that has a rule in it: its name, value, meaning, and whether a person chose it."""
    chosen = write_changed(job.spec)
    return [
        {
            "name": field.name.replace("_", " "),
            "value": field_text(job.spec, field.name) or "–",
            "help": field.metadata["help"],
            "chosen": field.name in chosen,
        }
        for field in fields(JobSpec)
        if field.name not in _APART
    ]


async def _why(request: Request, job: Job) -> str | None:
    asked = request.query_params.get("why", "").strip()
    if not asked:
        return None
    try:
        return (await plugin_of(request).explain(job.id, parse_instant(asked, job.timezone))).sentence
    except AgentcronError as error:
        return str(error)


@router.post("/jobs/{job_id}/run", **needs(Scope.RUN))
async def run_job(request: Request, job_id: str) -> Response:
    """Run it now, besides its schedule, and show that run."""
    return RedirectResponse(f"/executions/{await plugin_of(request).run_job_now(job_id)}?said=queued", 303)


@router.post("/jobs/{job_id}/pause", **needs(Scope.WRITE))
async def pause_job(request: Request, job_id: str) -> Response:
    """Start no further slot."""
    return _done(request, job_id, "paused", await plugin_of(request).pause_job(job_id))


@router.post("/jobs/{job_id}/resume", **needs(Scope.WRITE))
async def resume_job(request: Request, job_id: str) -> Response:
    """On with the schedule."""
    return _done(request, job_id, "resumed", await plugin_of(request).resume_job(job_id))


@router.post("/jobs/{job_id}/cancel", **needs(Scope.WRITE))
async def cancel_job(request: Request, job_id: str) -> Response:
    """No further slot, for good."""
    return _done(request, job_id, "canceled", await plugin_of(request).cancel_job(job_id))


@router.post("/jobs/{job_id}/delete", **needs(Scope.WRITE))
async def delete_job(request: Request, job_id: str) -> Response:
    """Away with it and its history."""
    if not await plugin_of(request).delete_job(job_id):
        raise ConflictError(f"job {job_id!r} was not deleted; it may be gone already")
    return RedirectResponse("/jobs?said=deleted", 303)


def _done(request: Request, job_id: str, said: str, done: bool) -> Response:
    return back(request, said if done else "over", f"/jobs/{job_id}")
